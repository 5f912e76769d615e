//! Tests hostile and damaged archives.

use std::fs;
use std::hash::Hasher as _;
use std::path::Path;

use larder::{Cache, Entry, ErrorKind};
use tar::{EntryType, Header};
use tempfile::{TempDir, tempdir};
use twox_hash::XxHash3_64;

use crate::model_cache::{assert_counted, computes, entry_of, open};

/// Returns a file in an archive under any name.
fn member(name: &[u8], kind: EntryType, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if name.len() > 100 {
        bytes = member(b"././@LongLink", EntryType::GNULongName, &[name, b"\0"].concat());
    }
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o777);
    header.set_cksum();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

/// Entry as it is stored.
struct Sample {
    _root: TempDir,
    name: String,
    bytes: Vec<u8>,
    entry: Entry,
}

fn sample(n: u32, method: &str) -> Sample {
    let root = tempdir().unwrap();
    let cache = open(root.path(), method);
    computes(&cache, n);
    let entry = entry_of(&cache, n);
    let name = entry.path.strip_prefix(cache.path()).unwrap().to_str().unwrap().to_owned();
    Sample { _root: root, name, bytes: fs::read(&entry.path).unwrap(), entry }
}

/// Returns a cache in a folder where nothing else may appear.
fn confined() -> (TempDir, Cache) {
    let folder = tempdir().unwrap();
    let cache = open(&folder.path().join("root"), "none");
    (folder, cache)
}

/// Checks that an import created nothing outside the cache.
fn assert_harmless(folder: &Path, cache: &Cache) {
    let outside: Vec<_> = fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name()).collect();
    assert_eq!(outside, ["root"]);
    let allowed = [".gitignore", "CACHEDIR.TAG", "activity", "counters", "drafts", "locks", "marks", "v1"];
    for item in fs::read_dir(cache.path()).unwrap().map(|item| item.unwrap()) {
        assert!(allowed.contains(&item.file_name().to_str().unwrap()), "{item:?}");
    }
    assert!(cache.verify().unwrap().faulty.is_empty());
    assert_counted(cache);
}

#[test]
fn names_that_point_outside_the_cache_are_refused() {
    let good = sample(1, "none");
    let file = good.name.rsplit_once('/').unwrap().1;
    let upper = good.name.replace(file, &file.to_uppercase().replace(".LARDER", ".larder"));
    let names = [
        format!("../{file}"),
        format!("v1/../../{file}"),
        format!("v1/../{file}"),
        format!("/{}", good.name),
        format!("./{}", good.name),
        format!("v1/{file}"),
        format!("v2/a/{file}"),
        format!("v1/a b/{file}"),
        format!("v1/a\n/{file}"),
        format!("v1/a/{file}/"),
        format!("v1/{}{file}", "../".repeat(50)),
        upper,
        "counters".to_owned(),
        "locks".to_owned(),
        "v1/a/history".to_owned(),
        "v1/a/x.sh".to_owned(),
        String::new(),
    ];
    let (folder, cache) = confined();
    let members: Vec<_> = names.iter().map(|name| member(name.as_bytes(), EntryType::Regular, &good.bytes)).collect();
    let carried = cache.import(&*archive(&members)).unwrap();
    assert_eq!((carried.entries, carried.refused), (0, names.len() as u64), "{carried:?}");
    assert!(carried.faults.iter().all(|fault| !fault.contains('\n')), "{carried:?}");
    assert!(!cache.path().join("v1").exists());
    assert_harmless(folder.path(), &cache);

    // A valid entry after all of these is still imported.
    let members = [members, vec![member(good.name.as_bytes(), EntryType::Regular, &good.bytes)]].concat();
    assert_eq!(cache.import(&*archive(&members)).unwrap().entries, 1);
    assert!(!computes(&cache, 1));
}

