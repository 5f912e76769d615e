//! `larder clear`.

use super::*;

#[test]
fn clear_removes_one_function() {
    let (folder, cache) = stocked();
    let size = format::size(cache.functions().unwrap()[1].bytes);
    let run = larder(folder.path(), &["clear", "models::fit", "--yes"]);
    assert_eq!((run.code, &*run.stdout), (Some(0), ""));
    assert_eq!(run.stderr, format!("removed 2 entries ({size}) of demo::models::fit\n"));
    let names: Vec<_> = cache.functions().unwrap().into_iter().map(|function| function.name).collect();
    assert_eq!(names, ["area", "demo::other::fit"]);

    let bytes = cache.functions().unwrap()[0].bytes;
    let json = larder(folder.path(), &["clear", "area", "--yes", "--json"]).json();
    assert_eq!(json, serde_json::json!({"functions": ["area"], "entries": 1, "bytes": bytes}));
    assert_eq!(larder(folder.path(), &["clear", "area", "-y"]).code, Some(1));
    assert_eq!(cache.entries().unwrap().len(), 1);
}

#[test]
fn clear_removes_all_and_leaves_what_is_not_ours() {
    let (folder, cache) = stocked();
    damage(&one_entry(&cache, "area"));
    fs::write(folder.path().join("notes"), "mine").unwrap();
    let bytes: u64 = cache.functions().unwrap().iter().map(|function| function.bytes).sum();
    let run = larder(folder.path(), &["clear", "--yes"]);
    assert_eq!((run.code, &*run.stdout), (Some(0), ""));
    assert_eq!(run.stderr, format!("removed 4 entries ({}) of 3 functions\n", format::size(bytes)));
    assert_eq!(cache.functions().unwrap(), []);
    assert!(folder.path().join("notes").exists());
}

#[test]
fn clear_wants_a_yes_where_nobody_can_be_asked() {
    let (folder, cache) = stocked();
    for args in [&["clear"][..], &["clear", "area"], &["clear", "--json"], &["clear", "no such function"]] {
        let run = larder(folder.path(), args);
        assert!(run.error(2).starts_with("larder: ") && run.stderr.contains("--yes"), "{run:?}");
    }
    // An answer that comes through a pipe is none.
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
