//! Tests two unrelated programs that use one cache: the crates in `tests/programs`.

use std::path::Path;
use std::process::Command;

use larder::Cache;
use tempfile::{TempDir, tempdir};

use crate::tracking::copy;

struct Programs {
    dir: TempDir,
    cache: TempDir,
}

impl Programs {
    fn new() -> Self {
        let larder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let programs = Programs { dir: tempdir().unwrap(), cache: tempdir().unwrap() };
        copy(&larder.join("tests/programs"), programs.dir.path());
        let manifest = programs.dir.path().join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).unwrap().replace("LARDER", larder.to_str().unwrap());
        std::fs::write(manifest, text).unwrap();
        // Use the versions that are downloaded already.
        std::fs::copy(larder.join("Cargo.lock"), programs.dir.path().join("Cargo.lock")).unwrap();
        programs
    }

    fn run(&self, program: &str, todo: &str) -> String {
        // The tracked crates have built the dependencies in this folder already. All these programs have different
        // names, because they share the folder.
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tracked");
        let mut command = Command::new(env!("CARGO"));
        command.args(["run", "--offline", "--quiet", "--package", program, "--", todo]).current_dir(self.dir.path());
        command.env("CARGO_TARGET_DIR", target).env("CARGO_PROFILE_DEV_DEBUG", "0");
        command.env("LARDER_DIR", self.cache.path().join("global")).env("OPENED", self.cache.path().join("opened"));
        command.env_remove("RUSTFLAGS").env_remove("LARDER").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn functions(&self) -> Vec<String> {
        let cache = Cache::open(self.cache.path().join("global")).unwrap();
        cache.functions().unwrap().into_iter().map(|function| function.name).collect()
    }
}

#[test]
fn closures_with_one_name_in_two_programs_are_different() {
    let programs = Programs::new();
    let of = |who: &str, library: &str, opened: &str| {
        format!(
            "closure: {who}\nclone: {who}\ntried: {who}\nfunction: {who}\npointer: {who}\nboxed: {who}\n\
             handed on: {who}\nlibrary's: {library}\nmoves: {who}, here\nopened: {opened}\n"
        )
    };
    assert_eq!(programs.run("bakery", ""), of("bakery", "bakery", "bakery"));
    // A closure within a library is the same for all programs, and so are closures in a cache that both programs
    // open.
    assert_eq!(programs.run("dairy", ""), of("dairy", "bakery", "bakery"));
    // All of these are hits, including closures that moved to another function.
    assert_eq!(programs.run("bakery", "moved"), of("bakery", "bakery", "bakery"));

    let both = |bakery: &[&str]| {
        let dairy = ["boxed", "function", "load", "moves", "pointer"].map(|name| format!("dairy::{name}"));
        let bakery = bakery.iter().map(|name| (*name).to_owned());
        let mut all: Vec<String> = bakery.chain(["helper::own".to_owned()]).chain(dairy).collect();
        all.push("dairy+helper::handed on".to_owned());
        all.sort();
        all
    };
    let bakery = [
        "bakery+helper::handed on",
        "bakery::boxed",
        "bakery::function",
        "bakery::load",
        "bakery::moves",
        "bakery::pointer",
    ];
    assert_eq!(programs.functions(), both(&bakery));
    // A program clears its own closures by their name, and those of others by their full name.
    assert_eq!(programs.run("bakery", "clear load"), "cleared: true\n");
    assert_eq!(programs.run("bakery", "clear load"), "cleared: false\n");
    let left: Vec<&str> = bakery.into_iter().filter(|name| *name != "bakery::load").collect();
    assert_eq!(programs.functions(), both(&left));
    assert_eq!(programs.run("bakery", "clear dairy::load"), "cleared: true\n");
    assert!(!programs.functions().contains(&"dairy::load".to_owned()));
}

#[test]
fn calls_closures_of_one_crate() {
    if crate::child::root().is_none() {
        return;
    }
    let cache = Cache::global();
    let call = |n: u32| cache.get_or_compute("sales::history", &n, || n);
    call(1);
    let names: Vec<String> = cache.functions().unwrap().into_iter().map(|function| function.name).collect();
    // A test binary is not the same program as a binary `it`, so the prefix is the full file name of the test binary.
    let program = std::env::current_exe().unwrap().file_stem().unwrap().to_str().unwrap().to_owned();
    assert_eq!(names, [format!("{program}::sales::history")]);
    // The folder has another name than the function, because `history` is a file beside entries.
    let folder = cache.functions().unwrap()[0].path.clone();
    assert!(
        folder.starts_with(cache.path().join(format!("v1/{program}/sales"))) && folder.join("function.json").exists()
    );
    assert!(!cache.clear_function("history").unwrap());
    assert!(!cache.clear_function("it::sales::history").unwrap());
    assert!(cache.clear_function("sales::history").unwrap());
    call(2);
    assert!(cache.clear_function(&names[0]).unwrap());
    // In other caches, names have no prefix.
    let opened = Cache::open(cache.path().join("opened")).unwrap();
    opened.get_or_compute("load", &1, || 1);
    assert_eq!(opened.functions().unwrap()[0].name, "load");
    assert!(opened.path().join("v1/load/function.json").exists());
}

#[test]
fn the_global_cache_lists_closures_under_their_crates() {
    let root = tempdir().unwrap();
    let directory = root.path().join("global");
    let variables = [("LARDER_DIR", directory.to_str().unwrap())];
    crate::child::run("programs::calls_closures_of_one_crate", root.path(), &variables);
}