#[test]
fn members_that_are_not_files_are_refused() {
    let good = sample(1, "none");
    let kinds = [
        EntryType::Link,
        EntryType::Symlink,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Continuous,
        EntryType::GNUSparse,
        EntryType::GNULongLink,
        EntryType::new(b'?'),
    ];
    let (folder, cache) = confined();
    let members: Vec<_> = kinds.into_iter().map(|kind| member(good.name.as_bytes(), kind, &good.bytes)).collect();
    let carried = cache.import(&*archive(&members)).unwrap();
    assert_eq!((carried.entries, carried.refused), (0, kinds.len() as u64), "{carried:?}");
    let folders = archive(&[member(b"v1/a/", EntryType::Directory, b""), member(b"../b/", EntryType::Directory, b"")]);
    assert_eq!(cache.import(&*folders).unwrap().entries, 0);
    assert!(!cache.path().join("v1").exists());
    assert_harmless(folder.path(), &cache);
}

#[cfg(unix)]
#[test]
fn a_link_at_the_path_of_a_folder_is_not_followed() {
    let good = sample(1, "none");
    let (folder, cache) = confined();
    let elsewhere = tempdir().unwrap();
    fs::create_dir(cache.path().join("v1")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), cache.path().join("v1/carry")).unwrap();
    let error = cache.import(&*archive(&[member(good.name.as_bytes(), EntryType::Regular, &good.bytes)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(fs::read_dir(elsewhere.path()).unwrap().next().is_none());
    assert_harmless(folder.path(), &cache);
}

/// Returns the entry with a changed header and a matching checksum.
fn lying(sample: &Sample, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = sample.bytes.clone();
    let header = &mut bytes[..usize::try_from(sample.entry.payload_at).unwrap()];
    change(header);
    let mut hasher = XxHash3_64::new();
    hasher.write(&header[..56]);
    hasher.write(&header[64..]);
    let checksum = hasher.finish();
    header[56..64].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + from.len()].copy_from_slice(to);
}

#[test]
fn an_entry_with_a_wrong_header_is_refused() {
    let (plain, gzip) = (sample(1, "none"), sample(1, "gzip:3"));
    let other = sample(2, "none");
    let (ours, theirs) = (plain.entry.key.to_string(), other.entry.key.to_string());
    let unchanged = lying(&plain, |_| ());
    assert!(unchanged == plain.bytes);
    let number =
        |at: usize, value: u64| move |header: &mut [u8]| header[at..at + 8].copy_from_slice(&value.to_le_bytes());
    let long = u64::try_from(plain.bytes.len()).unwrap();
    let lies = [
        other.bytes.clone(),
        lying(&plain, |header| replace(header, ours.as_bytes(), theirs.as_bytes())),
        lying(&plain, number(16, 0)),
        lying(&plain, number(16, u64::MAX)),
        lying(&plain, number(16, long)),
        lying(&plain, number(24, 7)),
        lying(&plain, number(32, 7)),
        lying(&plain, number(8, 2)),
        lying(&plain, |header| replace(header, b"\x64none", b"\x64zlib")),
        lying(&gzip, |header| replace(header, b"gzip:3", b"zlib:3")),
        lying(&gzip, |header| replace(header, b"gzip:3", b"never3")),
        lying(&gzip, number(24, 7)),
        plain.bytes[..plain.bytes.len() - 1].to_vec(),
        [&plain.bytes[..], b"?"].concat(),
        plain.bytes[..40].to_vec(),
        Vec::new(),
    ];
    let (folder, cache) = confined();
    for (index, lie) in lies.iter().enumerate() {
        let carried = cache.import(&*archive(&[member(plain.name.as_bytes(), EntryType::Regular, lie)])).unwrap();
        assert_eq!((carried.entries, carried.refused), (0, 1), "{index}: {carried:?}");
        assert_harmless(folder.path(), &cache);
    }
    assert!(computes(&cache, 1));
}

#[test]
fn other_files_must_have_the_form_that_larder_writes() {
    let (folder, cache) = confined();
    let note = |name: &str, content: &[u8]| member(format!("v1/a/{name}").as_bytes(), EntryType::Regular, content);
    let code = format!("code-{}.json", "0".repeat(32));
    let members = [
        note("function.json", b"#!/bin/sh"),
        note("function.json", &[b' '; 2 << 20]),
        note("function.json", &[b'['; 100_000]),
        note(&code, b"{}"),
        note(&format!("code-{}.json", "A".repeat(32)), br#"{"items": {}, "predicates": {}, "environment": {}}"#),
    ];
    let carried = cache.import(&*archive(&members)).unwrap();
    assert_eq!(carried.refused, 5, "{carried:?}");
    assert!(!cache.path().join("v1").exists());
    let good = br#"{"package": "p", "name": "n", "signature": "", "version": 0, "code": "", "more": 1}"#;
    assert_eq!(cache.import(&*archive(&[note("function.json", good)])).unwrap().refused, 0);
    let written = fs::read_to_string(cache.path().join("v1/a/function.json")).unwrap();
    assert!(written.contains("\"p\"") && !written.contains("more"), "{written}");
    assert_harmless(folder.path(), &cache);
}

#[test]
fn wrong_header_extensions_are_refused() {
    let good = sample(1, "none");
    let regular = member(good.name.as_bytes(), EntryType::Regular, &good.bytes);
    let record = |text: &str| {
        let len = text.len() + 4;
        format!("{len:2} {text}\n").into_bytes()
    };
    let (folder, cache) = confined();
    let size = member(b"x", EntryType::XHeader, &record("size=512"));
    assert_eq!(cache.import(&*archive(&[size, regular.clone()])).unwrap().refused, 1);
    let path = member(b"x", EntryType::XHeader, &record("path=../../x"));
    assert_eq!(cache.import(&*archive(&[path, regular.clone()])).unwrap().refused, 1);
    // A name longer than any memory.
    for kind in [EntryType::GNULongName, EntryType::XHeader] {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(1 << 50);
        header.set_cksum();
        let bytes = [header.as_bytes().to_vec(), vec![b'a'; 1 << 20]].concat();
        assert_eq!(cache.import(&*bytes).unwrap_err().kind(), ErrorKind::Truncated);
    }
    assert_harmless(folder.path(), &cache);
    assert_eq!(cache.import(&*archive(&[regular])).unwrap().entries, 1);
}

/// Returns an archive of three small entries, and the position at which each of them ends.
fn three() -> (Vec<u8>, Vec<usize>) {
    let members: Vec<_> = [0, 1, 2]
        .into_iter()
        .map(|n| {
            let sample = sample(n, "xz:0");
            member(sample.name.as_bytes(), EntryType::Regular, &sample.bytes)
        })
        .collect();
    let ends = members.iter().scan(0, |end, member| {
        *end += member.len();
        Some(*end)
    });
    (archive(&members), ends.collect())
}

#[test]
fn complete_entries_of_a_cut_archive_are_kept() {
    let (bytes, ends) = three();
    let last = *ends.last().unwrap();
    let mut cuts: Vec<usize> = (0..last).step_by(if last > 40_000 { 1024 } else { 512 }).collect();
    cuts.extend(ends.iter().flat_map(|end| [end - 1, *end, end + 1]));
    for cut in cuts {
        let (folder, cache) = confined();
        let error = cache.import(&bytes[..cut]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated, "{cut}: {error}");
        // An entry may be complete although its padding is cut.
        let whole = cache.entries().unwrap().len();
        assert!(whole >= ends.iter().filter(|end| **end <= cut).count(), "{cut}");
        assert!(error.to_string().starts_with(&format!("{whole} entr")), "{cut}: {error}");
        assert_harmless(folder.path(), &cache);
    }
    let (folder, cache) = confined();
    cache.import(&bytes[..ends[1]]).unwrap_err();
    let carried = cache.import(&bytes[..last + 512]).unwrap();
    assert_eq!((carried.entries, carried.skipped), (1, 2));
    assert_harmless(folder.path(), &cache);
}

#[test]
fn one_flipped_bit_anywhere_gives_no_wrong_value() {
    let (bytes, _) = three();
    let mut left_out = 0;
    for at in (0..bytes.len() - 1024).step_by(97) {
        let (folder, cache) = confined();
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        match cache.import(&*damaged) {
            Ok(carried) => left_out += u32::from(carried.refused > 0),
            Err(error) => assert!(error.path().is_none_or(|path| path.starts_with(folder.path())), "{error}"),
        }
        (0..3).for_each(|n| _ = computes(&cache, n));
        assert_harmless(folder.path(), &cache);
    }
    assert!(left_out > 10, "{left_out}");
}
