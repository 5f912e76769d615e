//! A function's code, as the attribute describes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use crate::sys::program;

/// What is known of a function's code.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// How far it is followed.
    pub track: Track,
    /// What of it the attribute can't see, a sentence each. If there is any, the running program stands for it.
    pub unseen: &'static [&'static str],
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

/// What `code-<fingerprint>.json` holds. Everything is text, so that people can read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeFile {
    /// Digests of the items' tokens, by path.
    pub(crate) items: BTreeMap<String, String>,
    /// The `cfg`s that are named in them, and whether they were true.
    pub(crate) predicates: BTreeMap<String, bool>,
    /// The variables that they read when they were compiled.
    pub(crate) environment: BTreeMap<String, Option<String>>,
    /// What the attribute could not see, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unseen: Vec<String>,
}

impl Code {
    /// XXH3-128 of it all; nothing for code that is not tracked.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        match self.track {
            Track::None => return Vec::new(),
            Track::Type(name) => return name.as_bytes().to_vec(),
            Track::Reachable | Track::Body => {}
        }
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
        if self.track == Track::Reachable {
            text(&format!("target {}", target()));
        }
        if !self.unseen.is_empty() {
            text(&format!("binary {}", program::identity()));
        }
        hasher.finish_128().to_be_bytes().to_vec()
    }

    /// What it consists of, as text.
    pub(crate) fn parts(&self) -> CodeFile {
        let Code { items, predicates, environment, .. } = self;
        let items = items.iter().map(|(path, digest)| (path.to_owned(), format!("{digest:032x}")));
        let built = (self.track == Track::Reachable).then(|| ("target".to_owned(), target()));
        let binary = (!self.unseen.is_empty()).then(|| ("this binary".to_owned(), program::identity().to_owned()));
        CodeFile {
            items: items.chain(built).chain(binary).collect(),
            predicates: predicates.iter().map(|(text, truth)| ((*text).to_owned(), *truth)).collect(),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)))
                .collect(),
            unseen: self.unseen.iter().map(|why| (*why).to_owned()).collect(),
        }
    }
}

/// The platform that the program is built for, as far as code can tell platforms apart. Code that is not tracked
/// may depend on it, as with `usize::BITS`.
fn target() -> String {
    let environments = [
        (cfg!(target_env = "gnu"), "gnu"),
        (cfg!(target_env = "musl"), "musl"),
        (cfg!(target_env = "msvc"), "msvc"),
        (cfg!(target_env = "sgx"), "sgx"),
        (cfg!(target_env = "uclibc"), "uclibc"),
    ];
    let environment = environments.iter().find(|(is_it, _)| *is_it).map_or("", |(_, name)| name);
    let endian = if cfg!(target_endian = "big") { "big" } else { "little" };
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    format!("{arch} {os} {environment} {} {endian}", usize::BITS)
}
