//! `larder clear`.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use larder::__text as text;
use larder::Cache;
use tempfile::TempDir;

use crate::program::{Run, damage, entries_of, larder, one_entry, program, stocked};

#[test]
fn clear_removes_one_function() {
    let (folder, cache) = stocked();
    let function = cache.functions().unwrap()[1].clone();
    let (size, path) = (text::size(function.bytes), function.path);
    let run = larder(folder.path(), &["clear", "models::fit", "--yes"]);
    assert_eq!((run.code, &*run.stdout), (Some(0), ""));
    let path = path.display();
    assert_eq!(
        run.stderr,
        format!("demo::models::fit: 2 entries ({size}) in {path}\nremoved 2 entries ({size}) of demo::models::fit\n")
    );
    let names: Vec<_> = cache.functions().unwrap().into_iter().map(|function| function.name).collect();
    assert_eq!(names, ["area", "demo::other::fit"]);

    let bytes = cache.functions().unwrap()[0].bytes;
    let json = larder(folder.path(), &["clear", "area", "--yes", "--json"]).json();
    assert_eq!(json, serde_json::json!({"functions": ["area"], "entries": 1, "bytes": bytes}));
    assert_eq!(larder(folder.path(), &["clear", "area", "-y"]).code, Some(1));
    assert_eq!(cache.entries().unwrap().len(), 1);
}

#[test]
fn clear_removes_all_entries_and_keeps_other_files() {
    let (folder, cache) = stocked();
    damage(&one_entry(&cache, "area"));
    fs::write(folder.path().join("notes"), "mine").unwrap();
    let bytes: u64 = cache.functions().unwrap().iter().map(|function| function.bytes).sum();
    let run = larder(folder.path(), &["clear", "--yes"]);
    assert_eq!((run.code, &*run.stdout), (Some(0), ""));
    assert_eq!(run.stderr, format!("removed 4 entries ({}) of 3 functions\n", text::size(bytes)));
    assert_eq!(cache.functions().unwrap(), []);
    assert!(folder.path().join("notes").exists());
}

/// The counters of functions are older than the folder if another program removed files.
#[test]
fn clear_reports_what_it_removed() {
    let (folder, cache) = stocked();
    let [gone, left] = &entries_of(&cache, "demo::models::fit")[..] else { panic!() };
    fs::remove_file(&gone.path).unwrap();
    let run = larder(folder.path(), &["clear", "models::fit", "--yes"]);
    let removed = format!("removed 1 entry ({}) of demo::models::fit\n", text::size(left.size));
    assert!(run.stderr.ends_with(&removed), "{run:?}");

    let area = one_entry(&cache, "area");
    fs::remove_file(&one_entry(&cache, "demo::other::fit").path).unwrap();
    let json = larder(folder.path(), &["clear", "--yes", "--json"]).json();
    assert_eq!((&json["entries"], &json["bytes"]), (&1.into(), &area.size.into()));
}

#[cfg(target_os = "linux")]
#[test]
fn clear_reports_what_can_not_be_removed() {
    let (folder, cache) = stocked();
    let kept = one_entry(&cache, "area").path;
    // Root may remove files from a folder that is not writable, but not from one of another file system.
    let program = program();
    let mut command = std::process::Command::new("unshare");
    let script = format!(
        "mount -o bind,ro \"$1\" \"$1\" 2> /dev/null || exit 99; \"{}\" --root \"$2\" clear --yes",
        program.get_program().display()
    );
    command.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
    command.arg(kept.parent().unwrap()).arg(folder.path());
    let Ok(output) = command.output() else { return };
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.starts_with("unshare: ") || output.status.code() == Some(99) {
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("removed only 3 entries ("), "{stderr}");
    assert!(kept.exists());
}

#[test]
fn clear_without_a_terminal_needs_yes() {
    let (folder, cache) = stocked();
    for args in [&["clear"][..], &["clear", "area"], &["clear", "--json"], &["clear", "no such function"]] {
        let run = larder(folder.path(), args);
        assert!(run.error(2).starts_with("larder: ") && run.stderr.contains("--yes"), "{run:?}");
    }
    // An answer from a pipe does not count.
    let mut child = program()
        .arg("--root")
        .arg(folder.path())
        .arg("clear")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(b"y\n");
    assert_eq!(Run::of(child.wait_with_output().unwrap()).code, Some(2));
    assert_eq!(cache.entries().unwrap().len(), 4);
}

#[test]
fn an_unknown_function_clears_nothing() {
    let (folder, cache) = stocked();
    assert!(larder(folder.path(), &["clear", "fit", "--yes"]).error(1).contains("ambiguous"));
    assert!(larder(folder.path(), &["clear", "Area", "--yes"]).error(1).ends_with("similar names are\n  area\n"));
    assert_eq!(cache.entries().unwrap().len(), 4);
}

/// Returns a cache in which two packages have stored entries of `demo::fit`: two and one.
fn of_two_packages() -> (TempDir, Cache) {
    let (folder, cache) = stocked();
    for (package, entries) in [("first", 2), ("second", 1)] {
        for n in 0..entries {
            cache.get_or_compute(package, &n, || n);
        }
        rename_function(&cache.path().join("v1").join(package), package);
    }
    (folder, cache)
}

