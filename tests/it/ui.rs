//! Tests the compiler messages of the attribute: `tests/ui/*.rs`, with the expected `.stderr` beside each.
//!
//! `TRYBUILD=overwrite cargo test --features full --test it ui` writes the expected messages.

use std::process::Command;

/// Compiler that wrote the messages in `tests/ui/compiler`.
const COMPILER: &str = "rustc 1.95.";

/// Other versions of the compiler may format messages that contain larder's text differently.
fn is_the_compiler() -> bool {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())).arg("--version").output().unwrap();
    String::from_utf8_lossy(&output.stdout).starts_with(COMPILER)
}

/// The functions still exist, so the compiler reports no further errors.
#[test]
fn each_mistake_gives_one_message() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
    if is_the_compiler() {
        cases.compile_fail("tests/ui/compiler/*.rs");
    }
}
