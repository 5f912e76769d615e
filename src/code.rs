//! A function's code, as the attribute describes it.

use twox_hash::XxHash3_128;

use crate::store::CodeFile;

/// What is known of a function's code.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// How far it is followed.
    pub track: Track,
    /// Why it is followed no further than the function's body, if that was not asked for.
    pub fallback: Option<&'static str>,
    /// What it consists of.
    pub items: Items,
    /// The `cfg`s that are named there, and whether they are true.
    pub predicates: &'static [(&'static str, bool)],
    /// The variables that are read there when it is compiled (`env!`, `option_env!`), and their values.
    pub environment: &'static [(&'static str, Option<&'static str>)],
}

/// The items that a function's code consists of: their paths, sorted, with the digests of their tokens.
/// The function itself is called `body`.
#[derive(Clone, Copy, Debug)]
pub struct Items(&'static str);

impl Items {
    /// `lines` has the digest in 32 hexadecimal digits, a space and the path of an item in each line.
    #[must_use]
    pub const fn new(lines: &'static str) -> Self {
        Items(lines)
    }

    /// Each item's path and digest.
    pub fn iter(self) -> impl Iterator<Item = (&'static str, u128)> {
        self.0.lines().filter_map(|line| {
            let (digest, path) = line.split_once(' ')?;
            Some((path, u128::from_str_radix(digest, 16).ok()?))
        })
    }
}

/// How far a function's code is followed: the option `track`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// To every item of the package, and of its path dependencies, that it can reach.
    Reachable,
    /// No further than its own body.
    Body,
    /// Not at all.
    None,
    /// It is a closure's, which nobody sees: the type of its result stands for it.
    Type(&'static str),
}

impl Code {
    /// XXH3-128 of it all; nothing for code that is not tracked.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        let mut hasher = XxHash3_128::new();
        // No text holds a zero byte, and each begins with its kind.
        let mut text = |text: &str| hasher.write(&[text.as_bytes(), &[0]].concat());
        for (path, digest) in self.items.iter() {
            text(&format!("item {path} {digest:032x}"));
        }
        for (predicate, truth) in self.predicates {
            text(&format!("cfg {predicate} {truth}"));
        }
        for (variable, value) in self.environment {
            text(&format!("env {variable} {value:?}"));
        }
        match self.track {
            Track::None => Vec::new(),
            Track::Type(name) => name.as_bytes().to_vec(),
            Track::Reachable | Track::Body => hasher.finish_128().to_be_bytes().to_vec(),
        }
    }

    /// What it consists of, as text.
    pub(crate) fn parts(&self) -> CodeFile {
        let Code { items, predicates, environment, .. } = self;
        CodeFile {
            items: items.iter().map(|(path, digest)| (path.to_owned(), format!("{digest:032x}"))).collect(),
            predicates: predicates.iter().map(|(text, truth)| ((*text).to_owned(), *truth)).collect(),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)))
                .collect(),
        }
    }
}
