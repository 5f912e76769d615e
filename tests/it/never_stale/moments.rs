//! Tests files that change while cargo builds.

use std::time::{Duration, SystemTime};

use super::build::{Build, said};

const MAIN: &str = "
fn plain(x: u64) -> u64 { dep::scale(x) }
#[larder::memoize(cache = &CACHE)]
fn scaled(x: u64) -> u64 { plain(x) }
fn main() { report(plain(3), scaled::call(3).outcome()); }
";

/// The dependency is compiled at once. The program is compiled after a crate whose build script takes a while. The
/// file is saved at another time in each round.
#[test]
fn a_dependency_saved_during_the_build_counts() {
    let build = Build::of_program("dep = { path = \"../dep\" }\nslow = { path = \"../slow\" }\n", MAIN)
        .beside("dep", "", "pub fn scale(x: u64) -> u64 { x * 100 }")
        .beside("slow", "", "")
        .with("slow/build.rs", "fn main() { std::thread::sleep(std::time::Duration::from_millis(1200)); }\n");
    assert_eq!(build.run().value, "300");
    for moment in 0..20_u32 {
        // This makes the build script run again.
        build.write(
            "slow/build.rs",
            &format!("fn main() {{ std::thread::sleep(std::time::Duration::from_millis(1200 + {moment})); }}\n"),
        );
        build.write("dep/src/lib.rs", &format!("pub fn scale(x: u64) -> u64 {{ x * {} }}", 200 + moment));
        let running = build.command(&["run", "--quiet", "-p", &build.name]);
        let running =
            { running }.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(u64::from(moment) * 110));
        build.write("dep/src/lib.rs", &format!("pub fn scale(x: u64) -> u64 {{ x * {} }}", 300 + moment));
        // Both texts are possible here, but the memoized function must agree with the plain one.
        said(running.wait_with_output().unwrap());
        assert_eq!(build.run().value, format!("{}", 3 * (300 + moment)), "saved at moment {moment}");
    }
    build.write("dep/src/lib.rs", "pub fn scale(x: u64) -> u64 { x * 100 }");
    let back = build.run();
    assert_eq!((back.value.as_str(), back.is_hit), ("300", true), "the first text again");
}

/// The compiler has already read the file when the attribute reads it. A derive that sleeps stands in for a large
/// crate.
#[test]
fn a_file_saved_during_its_compilation_counts() {
    let main = "
mod helper;
#[derive(sleepy::Sleep)]
#[allow(dead_code)]
struct Late;
fn plain(x: u64) -> u64 { helper::scale(x) }
#[larder::memoize(cache = &CACHE)]
fn scaled(x: u64) -> u64 { plain(x) }
fn main() { report(plain(3), scaled::call(3).outcome()); }
";
    let build = Build::of_program("sleepy = { path = \"../sleepy\" }\n", main)
        .beside(
            "sleepy",
            "\n[lib]\nproc-macro = true",
            "#[proc_macro_derive(Sleep)]
            pub fn sleep(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
                std::thread::sleep(std::time::Duration::from_millis(900));
                proc_macro::TokenStream::new()
            }",
        )
        .with("app/src/helper.rs", "pub fn scale(x: u64) -> u64 { x * 100 }");
    assert_eq!(build.run().value, "300");
    for moment in 0..8_u32 {
        build.write("app/src/helper.rs", &format!("pub fn scale(x: u64) -> u64 {{ x * {} }}", 200 + moment));
        let mut command = build.command(&["run", "--quiet", "-p", &build.name]);
        let running =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(u64::from(moment) * 170));
        build.write("app/src/helper.rs", &format!("pub fn scale(x: u64) -> u64 {{ x * {} }}", 300 + moment));
        said(running.wait_with_output().unwrap());
        assert_eq!(build.run().value, format!("{}", 3 * (300 + moment)), "saved at moment {moment}");
    }
    build.write("app/src/helper.rs", "pub fn scale(x: u64) -> u64 { x * 100 }");
    let back = build.run();
    assert_eq!((back.value.as_str(), back.is_hit), ("300", true), "the first text again");
}

/// The new file is older than the one it replaces, so cargo does not rebuild the library.
#[test]
fn a_dependency_replaced_by_an_older_file_counts() {
    let build = Build::of_program("dep = { path = \"../dep\" }\n", MAIN).beside(
        "dep",
        "",
        "pub fn scale(x: u64) -> u64 { x * 100 }",
    );
    assert_eq!(build.run().value, "300");
    build.write("dep/new.rs", "pub fn scale(x: u64) -> u64 { x * 7 }");
    let old = SystemTime::now() - Duration::from_secs(1_000_000);
    std::fs::File::options().write(true).open(build.path("dep/new.rs")).unwrap().set_modified(old).unwrap();
    std::fs::rename(build.path("dep/new.rs"), build.path("dep/src/lib.rs")).unwrap();
    // The program is recompiled, but not the library.
    build.edit("app/src/main.rs", "fn main()", "const _: u8 = 1;\nfn main()");
    assert_eq!(build.run().value, "300");
    let now = SystemTime::now();
    std::fs::File::options().write(true).open(build.path("dep/src/lib.rs")).unwrap().set_modified(now).unwrap();
    assert_eq!(build.run().value, "21");
}
