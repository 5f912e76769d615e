//! Messages of the attribute, as the compiler shows them: `tests/ui/*.rs`, with the `.stderr` beside each.
//!
//! `TRYBUILD=overwrite cargo test --features full --test it ui` writes them anew.

use std::process::Command;

/// What wrote the messages in `tests/ui/compiler`.
const COMPILER: &str = "rustc 1.95.";

/// Where the compiler puts our words into its own, other versions may put them differently.
fn is_the_compiler() -> bool {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())).arg("--version").output().unwrap();
    String::from_utf8_lossy(&output.stdout).starts_with(COMPILER)
}

/// And the functions are there all the same, so there is no other message.
#[test]
fn each_mistake_is_told_in_one_message() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
    if is_the_compiler() {
        cases.compile_fail("tests/ui/compiler/*.rs");
    }
}
