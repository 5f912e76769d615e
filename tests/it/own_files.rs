//! Tests that larder removes and changes only its own files in any folder, and that a removal ends and reports what
//! is left.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use larder::{Cache, Compression, ErrorKind, Limits, memoize};
use tempfile::tempdir;

use crate::removal::remove_in_use;

/// File name in the form of an entry's.
const LIKE_AN_ENTRY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff.larder";

fn put(root: &Path, files: &[&str]) {
    for file in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{{\"mine\": \"{file}\"}}")).unwrap();
    }
}

/// Returns all files below a folder with their contents, except those below `but`.
fn content(root: &Path, but: Option<&Path>) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if but == Some(&*path) {
                continue;
            }
            if path.is_dir() {
                all.insert(path.clone(), Vec::new());
                folders.push(path);
            } else {
                all.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
    all
}

/// Calls every operation that removes or changes files.
fn do_everything(cache: &Cache) {
    let call = |cache: &Cache| {
        for n in 0..6 {
            assert_eq!(cache.get_or_compute("users::f", &n, || n), n);
            assert_eq!(cache.get_or_compute("users", &n, || n), n);
        }
    };
    call(cache);
    // A file that only has the name of an entry can't be recompressed.
    for entry in cache.entries().unwrap() {
        let _ = cache.recompress(&entry, Compression::gzip(1));
    }
    let _ = cache.verify().unwrap();
    let _ = cache.diagnose();
    let limited =
        Cache::builder(cache.path()).max_entries(2).max_bytes(2000).max_idle(std::time::Duration::from_nanos(1));
    call(&limited.open().unwrap());
    cache.trim_to(&Limits { max_entries: Some(0), ..Limits::default() }).unwrap();
    call(cache);
    cache.clear_function("users").unwrap();
    cache.clear_function("users::f").unwrap();
    call(cache);
    cache.clear().unwrap();
    call(&Cache::open(cache.path()).unwrap());
    cache.clear().unwrap();
    cache.clear().unwrap();
}

/// The folder is a project that has folders and files with the names of a cache.
#[test]
fn a_project_with_its_own_v1_folder_is_left_alone() {
    let projects: [&[&str]; 5] = [
        &["v1/users/mine.json", "src/main.rs"],
        &["v1/mine.json"],
        &["drafts/letter.txt", "counters", "marks", "activity", "history", "locks"],
        &["CACHEDIR.TAG", "a.rs"],
        &["v1/users/function.json", "v1/users/history", "v1/users/f/code-00112233445566778899aabbccddeeff.json"],
    ];
    for project in projects {
        let root = tempdir().unwrap();
        put(root.path(), project);
        fs::create_dir(root.path().join("empty")).unwrap();
        let before = content(root.path(), None);
        let cache = Cache::open(root.path()).unwrap();
        assert!(cache.path().starts_with(root.path()) && cache.path() != root.path());
        let opened = || Cache::open(root.path()).unwrap();
        assert_eq!(cache.get_or_compute("f", &1, || 1), 1);
        assert_eq!(opened().get_or_compute("f", &1, || 2), 1, "{project:?}");
        assert_eq!(Cache::builder(root.path()).read_only(true).open().unwrap().get_or_compute("f", &1, || 2), 1);
        assert_eq!(Cache::open(cache.path()).unwrap().path(), cache.path());
        // The cache's own folder is ignored by tools, but nothing else is.
        assert!(cache.path().join("CACHEDIR.TAG").exists() && cache.path().join(".gitignore").exists());
        do_everything(&cache);
        assert!(content(root.path(), Some(cache.path())) == before, "{project:?}");
        remove_in_use(cache.path());
        assert_eq!(cache.get_or_compute("f", &1, || 3), 3);
        assert!(content(root.path(), Some(cache.path())) == before, "{project:?}");
    }
}

