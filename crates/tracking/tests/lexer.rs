//! The lexer against `proc_macro2`, whose tokens are rustc's.

use std::path::{Path, PathBuf};

use larder_tracking::{Reading, TokenKind, Tokens, fingerprint, lex};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use proptest::prelude::*;

/// A token as both sides see it: its text, and whether more punctuation follows without a space.
type Seen = (String, bool);

fn ours(text: &str) -> Option<Vec<Seen>> {
    let tokens = lex(text).ok()?;
    let seen = tokens.iter().map(|token| (tokens.text_of(token).to_owned(), token.is_joint()));
    Some(seen.collect())
}

fn theirs(text: &str) -> Option<Vec<Seen>> {
    fn append(stream: TokenStream, seen: &mut Vec<Seen>) -> Option<()> {
        let mut stream = stream.into_iter().peekable();
        while let Some(tree) = stream.next() {
            match tree {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::None => ("", ""),
                    };
                    seen.push((open.to_owned(), false));
                    append(group.stream(), seen)?;
                    seen.push((close.to_owned(), false));
                }
                TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                    // Outside of the compiler, `proc_macro2` accepts `'r"x"`, which rustc refuses.
                    let Some(TokenTree::Ident(name)) = stream.next() else { return None };
                    seen.push((format!("'{name}"), false));
                }
                TokenTree::Punct(punct) => {
                    let follows = matches!(stream.peek(), Some(TokenTree::Punct(next)) if next.as_char() != '\'');
                    seen.push((punct.to_string(), follows && punct.spacing() == Spacing::Joint));
                }
                other => seen.push((other.to_string(), false)),
            }
        }
        Some(())
    }
    let mut seen = Vec::new();
    append(text.parse().ok()?, &mut seen)?;
    Some(seen)
}

/// Documentation is a comment here, and an attribute in `proc_macro2`.
fn has_documentation(text: &str) -> bool {
    lex(text).is_ok_and(|tokens| tokens.iter().any(|token| token.kind() == TokenKind::DocComment))
}

/// Parts that are easy to split at the wrong place.
const PARTS: &[&str] = &[
    "a",
    "r",
    "b",
    "br",
    "c",
    "cr",
    "_",
    "é",
    "x1",
    "r#type",
    "'a",
    "'_",
    "'x'",
    "'\\''",
    "'é'",
    "b'x'",
    "\"\"",
    "\"a \\\" b\"",
    "\"//\"",
    "r\"\\\"",
    "r#\"a\"b\"#",
    "br##\"#\"##",
    "c\"x\"",
    "cr#\"y\"#",
    "b\"z\"",
    "0",
    "1.",
    "1.5",
    "1e3",
    "2.5e-3",
    "1_000u8",
    "0xff",
    "0b1",
    "1f32",
    "1..2",
    "1.max",
    "t.0.1",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "+",
    "-",
    "->",
    "=>",
    "==",
    "=",
    "<",
    ">",
    "<<=",
    "::",
    ":",
    ";",
    ",",
    ".",
    "..",
    "..=",
    "...",
    "#",
    "$",
    "?",
    "@",
    "!",
    "&",
    "&&",
    "|",
    "^",
    "~",
    "*",
    "%",
    "/",
    "/**/",
    "/* a /* b */ */",
    "// line\n",
    "\n",
    "\t",
];

/// The space in front keeps `#!` from being a line for the shell.
fn source() -> impl Strategy<Value = String> {
    let part = (0..PARTS.len(), any::<bool>())
        .prop_map(|(part, spaced)| format!("{}{}", PARTS[part], if spaced { " " } else { "" }));
    proptest::collection::vec(part, 0..12).prop_map(|parts| format!(" {}", parts.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What `proc_macro2` accepts is split as it splits it. The lexer may accept more, since rustc checks the text.
    #[test]
    fn text_is_split_as_proc_macro2_splits_it(text in source()) {
        if let Some(theirs) = theirs(&text)
            && !has_documentation(&text)
        {
            prop_assert_eq!(ours(&text), Some(theirs), "{:?}", text);
        }
    }

    #[test]
    fn any_text_is_split_or_refused(text in any::<String>()) {
        if let Some(tokens) = ours(&text) {
            let length: usize = tokens.iter().map(|(token, _)| token.len()).sum();
            prop_assert!(length <= text.len());
        }
    }

    /// Text that is one token long apart and another joined must not get one fingerprint.
    #[test]
    fn equal_fingerprints_mean_equal_tokens(one in source(), other in source()) {
        if let (Ok(a), Ok(b)) = (lex(&one), lex(&other)) {
            let is_equal = ours(&one) == ours(&other);
            prop_assert_eq!(fingerprint(&a, Reading::Verbatim) == fingerprint(&b, Reading::Verbatim), is_equal);
        }
    }
}

/// All Rust files of this repository, but for documentation: it is a comment here, and an attribute in `proc_macro2`.
#[test]
fn real_files_are_split_as_proc_macro2_splits_them() {
    fn gather(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut compared = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let is_documentation = |line: &&str| line.starts_with("///") || line.starts_with("//!");
        let text: String =
            text.lines().filter(|line| !is_documentation(&line.trim_start())).map(|line| format!("{line}\n")).collect();
        assert_eq!(ours(&text), theirs(&text), "{}", path.display());
        compared += 1;
    }
    assert!(compared > 30);
}

#[test]
fn tokens_that_are_pushed_equal_those_of_a_text() {
    let mut pushed = Tokens::new();
    pushed.push_ident("f");
    pushed.push_open(larder_tracking::Bracket::Parenthesis);
    pushed.push_lifetime("'a");
    pushed.push_punct('-', true);
    pushed.push_punct('>', false);
    pushed.push_literal("r#\"x\"#");
    pushed.push_close();
    let lexed = lex("f('a -> r#\"x\"#)").unwrap();
    assert_eq!(fingerprint(&pushed, Reading::Verbatim), fingerprint(&lexed, Reading::Verbatim));
    let kinds = |tokens: &Tokens| tokens.iter().map(larder_tracking::Token::kind).collect::<Vec<_>>();
    assert_eq!(kinds(&pushed), kinds(&lexed));
}
