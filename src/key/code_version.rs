//! Code version: fingerprint of the code that a function reaches, as the attribute describes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use crate::sys::program;

/// What is known about a function's code.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// How far the code is followed.
    pub track: Track,
    /// Code that the attribute can't see, one sentence each. If there is any, the identity of the running program is
    /// included.
    pub unseen: &'static [&'static str],
    /// The items that the code consists of.
    pub items: Items,
    /// The `cfg`s that these items name, and whether they are true.
    pub predicates: &'static [(&'static str, bool)],
    /// The variables that these items read at compile time (`env!`, `option_env!`), and their values.
    pub environment: &'static [(&'static str, Option<&'static str>)],
}

/// The items that a function's code consists of: their paths, sorted, and the digests of their tokens. The function
/// itself is called `body`.
#[derive(Clone, Copy, Debug)]
pub struct Items(&'static str);

impl Items {
    /// Returns the items in `lines`. Each line has a digest of 32 hexadecimal digits, a space, and the path of an item.
    #[must_use]
    pub const fn new(lines: &'static str) -> Self {
        Items(lines)
    }

    /// Returns each item's path and digest.
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
    /// To every item of the package and of its path dependencies that it can reach.
    Reachable,
    /// Only the function's own body.
    Body,
    /// Not at all.
    None,
    /// The code of a closure, which no attribute can see. The type of its result, given here, stands for it.
    Type(&'static str),
}

/// Content of `code-<fingerprint>.json`. All values are readable text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeFile {
    /// Digests of the items' tokens, by path.
    pub(crate) items: BTreeMap<String, String>,
    /// The `cfg`s that the items name, and whether they were true.
    pub(crate) predicates: BTreeMap<String, bool>,
    /// The variables that the items read at compile time, and their values.
    pub(crate) environment: BTreeMap<String, Option<String>>,
    /// Code that the attribute could not see, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unseen: Vec<String>,
}

impl Code {
    /// Returns the XXH3-128 of all this; the type's name for [`Track::Type`]; nothing for code that is not tracked.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        match self.track {
            Track::None => return Vec::new(),
            Track::Type(name) => return name.as_bytes().to_vec(),
            Track::Reachable | Track::Body => {}
        }
        let mut hasher = XxHash3_128::new();
        // Each text begins with its kind and ends with a zero byte, which no text contains.
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

    /// Returns the content of the code file.
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

/// Returns the platform that the program is built for, as far as code can distinguish platforms. Library code that is
/// not tracked may depend on it, as `usize::BITS` does.
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