#[test]
fn an_error_is_returned_if_no_folder_is_free() {
    let root = tempdir().unwrap();
    put(root.path(), &["a", "larder-cache/b"]);
    let error = Cache::open(root.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(content(root.path(), None).len(), 3);
}

/// A folder that is empty, or has only neutral files, becomes the cache itself and stays it.
#[test]
fn a_cache_keeps_its_path() {
    let root = tempdir().unwrap();
    put(root.path(), &[".gitkeep", "lost+found/x"]);
    let cache = Cache::open(root.path()).unwrap();
    assert_eq!(cache.path(), root.path());
    assert_eq!(cache.get_or_compute("f", &1, || 1), 1);
    // Other files that appear or disappear beside it make no difference.
    let is_told = || cache.diagnose().iter().any(|finding| finding.about == "hidden");
    assert!(!is_told());
    put(root.path(), &["notes.txt", "v1/notes.txt"]);
    assert!(is_told());
    for gone in [Some("CACHEDIR.TAG"), Some(".gitignore"), Some("counters"), Some("drafts"), None] {
        let path = gone.map(|gone| root.path().join(gone));
        match &path {
            Some(path) if path.is_dir() => fs::remove_dir(path).unwrap(),
            Some(path) => fs::remove_file(path).unwrap(),
            None => fs::remove_file(root.path().join("v1/f/function.json")).unwrap(),
        }
        let cache = Cache::open(root.path()).unwrap();
        assert_eq!(cache.path(), root.path(), "without {gone:?}");
        assert_eq!(cache.get_or_compute("f", &1, || 2), 1, "without {gone:?}");
    }
    assert!(!root.path().join(".gitignore").exists(), "a .gitignore would hide the notes");
    assert!(!is_told());
}

/// Files are checked by name and content, also in the cache's own folders.
#[test]
fn foreign_files_with_names_of_larder_stay() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path().join("cache")).unwrap();
    assert_eq!(cache.get_or_compute("users::f", &1, || 1), 1);
    put(
        cache.path(),
        &[
            &format!("v1/users/f/{LIKE_AN_ENTRY}"),
            &format!("v1/app/{LIKE_AN_ENTRY}"),
            "v1/app/function.json",
            "v1/app/history",
            "v1/app/code-00112233445566778899aabbccddeeff.json",
            "v1/app/f.spread/00/notes",
            "v1/users/f/notes.larder",
            "v1/mine.json",
            "drafts/letter.txt",
            "drafts/letter.larder-draft",
        ],
    );
    fs::create_dir_all(cache.path().join("v1/a/folder")).unwrap();
    let ours = content(cache.path(), None);
    let is_mine =
        |(path, content): &(&PathBuf, &Vec<u8>)| content.starts_with(b"{\"mine\"") || path.ends_with("a/folder");
    let mine: Vec<_> = ours.iter().filter(is_mine).collect();
    assert_eq!(mine.len(), 11);
    do_everything(&cache);
    let left = content(cache.path(), None);
    for (path, content) in mine {
        assert_eq!(left.get(path), Some(content), "{}", path.display());
    }
    // None of larder's files is left in these folders, and none is counted.
    let in_v1: Vec<_> = left.keys().filter(|path| path.starts_with(cache.path().join("v1"))).collect();
    assert_eq!(in_v1.len(), 16, "{in_v1:#?}");
    assert_eq!(Cache::open(cache.path()).unwrap().entries().unwrap().filter(|entry| entry.fault.is_none()).count(), 0);
    assert_eq!(cache.stats().unwrap().entries, 0);
}

/// A foreign file at the path of one of larder's files is not replaced.
#[test]
fn a_function_whose_file_is_foreign_is_computed() {
    let users = |n: u8, cache: &Cache| cache.get_or_compute("users", &n, || n);
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path().join("cache")).unwrap();
    put(cache.path(), &["v1/users/function.json"]);
    let before = content(&cache.path().join("v1"), None);
    assert_eq!((users(1, &cache), users(1, &cache)), (1, 1));
    assert!(content(&cache.path().join("v1"), None) == before);
    assert_eq!(cache.stats().unwrap().errors, 2);
    fs::remove_file(cache.path().join("v1/users/function.json")).unwrap();
    assert_eq!((users(1, &cache), users(1, &cache)), (1, 1));
    assert_eq!(cache.stats().unwrap().hits, 1);
}

/// The other files that larder has beside entries.
#[test]
fn foreign_files_beside_entries_are_not_changed() {
    let users = |n: u8, cache: &Cache| cache.get_or_compute("users", &n, || n);
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path().join("cache")).unwrap();
    put(cache.path(), &["v1/users/history"]);
    let path = cache.path().join("v1/users/history");
    let before = fs::read(&path).unwrap();
    assert_eq!((users(1, &cache), users(1, &cache)), (1, 1));
    cache.find(&cache.entries().unwrap().next().unwrap().key.to_string()).unwrap().iter().for_each(|entry| {
        cache.remove(entry).unwrap();
    });
    assert_eq!(users(1, &cache), 1);
    assert!(fs::read(&path).unwrap() == before);
    // Without a history, results are stored all the same.
    assert_eq!(cache.stats().unwrap().hits, 1);

    #[memoize(cache = cache, ignore(cache), name = "tracked")]
    fn tracked(n: u8, cache: &Cache) -> u8 {
        let _ = cache;
        n
    }
    tracked(1, &cache);
    let folder =
        cache.functions().unwrap().into_iter().find(|function| function.name.contains("tracked")).unwrap().path;
    let is_code = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("code-");
    let code = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()).find(is_code).unwrap();
    cache.clear().unwrap();
    fs::create_dir_all(code.parent().unwrap()).unwrap();
    fs::write(&code, "mine").unwrap();
    assert_eq!(tracked(1, &Cache::open(cache.path()).unwrap()), 1);
    assert_eq!(fs::read(&code).unwrap(), b"mine");
}

