//! Identity of the running program: its executable, and the libraries loaded from outside the system's folders.
//!
//! It is part of the key of a function if the attribute can't see all its code. Two processes have the same identity
//! only if they run the same machine code, so another build has another key. If the identity can't be determined, each
//! process has its own: such a function is computed once per process, and its results are never stale.

pub(crate) mod elf;
pub(crate) mod loaded;

use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use crate::sys::fork::once::Lazy;

/// Returns the identity, in hexadecimal digits. It is computed on first use.
pub(crate) fn identity() -> &'static str {
    static IDENTITY: Lazy<String> = Lazy::new(|| match of_all(&loaded::files()) {
        Ok(identity) => identity,
        Err(why) => {
            tracing::warn!(
                why,
                "the running program can't be identified: results of functions whose code is not seen in full are \
                 used in this process only"
            );
            of_this_process()
        }
    });
    &IDENTITY
}

/// Returns one identity for several files, independent of their order and paths.
fn of_all(files: &Result<Vec<loaded::Loaded>, String>) -> Result<String, String> {
    let mut each: Vec<Vec<u8>> = files.as_ref()?.iter().map(of_file).collect::<Result<_, String>>()?;
    each.sort();
    each.dedup();
    let mut hasher = blake3::Hasher::new();
    for one in each {
        hasher.update(&(one.len() as u64).to_le_bytes());
        hasher.update(&one);
    }
    Ok(short_hex(&hasher.finalize()))
}

/// Returns the build id that the linker computed from the content, or else the digest of the content.
fn of_file(loaded: &loaded::Loaded) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", loaded.path.display());
    let mut file = File::open(&loaded.path).map_err(failed)?;
    if let Some(id) = elf::build_id(&mut file) {
        return Ok(id);
    }
    digest(&loaded.path).map_err(failed)
}

fn digest(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().as_bytes().to_vec())
}

/// Returns an identity that no other process has.
fn of_this_process() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    // The address of a local variable differs between processes too.
    let place = std::ptr::from_ref(&now) as usize as u64;
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"process").update(&std::process::id().to_le_bytes()).update(&now.to_le_bytes());
    hasher.update(&place.to_le_bytes());
    short_hex(&hasher.finalize())
}

fn short_hex(hash: &blake3::Hash) -> String {
    hash.to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(path: &Path) -> loaded::Loaded {
        loaded::Loaded { path: path.to_owned() }
    }

    #[test]
    fn the_identity_covers_the_loaded_files() {
        let files = loaded::files().unwrap();
        let this = std::env::current_exe().unwrap();
        let is_this = |file: &loaded::Loaded| file.path.canonicalize().is_ok_and(|path| path == this);
        assert!(files.iter().any(is_this), "{files:?}");
        assert_eq!(identity(), of_all(&Ok(files)).unwrap());
        assert_ne!(of_this_process(), of_this_process());
    }

    #[test]
    fn content_changes_the_identity_and_the_path_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let [one, two, other] = ["one", "two", "other"].map(|name| dir.path().join(name));
        #[expect(clippy::disallowed_methods, reason = "files of the test")]
        for (path, text) in [(&one, "a"), (&two, "a"), (&other, "b")] {
            std::fs::write(path, text).unwrap();
        }
        let of = |paths: &[&Path]| of_all(&Ok(paths.iter().map(|path| loaded(path)).collect())).unwrap();
        assert_eq!(of(&[&one]), of(&[&two]));
        assert_ne!(of(&[&one]), of(&[&other]));
        assert_eq!(of(&[&one, &other]), of(&[&other, &two]));
        assert!(of_all(&Ok(vec![loaded(&dir.path().join("gone"))])).is_err());
        assert!(of_all(&Err("why".to_owned())).is_err());
    }
}
