//! Passes the version of the compiler to the program.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let version = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into())).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    println!("cargo::rustc-env=COMPILER={}", version.split(" (").next().unwrap_or("rustc").trim());
}