/// A link in the place of the folder of all functions is not followed either.
#[test]
fn a_link_in_place_of_all_functions_is_not_followed() {
    let root = tempdir().unwrap();
    let cache = Cache::builder(root.path().join("cache")).hot_bytes(0).open().unwrap();
    cache.get_or_compute("f", &1, || 1);
    let (there, moved) = (cache.path().join("v1"), root.path().join("moved"));
    fs::rename(&there, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &there).unwrap();
    let before = content(&moved, None);
    assert!(cache.clear().unwrap_err().to_string().contains("link"));
    assert!(cache.trim_to(&Limits { max_entries: Some(0), ..Limits::default() }).is_err());
    let limited = Cache::builder(cache.path()).max_entries(1).open().unwrap();
    for n in 0..5 {
        assert_eq!(limited.get_or_compute("g", &n, || n), n);
    }
    assert!(content(&moved, None) == before);
}

/// A damaged entry still belongs to larder, even if most of it is missing.
#[test]
fn damaged_entries_are_removed() {
    for damage in [&b""[..], &[0; 100], b"\x89LARDEX\n", b"no magic at all", b"\x89LAR"] {
        let root = tempdir().unwrap();
        let cache = Cache::open(root.path()).unwrap();
        assert_eq!(cache.get_or_compute("f", &1, || 1), 1);
        let path = cache.entries().unwrap().next().unwrap().path;
        fs::write(&path, damage).unwrap();
        cache.clear().unwrap();
        assert!(!path.exists(), "{damage:?}");
        assert!(!root.path().join("v1").exists(), "{damage:?}");
    }
}

/// NFS and FUSE keep a removed file that is open, so its folder can't be removed.
#[test]
fn clear_ends_if_a_removed_file_is_open() {
    let root = tempdir().unwrap();
    let (source, target) = (root.path().join("source"), root.path().join("target"));
    fs::create_dir_all(&source).unwrap();
    let Some(mounted) = crate::mounts::Mounted::fuse("clear_ends_if_a_removed_file_is_open", &source, &target) else {
        return;
    };
    let cache = Cache::builder(mounted.path().join("cache")).hot_bytes(0).open().unwrap();
    assert_eq!(cache.get_or_compute("a::f", &1, || 1), 1);
    let open = File::open(cache.entries().unwrap().next().unwrap().path).unwrap();
    cache.clear().unwrap();
    assert_eq!((cache.entries().unwrap().len(), cache.stats().unwrap().entries), (0, 0));
    assert!(cache.clear_function("a::f").is_ok());
    drop(open);
    assert_eq!(cache.get_or_compute("a::f", &1, || 2), 2);
    cache.clear().unwrap();
    assert!(!cache.path().join("v1").exists());
}

