//! What the name of a file in an archive says.

use std::path::{Path, PathBuf};

use crate::key::digest::Key;
use crate::store::layout::Layout;
use crate::store::names::is_code_file;

/// Bytes of the longest name that is looked at.
pub(super) const LONGEST: u64 = 4096;

/// A file that may be in an archive, and its folder in a cache.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    Entry(PathBuf, Key),
    Function(PathBuf),
    Code(PathBuf, String),
}

impl Name {
    /// Reads a name as `export` writes it: `v1`, folders with names that the cache itself gives, and a file that it has
    /// there. So it leads nowhere but into the folder of a function.
    pub(super) fn parse(layout: &Layout, name: &[u8]) -> Option<Name> {
        if name.len() as u64 > LONGEST {
            return None;
        }
        let mut folder = layout.functions();
        let mut parts = std::str::from_utf8(name).ok()?.split('/');
        if parts.next()? != folder.file_name()?.to_str()? {
            return None;
        }
        let file = parts.next_back()?;
        let start = folder.clone();
        for part in parts {
            if !Layout::is_safe(part) {
                return None;
            }
            folder.push(part);
        }
        if folder == start {
            return None;
        }
        if let Some(key) = Layout::key_of_entry(file.as_ref()) {
            // Digits have one case, so that no entry has two names.
            return (Layout::entry(&folder, &key).file_name()? == file).then_some(Name::Entry(folder, key));
        }
        if Layout::function_file(&folder).file_name()? == file {
            return Some(Name::Function(folder));
        }
        let is_code = is_code_file(file) && !file.bytes().any(|byte| byte.is_ascii_uppercase());
        is_code.then(|| Name::Code(folder, file.to_owned()))
    }

    /// The name of a file in the cache's folder.
    pub(super) fn of(layout: &Layout, path: &Path) -> Option<String> {
        let parts: Option<Vec<_>> = path.strip_prefix(layout.root()).ok()?.iter().map(|part| part.to_str()).collect();
        let name = parts?.join("/");
        Name::parse(layout, name.as_bytes()).map(|_| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        let layout = Layout::at(Path::new("/root")).unwrap();
        let key = "0123456789abcdef".repeat(4);
        let parse = |name: &str| Name::parse(&layout, name.as_bytes());
        let folder = || PathBuf::from("/root/v1/a/b");
        assert_eq!(parse(&format!("v1/a/b/{key}.larder")), Some(Name::Entry(folder(), key.parse().unwrap())));
        assert_eq!(parse("v1/a/b/function.json"), Some(Name::Function(folder())));
        let code = format!("code-{}.json", &key[..32]);
        assert_eq!(parse(&format!("v1/a/b/{code}")), Some(Name::Code(folder(), code.clone())));
        assert_eq!(Name::of(&layout, &folder().join(&code)), Some(format!("v1/a/b/{code}")));
        assert!(parse("v1/example@weather/v1/function.json").is_some());
        for name in [
            "",
            "v1",
            "v1/function.json",
            "v2/a/function.json",
            "/v1/a/function.json",
            "//v1/a/function.json",
            "./v1/a/function.json",
            "v1//function.json",
            "v1/./function.json",
            "v1/../function.json",
            "v1/a/../../../function.json",
            "v1/a\\b/function.json",
            "v1/a/b c/function.json",
            "v1/nul/function.json",
            "v1/a/function.json/",
            "v1/a/history",
            "v1/a/function.json\0",
            "v1/a/code-0.json",
            "a/function.json",
        ] {
            assert_eq!(parse(name), None, "{name:?}");
        }
        assert_eq!(parse(&format!("v1/a/{}.larder", key.to_uppercase())), None);
        assert_eq!(parse(&format!("v1/a/{key}.larder.larder")), None);
        assert_eq!(parse(&format!("v1/{}/function.json", "a".repeat(101))), None);
        assert_eq!(parse(&format!("v1/{}function.json", "a/".repeat(3000))), None);
        assert_eq!(Name::parse(&layout, b"v1/\xff/function.json"), None);
        assert_eq!(Name::of(&layout, Path::new("/elsewhere/v1/a/function.json")), None);
    }
}
