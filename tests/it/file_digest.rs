//! Tests arguments that are files, whose keys depend on their content.

use std::fs;
use std::io;
use std::path::Path;

use larder::{Cache, ErrorKind, FileDigest, Outcome, Reason, memoize};
use tempfile::tempdir;

#[memoize(cache = cache, ignore(cache, during), key(path = FileDigest::of(path)))]
fn length(path: &Path, during: &dyn Fn(), cache: &Cache) -> io::Result<usize> {
    let _ = cache;
    let content = fs::read(path)?;
    during();
    Ok(content.len())
}

#[test]
fn a_result_depends_on_the_content_of_the_file() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    fs::write(&a, "one").unwrap();
    fs::write(&b, "one").unwrap();
    let nothing = || {};
    assert_eq!(length(&a, &nothing, &cache).unwrap(), 3);
    // The same content under another path is the same argument.
    assert!(length::call(&b, &nothing, &cache).is_cached());
    // Different content of the same length is a different argument.
    fs::write(&a, "two").unwrap();
    assert!(!length::call(&a, &nothing, &cache).is_cached());
    fs::write(&a, "three").unwrap();
    assert_eq!(length(&a, &nothing, &cache).unwrap(), 5);
    fs::write(&a, "one").unwrap();
    assert!(length::call(&a, &nothing, &cache).is_cached());
}

#[test]
fn an_unreadable_file_bypasses_the_cache() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let missing = folder.path().join("missing");
    let (result, outcome) = length::call(&missing, &|| {}, &cache).outcome();
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::NotFound);
    let Outcome::Bypassed { reason: Reason::NoKey { what, .. }, .. } = outcome else { panic!("{outcome:?}") };
    assert!(what.contains("`path`") && what.contains("missing"), "{what}");
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
fn a_digest_is_a_value() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("data");
    fs::write(&path, "content").unwrap();
    let digest = FileDigest::of(&path);
    assert_eq!(digest.path(), path);
    assert_eq!(digest, digest.clone());
    assert_eq!(digest.digest().unwrap().as_bytes(), blake3::hash(b"content").as_bytes());
    // Its key is neither that of the file's text nor that of the digest's bytes.
    let key = larder::key_of(&digest).unwrap();
    assert_ne!(key, larder::key_of("content").unwrap());
    assert_ne!(key, larder::key_of(&digest.digest().unwrap()).unwrap());
    let json = serde_json::to_value(&digest).unwrap();
    assert_eq!(json["digest"], digest.digest().unwrap().to_string());
    assert_eq!(json["path"], path.to_str().unwrap());
}

/// Returns the digest of a folder that `make` fills.
fn of_tree(make: impl FnOnce(&Path)) -> larder::Key {
    let folder = tempdir().unwrap();
    make(folder.path());
    FileDigest::of(folder.path()).digest().unwrap()
}

fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn the_digest_of_a_folder_covers_names_kinds_and_contents() {
    let plain = of_tree(|folder| {
        write(folder, "a", "one");
        write(folder, "b/c", "two");
    });
    // Created in another order and at another time.
    let same = of_tree(|folder| {
        write(folder, "b/c", "two");
        write(folder, "a", "one");
        let times = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
        fs::File::options().write(true).open(folder.join("a")).unwrap().set_times(times).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(folder.join("b/c"), fs::Permissions::from_mode(0o700)).unwrap();
        }
    });
    assert_eq!(plain, same);
    let others: [&dyn Fn(&Path); 8] = [
        &|_| {},
        // Other content, name, path or kind.
        &|folder| {
            write(folder, "a", "two");
            write(folder, "b/c", "one");
        },
        &|folder| {
            write(folder, "a", "one");
            write(folder, "b/d", "two");
        },
        &|folder| {
            write(folder, "a", "one");
            write(folder, "bc", "two");
        },
        &|folder| {
            write(folder, "a/b", "one");
            write(folder, "b/c", "two");
        },
        // One file more, or one less.
        &|folder| write(folder, "a", "one"),
        &|folder| {
            write(folder, "a", "one");
            write(folder, "b/c", "two");
            fs::create_dir(folder.join("d")).unwrap();
        },
        &|folder| {
            write(folder, "a", "one");
            write(folder, "b/c", "two");
            write(folder, "d", "");
        },
    ];
    let mut all: Vec<larder::Key> = others.iter().map(of_tree).chain([plain]).collect();
    // An empty file differs from an empty folder.
    all.push(FileDigest::of(tempfile::NamedTempFile::new().unwrap().path()).digest().unwrap());
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[cfg(unix)]
#[test]
fn a_link_counts_by_the_text_of_its_target() {
    use std::os::unix::fs::symlink;
    let of = |target: &str, content: &str| {
        of_tree(|folder| {
            write(folder, "a", content);
            symlink(target, folder.join("link")).unwrap();
        })
    };
    assert_eq!(of("a", "one"), of("a", "one"));
    assert_ne!(of("a", "one"), of("./a", "one"));
    // The target may be missing, or the link may point to its own folder.
    assert_ne!(of("missing", "one"), of("..", "one"));
    let copied = of_tree(|folder| {
        write(folder, "a", "one");
        write(folder, "link", "a");
    });
    assert_ne!(of("a", "one"), copied);
    // The folder itself may be reached through a link.
    let folder = tempdir().unwrap();
    write(folder.path(), "real/a", "one");
    symlink("real", folder.path().join("link")).unwrap();
    assert_eq!(FileDigest::of(folder.path().join("link")), FileDigest::of(folder.path().join("real")));
}

