//! Where a function stands: in a module, in the `impl` of a type or of a trait, or in a trait.
//!
//! An attribute is not told. So the source file is looked at, for messages only: where it can't be
//! read, or where macros may have moved the function, the compiler speaks for itself.

use proc_macro2::Ident;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a module or another function.
    Free,
    Impl,
    TraitImpl,
    Trait,
}

/// The place of the function with this name, if it is certain.
pub(crate) fn of(name: &Ident) -> Option<Place> {
    let span = name.span().unwrap();
    let source = std::fs::read_to_string(span.local_file()?).ok()?;
    let line = source.split_inclusive('\n').nth(span.line().checked_sub(1)?)?;
    let start = line.as_ptr() as usize - source.as_ptr() as usize;
    let (column, _) = line.char_indices().nth(span.column().checked_sub(1)?)?;
    let (before, rest) = source.split_at(start + column);
    // Names that macros put together are elsewhere.
    let is_there = rest.starts_with(&name.to_string()) && before.trim_end().ends_with("fn");
    if is_there { within(before) } else { None }
}

/// The place of what follows on this text.
fn within(before: &str) -> Option<Place> {
    let mut frames = read(before)?;
    frames.pop();
    // A macro may do anything with what it is given.
    if frames.iter().any(Frame::is_macro) {
        return None;
    }
    frames.last().map_or(Some(Place::Free), Frame::place)
}

/// What a bracket that is open stands in.
#[derive(Default)]
struct Frame {
    /// Words and exclamation marks since the last item or statement ended.
    words: Vec<String>,
}

impl Frame {
    fn is_macro(&self) -> bool {
        match self.words.as_slice() {
            [.., mark] if mark == "!" => true,
            [.., rules, mark, _] => rules == "macro_rules" && mark == "!",
            _ => false,
        }
    }

    fn place(&self) -> Option<Place> {
        let qualifiers = ["pub", "crate", "unsafe", "default", "const", "async", "auto", "extern"];
        let mut words = self.words.iter().map(String::as_str).skip_while(|word| qualifiers.contains(word));
        match words.next()? {
            "impl" if words.take_while(|word| *word != "where").any(|word| word == "for") => Some(Place::TraitImpl),
            "impl" => Some(Place::Impl),
            "trait" => Some(Place::Trait),
            "mod" | "fn" => Some(Place::Free),
            _ => None,
        }
    }
}

/// A frame for each bracket that is open, and one for what follows; `None` if the text is not understood.
fn read(text: &str) -> Option<Vec<Frame>> {
    let mut frames = vec![Frame::default()];
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = skip_comment(rest)?.or(skip_literal(rest)?) {
            rest = after;
            continue;
        }
        let mut length = c.len_utf8();
        match c {
            '(' | '[' | '{' => frames.push(Frame::default()),
            ')' | ']' | '}' => {
                frames.pop();
                let outer = frames.last_mut()?;
                // A block ends an item; so does the bracket of `#![..]`.
                if c == '}' || outer.words == ["!"] {
                    outer.words.clear();
                }
            }
            ';' => frames.last_mut()?.words.clear(),
            '!' => frames.last_mut()?.words.push("!".to_owned()),
            _ if c == '_' || c.is_alphanumeric() => {
                length = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
                let word = &rest[..length];
                // `for<'a>` introduces lifetimes.
                if word != "for" || !rest[length..].trim_start().starts_with('<') {
                    frames.last_mut()?.words.push(word.to_owned());
                }
            }
            _ => {}
        }
        rest = &rest[length..];
    }
    Some(frames)
}

/// What follows on the comment that begins here, if one does; `None` if it does not end.
fn skip_comment(text: &str) -> Option<Option<&str>> {
    if text.starts_with("//") {
        return Some(Some(&text[text.find('\n')?..]));
    }
    if !text.starts_with("/*") {
        return Some(None);
    }
    let (mut depth, mut at) = (1, 2);
    while depth > 0 {
        at += text[at..].find(['*', '/'])?;
        match text.get(at..at + 2) {
            Some("/*") => depth += 1,
            Some("*/") => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    Some(Some(&text[at..]))
}

/// The same for strings, characters and lifetimes.
fn skip_literal(text: &str) -> Option<Option<&str>> {
    let inner = text.strip_prefix(['b', 'c']).unwrap_or(text);
    if let Some(raw) = inner.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(content) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return Some(Some(&content[content.find(&end)? + end.len()..]));
        }
    }
    match inner.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let content = &inner[1..];
            let mut chars = content.chars();
            let (first, second) = (chars.next(), chars.next());
            // A lifetime is a word, and has no quote at its end.
            if quote == '\'' && first != Some('\\') && second != Some('\'') {
                let end = content.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(content.len());
                return Some(Some(&content[end..]));
            }
            let mut escaped = false;
            for (at, c) in content.char_indices() {
                if c == quote && !escaped {
                    return Some(Some(&content[at + 1..]));
                }
                escaped = c == '\\' && !escaped;
            }
            None
        }
        _ => Some(None),
    }
}
