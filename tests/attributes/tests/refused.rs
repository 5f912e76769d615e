//! Compiles `refused/src/lib.rs` as a test, and compares the messages with the comments.

use std::path::Path;
use std::process::Command;

#[test]
fn each_mistake_gives_one_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--profile", "test", "--package", "refused", "--message-format", "short"])
        .current_dir(folder)
        .output()
        .unwrap();
    let messages = String::from_utf8(cargo.stderr).unwrap();
    // refused/src/lib.rs:9:1: error: the result of a test ..
    let mut found: Vec<(usize, &str)> = Vec::new();
    for message in messages.lines().filter(|message| message.contains(": error")) {
        let (_, place) = message.split_once("lib.rs:").unwrap_or_else(|| panic!("{message}"));
        found.push((place.split(':').next().unwrap().parse().unwrap(), message));
    }
    let text = std::fs::read_to_string(folder.join("refused/src/lib.rs")).unwrap();
    let expected: Vec<(usize, &str)> =
        text.lines().zip(2..).filter_map(|(line, number)| Some((number, line.split_once("//~ ")?.1))).collect();
    assert!(expected.len() > 20);
    for (line, part) in &expected {
        let count = found.iter().filter(|(at, message)| at == line && message.contains(part)).count();
        assert_eq!(count, 1, "line {line}: {part}\n{messages}");
    }
    assert_eq!(found.len(), expected.len(), "{messages}");
}
