//! Files as arguments.

use std::fs;

use larder::{Cache, ErrorKind, FileDigest, Outcome, key_of, memoize};
use tempfile::tempdir;

#[test]
fn it_is_the_content_and_nothing_else() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a"), "flour").unwrap();
    fs::write(path("b"), "flour").unwrap();
    fs::write(path("c"), "salt").unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| FileDigest::of(path(name)));
    assert_eq!(a.digest().unwrap().as_bytes(), blake3::hash(b"flour").as_bytes());
    assert_eq!(a.path(), path("a"));
    assert!(a == b && a == a.clone() && a != c);
    assert_eq!(key_of(&a).unwrap(), key_of(&b).unwrap());
    assert_ne!(key_of(&a).unwrap(), key_of(&c).unwrap());
    // A golden digest, made of bytes ‖ their number ‖ 49 ‖ 129.
    let encoding = [blake3::hash(b"flour").as_bytes(), &[32, 1, 49, 129][..]].concat();
    assert_eq!(key_of(&a).unwrap().as_bytes(), blake3::hash(&encoding).as_bytes());
    assert_eq!(key_of(&a).unwrap().to_string(), "9bf9ebea37ea2c114fa8e3ac3b7491c6f6e2b307b0a146be5926dbd864bf2f2f");
    // It is not taken for the digest itself, in whatever form.
    let digest = a.digest().unwrap();
    for other in [key_of(&digest), key_of(digest.as_bytes()), key_of(&digest.as_bytes()[..]), key_of("flour")] {
        assert_ne!(other.unwrap(), key_of(&a).unwrap());
    }
    assert_eq!(key_of(&vec![Some(&a)]).unwrap(), key_of(&vec![Some(&b)]).unwrap());
    // The file changes, and so does its digest.
    fs::write(path("a"), "yeast").unwrap();
    assert_eq!(FileDigest::of(path("a")).digest().unwrap().as_bytes(), blake3::hash(b"yeast").as_bytes());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(path("c"), path("link")).unwrap();
        assert_eq!(FileDigest::of(path("link")), c);
    }
}

#[test]
fn a_large_file_has_the_digest_that_others_give_it() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("large");
    for len in [0, 1, 1024, (512 << 10) + 1, 9_000_001] {
        let content: Vec<u8> = (0..251).cycle().take(len).collect();
        fs::write(&path, &content).unwrap();
        assert_eq!(FileDigest::of(&path).digest().unwrap().as_bytes(), blake3::hash(&content).as_bytes(), "{len}");
    }
}

#[test]
fn what_can_not_be_read_says_why() {
    let folder = tempdir().unwrap();
    let missing = FileDigest::of(folder.path().join("missing"));
    let error = missing.digest().unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::NotFound, Some(missing.path())));
    assert!(missing != missing.clone(), "two unknown contents may differ");
    let error = FileDigest::of(folder.path()).digest().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("is a folder"), "{error}");
    let error = key_of(&missing).unwrap_err().to_string();
    assert!(error.contains("missing") && error.contains("can't read"), "{error}");
    #[cfg(target_os = "linux")]
    assert!(FileDigest::of("/dev/null").digest().unwrap_err().to_string().contains("no regular file"));
}

#[test]
fn a_call_hits_as_long_as_the_content_is_the_same() {
    #[memoize(cache = _cache, ignore(_cache, path))]
    fn lines(_cache: &Cache, path: &std::path::Path, _content: FileDigest) -> Result<usize, std::io::Error> {
        Ok(fs::read_to_string(path)?.lines().count())
    }
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    let call = |path| lines::call(&cache, path, FileDigest::of(path)).outcome();
    fs::write(&a, "flour\nsalt\n").unwrap();
    assert!(matches!(call(&a), (Ok(2), Outcome::Computed { .. })));
    fs::copy(&a, &b).unwrap();
    assert!(matches!(call(&b), (Ok(2), Outcome::Hit { .. })));
    fs::write(&b, "flour\n").unwrap();
    assert!(matches!(call(&b), (Ok(1), Outcome::Computed { .. })));
    // The function gives its own error, and nothing is kept.
    fs::remove_file(&b).unwrap();
    assert!(matches!(call(&b), (Err(error), Outcome::Bypassed { .. }) if error.kind() == std::io::ErrorKind::NotFound));
    // What an entry shows of it is the path.
    let arguments = cache.entries().unwrap().next().unwrap().arguments;
    assert!(arguments.iter().any(|argument| argument.preview.contains("path")), "{arguments:?}");
}

#[test]
fn elsewhere_it_is_a_path_and_a_digest() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "flour").unwrap();
    let file = FileDigest::of(&path);
    let json = serde_json::to_value(&file).unwrap();
    assert_eq!(json["path"], path.to_str().unwrap());
    assert_eq!(json["digest"], file.digest().unwrap().to_string());
}
