//! The file `<crate>-<hash>.d` that rustc writes beside a library: its source files, and the variables that it read
//! with their values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Default, Clone)]
pub(crate) struct DepInfo {
    /// The first is the root file of the crate.
    pub(crate) sources: Vec<PathBuf>,
    /// Variables of `env!` and `option_env!`; `None` if one was not set.
    pub(crate) environment: BTreeMap<String, Option<String>>,
}

impl DepInfo {
    /// Reads a file. Relative paths are relative to `dir`, where rustc ran.
    pub(crate) fn read(path: &Path, dir: &Path) -> Option<Self> {
        let info = Self::parse(&std::fs::read_to_string(path).ok()?, dir);
        (!info.sources.is_empty()).then_some(info)
    }

    fn parse(text: &str, dir: &Path) -> Self {
        let mut info = DepInfo::default();
        for line in text.lines() {
            if let Some(variable) = line.strip_prefix("# env-dep:") {
                let (name, value) = match variable.split_once('=') {
                    Some((name, value)) => (name, Some(unescape(value))),
                    None => (variable, None),
                };
                info.environment.insert(unescape(name), value);
            } else if info.sources.is_empty()
                && let Some((_, sources)) = line.split_once(": ")
            {
                let sources = words(sources).into_iter().skip_while(|source| is_of_clippy(source));
                info.sources = sources.map(|source| dir.join(source)).collect();
            }
        }
        info
    }
}

/// Returns whether this is the configuration of Clippy, which comes before the root file when Clippy checks a crate.
fn is_of_clippy(source: &str) -> bool {
    Path::new(source).file_name().is_some_and(|name| name == "clippy.toml" || name == ".clippy.toml")
}

/// Splits words, in which a space is written as `\ `.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('\\', Some(' ')) => {
                rest.next();
                word.push(' ');
            }
            (' ', _) => words.push(std::mem::take(&mut word)),
            (c, _) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Decodes a value, in which `\`, line feeds and carriage returns are escaped.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => plain.extend(match rest.next() {
                Some('n') => Some('\n'),
                Some('r') => Some('\r'),
                other => other,
            }),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_variables_are_read() {
        let text = "/t/deps/dep-1.d: dep/src/lib.rs /with\\ space/b.rs\n\n/t/deps/libdep-1.rlib: x.rs\n\n\
                    dep/src/lib.rs:\n\n# env-dep:A=1=2\\n3\n# env-dep:B\n";
        let info = DepInfo::parse(text, Path::new("/work"));
        assert_eq!(info.sources, [Path::new("/work/dep/src/lib.rs"), Path::new("/with space/b.rs")]);
        assert_eq!(info.environment["A"].as_deref(), Some("1=2\n3"));
        assert_eq!(info.environment["B"], None);
    }

    /// Clippy names its configuration first. A file of that name that the crate includes comes later, and counts.
    #[test]
    fn the_configuration_of_clippy_is_no_source() {
        let text = "/t/deps/a-1.d: /work/clippy.toml src/lib.rs /work/clippy.toml\n";
        let info = DepInfo::parse(text, Path::new("/work"));
        assert_eq!(info.sources, [Path::new("/work/src/lib.rs"), Path::new("/work/clippy.toml")]);
    }
}
