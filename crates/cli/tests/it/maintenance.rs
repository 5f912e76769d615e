//! `larder stats`, `explain`, `verify`, `trim`, `doctor` and `path`.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use larder::__text as text;
use larder::{Cache, memoize};
use serde_json::Value;

use crate::program::{Run, as_json, damage, entries_of, larder, one_entry, program, stocked};

#[test]
fn stats_are_those_of_the_library() {
    let (folder, cache) = stocked();
    for _ in 0..3 {
        cache.get_or_compute("demo::other::fit", &3, || 3);
    }
    // Closing the cache writes its counters.
    drop(cache);
    let json = larder(folder.path(), &["stats", "--json"]).json();
    let stats = Cache::open(folder.path()).unwrap().stats().unwrap();
    assert_eq!(json, as_json(&stats));
    assert_eq!((&json["hits"], &json["misses"], &json["entries"]), (&3.into(), &4.into(), &4.into()));
    assert!(json["computed"].as_f64().unwrap() >= 0.015);

    let run = larder(folder.path(), &["stats"]);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines[0], "calls       7");
    assert!(lines[1].starts_with("hits        3 (42.8 %), "), "{run:?}");
    assert!(lines[2].starts_with("computed    4, in "), "{run:?}");
    assert_eq!(lines[3], format!("time saved  {}", text::duration(stats.saved)));
    assert_eq!(lines[4], format!("entries     4, {}", text::size(stats.bytes)));
    assert_eq!(lines.last(), Some(&"errors      none"));

    let json = larder(folder.path(), &["stats", "other::fit", "--json"]).json();
    assert_eq!((&json["hits"], &json["misses"]), (&3.into(), &1.into()));
    assert!(larder(folder.path(), &["stats", "fit"]).error(1).contains("ambiguous"));
}

#[test]
fn faults_are_counted_by_their_kind() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::builder(folder.path()).hot_bytes(0).open().unwrap();
    cache.get_or_compute("f", &(), || 1);
    damage(&one_entry(&cache, "f"));
    cache.get_or_compute("f", &(), || 1);
    drop(cache);
    let run = larder(folder.path(), &["stats"]);
    assert!(run.stdout.contains("\nerrors      1: 1 damaged\n"), "{run:?}");
    assert_eq!(larder(folder.path(), &["stats", "--json"]).json()["errors_by_kind"]["damaged"], 1);
}

#[test]
fn an_entry_is_compared_with_the_most_similar_one() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    for (n, name) in [(1, "a"), (2, "a"), (3, "b")] {
        cache.get_or_compute("fit", &(n, name), || n);
    }
    cache.get_or_compute("other", &(1, "a"), || 1);
    let key = |preview: &str| {
        let mut entries = entries_of(&cache, "fit");
        entries.retain(|entry| entry.arguments[0].preview == preview);
        entries.remove(0).key.to_string()
    };
    let (first, second) = (key(r#"(1, "a")"#), key(r#"(2, "a")"#));
    let run = larder(folder.path(), &["explain", &second, &first[..16]]);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""));
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(lines[0].starts_with(&format!("{} `fit` with args = (2, \"a\"), computed ", &second[..12])), "{run:?}");
    assert!(
        lines[1].starts_with("  stored ")
            && lines[1].contains(": never computed with these arguments: argument `args`")
    );
    assert!(lines[2].starts_with(&format!("compared with {} `fit` with args = (1, \"a\")", &first[..12])), "{run:?}");
    assert_eq!(lines[3..], [r#"  argument `args`: (2, "a") here, (1, "a") there"#]);

    let json = larder(folder.path(), &["explain", &second, "--json"]).json();
    assert_eq!(json["entry"]["key"], second);
    assert_eq!(json["other"]["function"], "fit");
    assert_eq!(json["history"].as_array().unwrap().len(), 1);
    assert_eq!(json["comparison"]["same_code"], true);

    let alone = one_entry(&cache, "other").key.to_string();
    let run = larder(folder.path(), &["explain", &alone]);
    assert_eq!(run.stdout.lines().last(), Some("it is the function's only entry"));
    // Entries of two functions can be compared.
    let run = larder(folder.path(), &["explain", &alone, &first]);
    assert!(run.stdout.contains("\n  function: `other` here, `fit` there\n"), "{run:?}");
    // The history of the call has all events.
    let entry = one_entry(&cache, "other");
    assert!(cache.remove(&entry).unwrap());
    cache.get_or_compute("other", &(1, "a"), || 1);
    let run = larder(folder.path(), &["explain", &alone]);
    let history: Vec<_> = run.stdout.lines().collect();
    assert!(history[1].starts_with("  stored ") && history[1].ends_with(": never computed"), "{run:?}");
    assert!(history[2].starts_with("  removed on request "), "{run:?}");
    assert!(history[3].ends_with(": forgotten: it was stored, and removed on request"), "{run:?}");
    assert!(larder(folder.path(), &["explain", "0000"]).error(1).contains("no key"));
    let entry = entries_of(&cache, "fit").remove(0);
    damage(&entry);
    assert!(larder(folder.path(), &["explain", &entry.key.to_string()]).error(1).contains("checksum"));
}

#[test]
fn code_and_version_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    fn one(cache: &Cache) -> u32 {
        #[memoize(cache = cache, ignore(cache), name = "twice", version = 1)]
        fn twice(cache: &Cache, n: u32) -> u32 {
            let _ = cache;
            n + n
        }
        twice(cache, 4)
    }
    fn two(cache: &Cache) -> u32 {
        #[memoize(cache = cache, ignore(cache), name = "twice", version = 2)]
        fn twice(cache: &Cache, n: u32) -> u32 {
            let _ = cache;
            2 * n
        }
        twice(cache, 4)
    }
    assert_eq!((one(&cache), two(&cache)), (8, 8));
    let entry = entries_of(&cache, "twice").into_iter().find(|entry| entry.version == 2).unwrap();
    let run = larder(folder.path(), &["explain", &entry.key.to_string()]);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(lines[1].ends_with(": version changed: 1 is stored, it is 2 now"), "{run:?}");
    assert!(lines[2].starts_with("most similar is "), "{run:?}");
    assert_eq!(lines[3..], ["  version: 2 here, 1 there", "  code: the function itself changed here"]);
}

