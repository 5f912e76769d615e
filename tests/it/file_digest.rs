//! Files as arguments, by what they hold.

use std::fs;
use std::io;
use std::path::Path;

use larder::{Cache, ErrorKind, FileDigest, Outcome, Reason, memoize};
use tempfile::tempdir;

#[memoize(cache = cache, ignore(cache, meanwhile), key(path = FileDigest::of(path)))]
fn length(path: &Path, meanwhile: &dyn Fn(), cache: &Cache) -> io::Result<usize> {
    let _ = cache;
    let content = fs::read(path)?;
    meanwhile();
    Ok(content.len())
}

#[test]
fn a_result_is_of_what_the_file_holds() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    fs::write(&a, "one").unwrap();
    fs::write(&b, "one").unwrap();
    let nothing = || {};
    assert_eq!(length(&a, &nothing, &cache).unwrap(), 3);
    // The same content elsewhere is the same argument.
    assert!(length::call(&b, &nothing, &cache).is_cached());
    // Other content of the same length is another one.
    fs::write(&a, "two").unwrap();
    assert!(!length::call(&a, &nothing, &cache).is_cached());
    fs::write(&a, "three").unwrap();
    assert_eq!(length(&a, &nothing, &cache).unwrap(), 5);
    fs::write(&a, "one").unwrap();
    assert!(length::call(&a, &nothing, &cache).is_cached());
}

#[test]
fn what_can_not_be_read_is_the_functions_own_affair() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let missing = folder.path().join("missing");
    let (result, outcome) = length::call(&missing, &|| {}, &cache).outcome();
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::NotFound);
    let Outcome::Bypassed { reason: Reason::NoKey { what, .. }, .. } = outcome else { panic!("{outcome:?}") };
    assert!(what.contains("`path`") && what.contains("missing"), "{what}");
    let error = FileDigest::of(folder.path()).digest().unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidInput, Some(folder.path())));
    assert!(error.to_string().contains("folder"));
    assert_ne!(FileDigest::of(&missing), FileDigest::of(&missing));
}

#[test]
fn a_file_that_changes_while_the_function_runs_leaves_no_result() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let path = folder.path().join("data");
    fs::write(&path, "before").unwrap();
    assert_eq!(length(&path, &|| fs::write(&path, "after that").unwrap(), &cache).unwrap(), 6);
    assert_eq!(cache.entries().unwrap().len(), 0);
    assert_eq!(cache.stats().unwrap().errors, 1);
    assert_eq!(length(&path, &|| {}, &cache).unwrap(), 10);
    assert_eq!(cache.entries().unwrap().len(), 1);
}

#[test]
fn it_is_a_value() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("data");
    fs::write(&path, "content").unwrap();
    let digest = FileDigest::of(&path);
    assert_eq!(digest.path(), path);
    assert_eq!(digest, digest.clone());
    assert_eq!(digest.digest().unwrap().as_bytes(), blake3::hash(b"content").as_bytes());
    // Neither its text nor its bytes are the file.
    let key = larder::key_of(&digest).unwrap();
    assert_ne!(key, larder::key_of("content").unwrap());
    assert_ne!(key, larder::key_of(&digest.digest().unwrap()).unwrap());
    let json = serde_json::to_value(&digest).unwrap();
    assert_eq!(json["digest"], digest.digest().unwrap().to_string());
    assert_eq!(json["path"], path.to_str().unwrap());
}
