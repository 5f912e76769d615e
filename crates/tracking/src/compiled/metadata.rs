//! The metadata of a library. Its format is private to rustc, but two things can be found without knowing it: the
//! hashes in the file names of the libraries that this one uses, in the table of crates at the start, and the digests
//! of its sources, in the table of files at the end.

use std::path::{Path, PathBuf};

/// The number of digits of the hash in the file names of units.
pub(crate) const HASH_LENGTH: usize = 16;
/// A stretch of this length without a hash ends the table of crates. Its records are much shorter.
const GAP: usize = 8192;
/// No record of that table is longer.
const RECORD: usize = 1024;

/// Reads the metadata of a library. Returns `None` if it can't be read.
pub(crate) fn read(library: &Path) -> Option<Vec<u8>> {
    // cargo tells rustc to write the metadata to a file of its own as well.
    let own: PathBuf = library.with_extension("rmeta");
    if let Ok(bytes) = std::fs::read(own) {
        return Some(bytes);
    }
    let bytes = std::fs::read(library).ok()?;
    Some(member(&bytes, "lib.rmeta").map_or(bytes.clone(), <[u8]>::to_vec))
}

/// Returns a member of an `ar` archive. A header has 60 bytes: a name of 16 bytes, and the size as 10 digits at offset
/// 48.
fn member<'b>(bytes: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let mut rest = bytes.strip_prefix(b"!<arch>\n")?;
    loop {
        let header = rest.get(..60)?;
        let size: usize = std::str::from_utf8(&header[48..58]).ok()?.trim().parse().ok()?;
        let content = rest.get(60..60 + size)?;
        let known = std::str::from_utf8(&header[..16]).ok()?.trim_end().trim_end_matches('/');
        if known == name {
            return Some(content);
        }
        rest = rest.get(60 + size.next_multiple_of(2)..)?;
    }
}

/// Returns the hashes in the table of crates: of all libraries that a library uses, directly or not.
pub(crate) fn hashes(metadata: &[u8]) -> Vec<String> {
    let mut hashes = Vec::new();
    let (mut at, mut last) = (0, 0);
    while at + HASH_LENGTH < metadata.len() && at < last + GAP {
        if metadata[at] == b'-' {
            let digits = &metadata[at + 1..at + 1 + HASH_LENGTH];
            if digits.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)) {
                hashes.push(String::from_utf8_lossy(digits).into_owned());
                last = at;
                at += HASH_LENGTH;
            }
        }
        at += 1;
    }
    hashes
}

/// Returns whether the table of crates may have a crate of this name, whose file name has no hash.
pub(crate) fn names(metadata: &[u8], name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let (mut at, mut last) = (0, 0);
    let first = name.as_bytes().first().copied();
    while at + name.len() < metadata.len() && at < last + RECORD {
        let byte = metadata[at];
        if Some(byte) == first && metadata[at..].starts_with(name.as_bytes()) {
            let (before, after) = (metadata[at.saturating_sub(1)], metadata[at + name.len()]);
            // It must not be part of a longer name.
            if at > 0 && !is_letter(before) && !is_letter(after) && !after.is_ascii_digit() {
                return true;
            }
        }
        // A hash shows that the table continues.
        let digits = metadata.get(at + 1..at + 1 + HASH_LENGTH).filter(|_| byte == b'-');
        if digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            last = at;
        }
        at += 1;
    }
    false
}

/// Returns which of these digests are in the metadata.
pub(crate) fn contains(metadata: &[u8], digests: &[[u8; 16]]) -> Vec<bool> {
    let mut found = vec![false; digests.len()];
    let mut missing = digests.len();
    let mut begins = vec![Vec::new(); 256];
    for (index, digest) in digests.iter().enumerate() {
        begins[digest[0] as usize].push(index);
    }
    // The table of files is near the end, and the metadata is long.
    let mut at = metadata.len().saturating_sub(15);
    while at > 0 && missing > 0 {
        at -= 1;
        let candidates = &begins[metadata[at] as usize];
        if candidates.is_empty() {
            continue;
        }
        for index in candidates {
            if !found[*index] && metadata[at..at + 16] == digests[*index] {
                found[*index] = true;
                missing -= 1;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_found_in_the_first_table_only() {
        let mut bytes = b"rust\0\0\0\x0a....core-0123456789abcdef...-0123456789abcdeg-fedcba9876543210".to_vec();
        assert_eq!(hashes(&bytes), ["0123456789abcdef", "fedcba9876543210"]);
        assert!(names(&bytes, "core") && !names(&bytes, "cor") && !names(&bytes, "cure"));
        bytes.extend(vec![0; 2 * GAP]);
        bytes.extend_from_slice(b"-aaaaaaaaaaaaaaaa");
        assert_eq!(hashes(&bytes).len(), 2);
    }

    #[test]
    fn digests_are_found_wherever_they_are() {
        let digests = [[1; 16], [2; 16], [3; 16]];
        let bytes = [vec![1; 16], vec![9; 100], vec![3; 16]].concat();
        assert_eq!(contains(&bytes, &digests), [true, false, true]);
        assert_eq!(contains(&[], &digests), [false; 3]);
    }

    #[test]
    fn the_metadata_of_an_archive_is_a_member() {
        let member_of = |name: &str, content: &str| format!("{name:<48}{:<10}`\n{content}", content.len());
        let bytes = format!("!<arch>\n{}\n{}", member_of("/", "abc"), member_of("lib.rmeta/", "found"));
        assert_eq!(member(bytes.as_bytes(), "lib.rmeta"), Some(b"found".as_slice()));
        assert_eq!(member(bytes.as_bytes(), "other"), None);
    }
}