#[test]
fn verify_names_what_is_damaged_and_deletes_on_request() {
    let (folder, cache) = stocked();
    let root = folder.path();
    let run = larder(root, &["verify"]);
    let all = text::size(cache.stats().unwrap().bytes);
    assert_eq!((run.code, &*run.stdout), (Some(0), ""));
    assert_eq!(run.stderr, format!("4 entries, {all}: all are intact\n"));

    let entry = one_entry(&cache, "area");
    let mut bytes = fs::read(&entry.path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&entry.path, bytes).unwrap();
    let run = larder(root, &["verify"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stdout.starts_with(&format!("{}: ", entry.path.display())) && run.stdout.lines().count() == 1,
        "{run:?}"
    );
    assert_eq!(run.stderr, "larder: 1 entry can't be read and will be computed again; `--delete` removes it\n");
    let run = larder(root, &["verify", "--json"]);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, &json["entries"], &json["deleted"]), (Some(1), &4.into(), &0.into()));
    assert_eq!(json["faulty"][0]["key"], entry.key.to_string());
    assert!(entry.path.exists());

    let run = larder(root, &["verify", "--delete"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.ends_with(": 1 can't be read and was removed\n"), "{run:?}");
    assert!(!entry.path.exists());
    assert_eq!(larder(root, &["verify", "--json"]).json()["entries"], 3);
}

#[test]
fn trim_removes_entries_until_the_limits_hold_and_can_run_dry() {
    let (folder, cache) = stocked();
    let root = folder.path();
    let run = larder(root, &["trim", "--max-entries", "1", "--dry-run"]);
    assert_eq!((run.code, &*run.stdout), (Some(0), ""));
    assert!(
        run.stderr.starts_with("would remove 3 entries (") && run.stderr.contains(", and keep 1 entry ("),
        "{run:?}"
    );
    assert_eq!(cache.entries().unwrap().len(), 4);
    let json = larder(root, &["trim", "--max-bytes", "1 GB", "--json"]).json();
    assert_eq!((&json["removed"], &json["kept"]), (&0.into(), &4.into()));
    let run = larder(root, &["trim", "--max-entries", "1"]);
    assert!(run.stderr.starts_with("removed 3 entries ("), "{run:?}");
    assert_eq!(cache.entries().unwrap().len(), 1);
    assert!(larder(root, &["trim"]).error(2).contains("required"));
    assert!(larder(root, &["trim", "--dry-run"]).error(2).contains("required"));
    assert!(larder(root, &["trim", "--max-bytes", "-1"]).code == Some(2));
    let missing = root.join("missing");
    let json = larder(&missing, &["trim", "--max-age", "1d", "--json"]).json();
    assert_eq!((&json["removed"], missing.exists()), (&0.into(), false));
}

