//! Files that change while cargo builds.

use std::time::{Duration, SystemTime};

use super::build::{Build, said};

const MAIN: &str = "
fn plain(x: u64) -> u64 { dep::scale(x) }
#[larder::memoize(cache = &CACHE)]
fn scaled(x: u64) -> u64 { plain(x) }
fn main() { report(plain(3), scaled::call(3).outcome()); }
";

/// FIELD F1, a dependency: it is compiled at once, and the program after a crate whose build script takes a while.
/// The file is saved at another moment each time.
#[test]
fn a_dependency_that_is_saved_during_the_build() {
    let build = Build::of_program("dep = { path = \"../dep\" }\nslow = { path = \"../slow\" }\n", MAIN)
        .beside("dep", "", "pub fn scale(x: u64) -> u64 { x * 100 }")
        .beside("slow", "", "")
        .with("slow/build.rs", "fn main() { std::thread::sleep(std::time::Duration::from_millis(1200)); }\n");
    assert_eq!(build.run().value, "300");
    for moment in 0..20_u32 {
        // The build script runs again.
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
        // Whichever text it was compiled from, the memoized function gives what the plain one gives.
        said(running.wait_with_output().unwrap());
        assert_eq!(build.run().value, format!("{}", 3 * (300 + moment)), "saved at moment {moment}");
    }
    build.write("dep/src/lib.rs", "pub fn scale(x: u64) -> u64 { x * 100 }");
    let back = build.run();
    assert_eq!((back.value.as_str(), back.is_hit), ("300", true), "the first text again");
}

/// FIELD F1, the package itself: the compiler has read the file, and the attribute reads it later. A derive that
/// sleeps stands in for a large crate.
#[test]
fn a_file_of_the_package_that_is_saved_during_its_compilation() {
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

/// FIELD F11: the file that replaces another one is older, so cargo keeps the library.
#[test]
fn a_dependency_that_is_replaced_by_an_older_file() {
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
    // The program is compiled again, the library is not.
    build.edit("app/src/main.rs", "fn main()", "const _: u8 = 1;\nfn main()");
    assert_eq!(build.run().value, "300");
    let now = SystemTime::now();
    std::fs::File::options().write(true).open(build.path("dep/src/lib.rs")).unwrap().set_modified(now).unwrap();
    assert_eq!(build.run().value, "21");
}