#[memoize(cache = cache, ignore(cache, during), key(path = FileDigest::of(path)))]
fn count(path: &Path, during: &dyn Fn(), cache: &Cache) -> usize {
    let _ = cache;
    let count = fs::read_dir(path).unwrap().count();
    during();
    count
}

#[test]
fn a_folder_that_changes_while_the_function_runs_leaves_no_result() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let tree = folder.path().join("tree");
    write(&tree, "deep/data", "before");
    let changes: [&dyn Fn(); 4] = [
        &|| write(&tree, "deep/data", "after!"),
        &|| write(&tree, "deep/more", "new"),
        &|| fs::rename(tree.join("deep/more"), tree.join("deep/other")).unwrap(),
        &|| fs::remove_file(tree.join("deep/other")).unwrap(),
    ];
    for (change, errors) in changes.into_iter().zip(1..) {
        assert_eq!(count(&tree, change, &cache), 1);
        assert_eq!((cache.entries().unwrap().len(), cache.stats().unwrap().errors), (0, errors));
    }
    assert_eq!(count(&tree, &|| {}, &cache), 1);
    assert!(count::call(&tree, &|| {}, &cache).is_cached());
    write(&tree, "deep/data", "later");
    assert!(!count::call(&tree, &|| {}, &cache).is_cached());
}

/// Returns the error of a digest, and panics if computing it takes too long.
fn refused(path: &Path) -> larder::Error {
    let path = path.to_owned();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || send.send(FileDigest::of(path).digest()));
    receive.recv_timeout(std::time::Duration::from_secs(60)).expect("it must not wait").unwrap_err()
}

#[cfg(target_os = "linux")]
#[test]
fn devices_pipes_and_sockets_have_no_digest_and_do_not_block() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("tree/pipe");
    fs::create_dir(folder.path().join("tree")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for path in [&pipe, &socket, Path::new("/dev/zero"), Path::new("/dev/null"), Path::new("/dev/tty")] {
        let error = refused(path);
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidInput, Some(path)), "{error}");
        assert!(error.to_string().contains("pipe"), "{error}");
    }
    // Within a folder, the error names the path that caused it.
    let error = refused(&folder.path().join("tree"));
    assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidInput, Some(&*pipe)));
}

#[cfg(target_os = "linux")]
#[test]
fn files_generated_by_the_system_bypass_the_cache() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let mut paths = vec!["/proc/cpuinfo", "/proc/meminfo", "/proc/self/status", "/proc/sys/kernel/ostype"];
    // The reported length of these files is one page.
    paths.extend(["/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/uevent_seqnum"]);
    paths.retain(|path| fs::read(path).is_ok());
    assert!(paths.len() >= 4);
    let content = |path: &Path| fs::read(path).unwrap().len();
    for path in paths.iter().map(Path::new) {
        let (length, outcome) = length::call(path, &|| {}, &cache).outcome();
        // The length of some files varies a little.
        assert!(length.unwrap().abs_diff(content(path)) < 200, "{}", path.display());
        let Outcome::Bypassed { reason: Reason::NoKey { what, .. }, .. } = outcome else { panic!("{outcome:?}") };
        assert!(what.contains(path.to_str().unwrap()) && what.contains("no digest"), "{what}");
    }
    assert_eq!(cache.entries().unwrap().len(), 0);
    assert_eq!(refused(Path::new("/proc/self")).kind(), ErrorKind::InvalidInput);
}

#[test]
fn nested_folders_have_a_depth_limit() {
    let folder = tempdir().unwrap();
    let deep = |levels| {
        let path = folder.path().join(format!("{levels}")).join(vec!["d"; levels].join("/"));
        fs::create_dir_all(path).unwrap();
        FileDigest::of(folder.path().join(format!("{levels}"))).digest()
    };
    deep(100).unwrap();
    let error = deep(200).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.path().unwrap().ends_with("d/d"), "{error}");
}

/// A digest of files that are being written is a consistent state, or an error.
#[test]
fn a_folder_that_keeps_changing_has_no_digest() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let folder = tempdir().unwrap();
    let tree = folder.path().join("tree");
    write(&tree, "first", "");
    let is_done = AtomicBool::new(false);
    let is_begun = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            is_begun.wait();
            for n in 0_u64.. {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                let (next, last) = if n % 2 == 0 { ("second", "first") } else { ("first", "second") };
                write(&tree, next, "");
                fs::remove_file(tree.join(last)).unwrap();
            }
        });
        is_begun.wait();
        for _ in 0..200 {
            if let Err(error) = FileDigest::of(&tree).digest() {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            }
        }
        is_done.store(true, Ordering::Relaxed);
    });
}