#[test]
fn the_doctor_reports_problems_with_advice() {
    let (folder, cache) = stocked();
    let root = folder.path();
    #[cfg(unix)]
    fs::set_permissions(root, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let run = larder(root, &["doctor"]);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{run:?}");
    for about in ["access", "writing", "space", "locks", "memory", "litter", "counts", "files"] {
        let found = run.stdout.lines().any(|line| line.starts_with(about) && line[10..].starts_with("good"));
        assert!(found, "{about}: {run:?}");
    }

    // Other files, files of another version, and a removed entry.
    fs::create_dir(root.join("v2")).unwrap();
    fs::write(root.join("v1/notes.txt"), "mine").unwrap();
    fs::remove_file(one_entry(&cache, "area").path).unwrap();
    // An orphaned temp file, and an entry from the future.
    let set_time = |path: &Path, time: SystemTime| {
        fs::File::options().append(true).create(true).open(path).unwrap().set_modified(time).unwrap();
    };
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    set_time(&root.join("drafts/.x.larder-draft"), SystemTime::now() - hours(1));
    set_time(&one_entry(&cache, "demo::other::fit").path, SystemTime::now() + hours(48));
    let json = larder(root, &["doctor", "--json"]).json();
    let of = |about: &str| json.as_array().unwrap().iter().find(|finding| finding["about"] == about).unwrap();
    assert_eq!((&of("versions")["severity"], &of("files")["severity"]), (&"note".into(), &"note".into()));
    assert!(of("files")["what"].as_str().unwrap().contains("notes.txt"));
    assert!(of("litter")["what"].as_str().unwrap().starts_with("1 unfinished file of "), "{json}");
    assert_eq!(of("clock")["severity"], "note");
    assert!(of("counts")["what"].as_str().unwrap().starts_with("3 entries are there, and 4 counted"), "{json}");
    assert!(of("counts")["advice"].is_string());

    let run = Run::of(program().arg("--root").arg(root).arg("doctor").env("LARDER", "off").output().unwrap());
    assert!(run.stdout.contains("LARDER=off is set here"), "{run:?}");
    let run = larder(&root.join("missing"), &["doctor"]);
    assert!(run.code == Some(0) && run.stdout.contains("does not exist"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn the_doctor_finds_links_and_permissions_that_are_too_wide() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let (folder, _cache) = stocked();
    let root = folder.path();
    symlink("/", root.join("v1/elsewhere")).unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o777)).unwrap();
    let run = larder(root, &["doctor"]);
    assert_eq!((run.code, &*run.stderr), (Some(1), "larder: found 2 faults\n"), "{run:?}");
    assert!(run.stdout.contains("access    fault others may write to the folder (mode 777)"), "{run:?}");
    assert!(run.stdout.contains(&format!("-> `chmod 700 {}`", root.display())), "{run:?}");
    assert!(run.stdout.contains("links     fault "), "{run:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_there_are_colours_and_questions() {
    use crate::terminal::Terminal;
    let (folder, cache) = stocked();
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = program();
        command.arg("--root").arg(folder.path()).args(args).env_remove("NO_COLOR").env("TERM", "xterm");
        command.envs(variables.iter().copied());
        Terminal::run(command, (100, 24))
    };
    let is_bold = |screen: &vt100::Screen| screen.cell(0, 0).is_some_and(vt100::Cell::bold);
    for (variables, colours) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let terminal = run(&["ls"], variables);
        terminal.see("FUNCTION");
        let (code, screen, _) = terminal.end();
        assert_eq!((code, is_bold(&screen)), (Some(0), colours), "{}", screen.contents());
    }
    for (answer, left, code) in [("no\n", 4, 1), ("y\n", 0, 0)] {
        let mut terminal = run(&["clear"], &[]);
        terminal.see("[y/N]");
        terminal.press(answer);
        let (ended, screen, _) = terminal.end();
        assert_eq!((ended, cache.entries().unwrap().len()), (Some(code), left), "{}", screen.contents());
    }
}

#[test]
fn paths_are_printed() {
    let (folder, cache) = stocked();
    let run = larder(folder.path(), &["path"]);
    assert_eq!((run.code, run.stdout), (Some(0), format!("{}\n", cache.path().display())));
    let run = larder(folder.path(), &["path", "area", "--json"]);
    assert_eq!(run.json(), as_json(one_entry(&cache, "area").path.parent().unwrap()));
}

#[test]
fn shells_complete_what_is_typed() {
    for (shell, sign) in [("bash", "_larder()"), ("zsh", "#compdef larder"), ("fish", "complete -c larder")] {
        let run = Run::of(program().args(["completions", shell]).output().unwrap());
        assert_eq!((run.code, &*run.stderr), (Some(0), ""));
        assert!(run.stdout.contains(sign) && run.stdout.contains("recompress"), "{shell}");
    }
    assert!(Run::of(program().args(["completions", "ed"]).output().unwrap()).error(2).contains("possible values"));
}