/// Makes the function in this folder the `demo::fit` of a package.
fn rename_function(folder: &Path, package: &str) {
    let path = folder.join("function.json");
    let mut function: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    function["name"] = "demo::fit".into();
    function["package"] = package.into();
    fs::write(path, function.to_string()).unwrap();
}

#[test]
fn clear_lists_each_function_of_the_name_and_removes_those() {
    let (folder, cache) = of_two_packages();
    let functions = cache.functions().unwrap();
    let same: Vec<_> = functions.iter().filter(|function| function.name == "demo::fit").collect();
    assert_eq!(same.iter().map(|function| function.entries).collect::<Vec<_>>(), [2, 1]);
    let line = |function: &larder::FunctionInfo| {
        let entries = text::count(function.entries, "entry", "entries");
        format!("demo::fit: {entries} ({}) in {}\n", text::size(function.bytes), function.path.display())
    };
    let size = text::size(same.iter().map(|function| function.bytes).sum());
    let run = larder(folder.path(), &["clear", "demo::fit", "--yes"]);
    assert_eq!((run.code, &*run.stdout), (Some(0), ""));
    let removed = format!("removed 3 entries ({size}) of 2 functions\n");
    assert_eq!(run.stderr, format!("{}{}{removed}", line(same[0]), line(same[1])));
    assert_eq!(cache.entries().unwrap().len(), 4);
}

#[cfg(target_os = "linux")]
#[test]
fn clear_asks_about_what_it_lists_and_removes_nothing_else() {
    let (folder, cache) = of_two_packages();
    let folder_of = |package: &str| cache.path().join("v1").join(package);
    fs::remove_dir_all(folder_of("second")).unwrap();
    cache.trim().unwrap();
    let mut command = program();
    command.arg("--root").arg(folder.path()).args(["clear", "demo::fit"]).env("TERM", "xterm");
    let mut terminal = crate::terminal::Terminal::run(command, (200, 24));
    let listed = format!("in {}", folder_of("first").display());
    terminal.see_all(&["demo::fit: 2 entries (", &listed, "Remove 2 entries (", "[y/N]"]);
    // Another function of the name is stored while the question waits.
    cache.get_or_compute("second", &1, || 1);
    rename_function(&folder_of("second"), "second");
    terminal.press("y\n");
    let (code, screen, _) = terminal.end();
    assert_eq!(code, Some(0), "{}", screen.contents());
    let left: Vec<_> = cache.entries().unwrap().map(|entry| entry.function).collect();
    assert_eq!(left.iter().filter(|function| *function == "second").count(), 1, "{left:?}");
    assert_eq!(left.len(), 5, "{left:?}");
}

/// Nothing is asked, so no terminal and no `--yes` is needed.
#[test]
fn a_dry_run_of_clear_shows_what_would_be_removed() {
    let (folder, cache) = stocked();
    // The counters do not know that another program removed a file.
    let [gone, left] = &entries_of(&cache, "demo::models::fit")[..] else { panic!() };
    fs::remove_file(&gone.path).unwrap();
    damage(left);
    let functions = cache.functions().unwrap();
    let sizes: Vec<u64> =
        functions.iter().map(|function| function.entries().unwrap().map(|entry| entry.size).sum()).collect();
    let line = |index: usize| {
        let (function, size) = (&functions[index], text::size(sizes[index]));
        format!("{}: 1 entry ({size}) in {}\n", function.name, function.path.display())
    };
    let run = larder(folder.path(), &["clear", "--dry-run"]);
    assert_eq!((run.code, &*run.stdout), (Some(0), ""));
    let all = text::size(sizes.iter().sum());
    assert_eq!(run.stderr, format!("{}{}{}would remove 3 entries ({all}) of 3 functions\n", line(0), line(1), line(2)));

    let run = larder(folder.path(), &["clear", "models::fit", "--dry-run", "--yes"]);
    let one = format!("{}would remove 1 entry ({}) of demo::models::fit\n", line(1), text::size(left.size));
    assert_eq!(run.stderr, one);
    let json = larder(folder.path(), &["clear", "area", "--dry-run", "--json"]).json();
    let area = serde_json::json!({"function": "area", "path": functions[0].path, "entries": 1, "bytes": sizes[0]});
    let whole = serde_json::json!({"functions": ["area"], "entries": 1, "bytes": sizes[0], "would_remove": [area]});
    assert_eq!(json, whole);

    assert_eq!(cache.entries().unwrap().len(), 3);
    assert!(larder(folder.path(), &["clear", "fit", "--dry-run"]).error(1).contains("ambiguous"));
    let nothing = tempfile::tempdir().unwrap();
    let run = larder(nothing.path(), &["clear", "--dry-run"]);
    assert_eq!(run.stderr, format!("nothing is cached in {}\n", nothing.path().display()));
    assert_eq!(fs::read_dir(nothing.path()).unwrap().count(), 0);
}