/// Other threads store as fast as they can.
#[test]
fn clear_ends_while_others_store() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let other = Cache::builder(root.path()).hot_bytes(0).open().unwrap();
        let is_done = &is_done;
        scope.spawn(move || {
            for n in 0_u64.. {
                assert_eq!(other.get_or_compute(if n % 2 == 0 { "a::f" } else { "a::b::g" }, &n, || n), n);
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..50 {
            cache.clear().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
    cache.clear().unwrap();
    assert_eq!(cache.entries().unwrap().len(), 0);
}

/// Runs in the child process of the test below.
#[test]
fn clears_what_it_can() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(root) = crate::child::root() else { return };
    let cache = Cache::open(root.join("cache")).unwrap();
    for name in ["a::f", "a::g", "b"] {
        assert_eq!(cache.get_or_compute(name, &1, || 1), 1);
    }
    let set =
        |place: &str, mode| fs::set_permissions(cache.path().join(place), fs::Permissions::from_mode(mode)).unwrap();
    for (place, mode) in [("v1/a/f", 0o000), ("v1/a/f", 0o500)] {
        assert_eq!(cache.get_or_compute("b", &1, || 1), 1);
        set(place, mode);
        let error = cache.clear().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.path().is_some_and(|path| path.starts_with(cache.path().join(place))), "{error}");
        set(place, 0o700);
        let left: Vec<_> = cache.entries().unwrap().map(|entry| entry.function).collect();
        assert_eq!(left, ["a::f"]);
        assert_eq!(cache.stats().unwrap().entries, 1);
    }
    cache.clear().unwrap();
    assert_eq!((cache.entries().unwrap().len(), cache.stats().unwrap().entries), (0, 0));
}

/// Files that can't be removed are reported, and the rest is removed.
#[test]
fn clear_continues_after_a_folder_that_can_not_be_removed() {
    let (root, program) = crate::refused::folder_for_unprivileged_user();
    crate::refused::run_as_unprivileged_user("own_files::clears_what_it_can", root.path(), &program, &[]);
}

/// A file of the user with the name of one of larder's does not make a folder a cache.
#[test]
fn a_file_name_alone_makes_no_cache() {
    for files in
        [&["locks"][..], &["running/marathon.json"], &["locks/codes.txt"], &["counters", "activity"], &["v1/x.json"]]
    {
        let root = tempdir().unwrap();
        put(root.path(), files);
        let before = content(root.path(), None);
        let cache = Cache::open(root.path()).unwrap();
        assert_eq!(cache.path(), root.path().join("larder-cache"), "{files:?}");
        assert_eq!(cache.get_or_compute("f", &1, || 1), 1);
        assert!(content(root.path(), Some(cache.path())) == before, "{files:?}");
        assert!(!root.path().join(".gitignore").exists() && !root.path().join("CACHEDIR.TAG").exists());
    }
}

/// Several threads that open a new folder at the same time get the same cache.
#[test]
fn a_new_cache_can_be_opened_by_several_threads_at_once() {
    for _ in 0..60 {
        let root = tempdir().unwrap();
        let folder = root.path().join("cache");
        let barrier = std::sync::Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    let cache = Cache::open(&folder).unwrap();
                    assert_eq!(cache.path(), folder);
                    cache.get_or_compute("f", &1, || 1);
                });
            }
        });
        assert!(!folder.join("larder-cache").exists());
    }
}

/// A tag that a power failure has cut still belongs to larder.
#[test]
fn a_torn_tag_is_still_a_tag() {
    for len in [0, 10, 60] {
        let root = tempdir().unwrap();
        let cache = Cache::open(root.path()).unwrap();
        cache.get_or_compute("f", &1, || 1);
        cache.clear().unwrap();
        drop(cache);
        File::options().write(true).open(root.path().join("CACHEDIR.TAG")).unwrap().set_len(len).unwrap();
        assert_eq!(Cache::open(root.path()).unwrap().path(), root.path());
    }
}

/// Some programs write only the signature of a tag, or nothing, beside their files.
#[test]
fn a_short_tag_of_another_program_is_not_the_tag_of_a_cache() {
    let signature = "Signature: 8a477f597d28d172789f06886806bc55";
    for (tag, other) in
        [(signature, None), (signature, Some("wheels")), ("", Some("wheels")), ("Sig", Some("counters.db"))]
    {
        let root = tempdir().unwrap();
        fs::write(root.path().join("CACHEDIR.TAG"), tag).unwrap();
        put(root.path(), &other.map_or_else(Vec::new, |other| vec![other]));
        let before = content(root.path(), None);
        let cache = Cache::open(root.path()).unwrap();
        assert_eq!(cache.get_or_compute("f", &1, || 1), 1);
        assert_eq!(cache.path(), root.path().join("larder-cache"), "{tag:?} {other:?}");
        do_everything(&cache);
        assert!(content(root.path(), Some(cache.path())) == before);
    }
}

/// If the results were moved to another disk and replaced by a link, they are not cleared, which is an error.
#[test]
fn clearing_does_not_follow_a_link_and_returns_an_error() {
    let root = tempdir().unwrap();
    let cache = Cache::builder(root.path().join("cache")).hot_bytes(0).open().unwrap();
    cache.get_or_compute("f", &1, || 1);
    cache.get_or_compute("g", &1, || 1);
    let (there, moved) = (cache.path().join("v1/f"), root.path().join("moved"));
    fs::rename(&there, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &there).unwrap();
    let before = content(&moved, None);
    assert!(cache.clear().unwrap_err().to_string().contains("link"));
    let _ = cache.clear_function("f");
    assert!(content(&moved, None) == before);
    assert!(!cache.path().join("v1/g").exists());
    fs::remove_file(&there).unwrap();
    cache.clear().unwrap();
}
