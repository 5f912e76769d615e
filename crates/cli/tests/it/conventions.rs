//! Behaviour that all commands share: roots, variables, pipes, exit codes, and text for people.

use std::fs;
use std::time::Duration;

use larder::Cache;

use crate::program::{Run, larder, program, stocked};
use crate::text;

#[test]
fn a_cache_that_is_empty_or_missing_has_nothing_and_stays_missing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    for root in [folder.path(), &missing] {
        let nothing = format!("nothing is cached in {}\n", root.display());
        for args in [&["ls"][..], &["clear", "--yes"]] {
            let run = larder(root, args);
            assert_eq!((run.code, &*run.stdout, &run.stderr), (Some(0), "", &nothing), "{args:?}");
        }
        assert_eq!(larder(root, &["ls", "--json"]).json(), serde_json::json!([]));
        let json = larder(root, &["clear", "--yes", "--json"]).json();
        assert_eq!(json, serde_json::json!({"functions": [], "entries": 0, "bytes": 0}));
        assert!(larder(root, &["ls", "fit"]).error(1).ends_with(&nothing));
        assert!(larder(root, &["clear", "fit", "--yes"]).error(1).ends_with(&nothing));
        assert!(larder(root, &["show", "0000"]).error(1).ends_with(&nothing));
    }
    assert!(!missing.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_root_that_is_a_file_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let run = larder(file.path(), &["ls"]);
    let path = file.path().display();
    assert_eq!(run.error(1), format!("larder: {path} is a file; a cache is a folder, see `larder doctor`\n"));
    assert!(larder(file.path(), &["doctor"]).stdout.contains("is a file"));
}

#[test]
fn variables_choose_the_folder_and_the_run_mode_has_no_effect() {
    let (folder, cache) = stocked();
    for mode in ["off", "refresh", "readonly"] {
        let run = Run::of(program().arg("ls").env("LARDER_DIR", folder.path()).env("LARDER", mode).output().unwrap());
        assert_eq!(run.stdout.lines().count(), 4, "{mode}: {run:?}");
        // The option takes precedence over the variable.
        let elsewhere = tempfile::tempdir().unwrap();
        let mut typed = program();
        typed.args(["ls", "--json", "--root"]).arg(elsewhere.path()).env("LARDER_DIR", folder.path());
        assert_eq!(Run::of(typed.output().unwrap()).json(), serde_json::json!([]));
    }
    let run = program().args(["clear", "--yes"]).env("LARDER_DIR", folder.path()).env("LARDER", "readonly").output();
    assert_eq!(Run::of(run.unwrap()).code, Some(0));
    assert_eq!(cache.entries().unwrap().len(), 0);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let (folder, _) = stocked();
    for args in [&["ls"][..], &["ls", "area"], &["ls", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = program().arg("--root").arg(folder.path()).args(args).stdout(writer).output().unwrap();
        let run = Run::of(run);
        assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn control_characters_in_names_are_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    cache.get_or_compute("red\u{1b}[31m\nname", &(), || 1);
    let run = larder(folder.path(), &["ls"]);
    assert!(run.stdout.contains(r"red\u{1b}[31m\nname"), "{run:?}");
    let key = cache.entries().unwrap().next().unwrap().key.to_string();
    let run = larder(folder.path(), &["show", &key]);
    assert!(run.stdout.contains(r"function    red\u{1b}[31m\nname"), "{run:?}");
}

#[test]
fn help_documents_the_exit_codes_and_usage_errors_exit_with_2() {
    let run = Run::of(program().arg("--help").output().unwrap());
    assert_eq!(run.code, Some(0));
    assert!(run.stdout.contains("Exit codes:") && run.stdout.contains("--json"), "{run:?}");
    let run = Run::of(program().arg("--version").output().unwrap());
    assert_eq!(run.stdout, format!("larder {}\n", env!("CARGO_PKG_VERSION")));
    for args in [&[][..], &["lst"], &["show"], &["ls", "--jsn"], &["ls", "--root", ""]] {
        let run = Run::of(program().args(args).output().unwrap());
        assert!(!run.error(2).is_empty(), "{args:?}");
    }
}

#[test]
fn sizes_and_times_are_formatted_for_people() {
    let sizes = [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_258_291, "1.1 MiB"),
        (1_258_292, "1.2 MiB"),
        ((1 << 20) - 1, "1023.9 KiB"),
        (1 << 30, "1.0 GiB"),
        (u64::MAX, "15.9 EiB"),
    ];
    for (bytes, text) in sizes {
        assert_eq!(larder::__text::size(bytes), text);
    }
    let durations = [
        (Duration::ZERO, "0 ns"),
        (Duration::from_nanos(999), "999 ns"),
        (Duration::from_nanos(15_300), "15 µs"),
        (Duration::from_micros(999_999), "999 ms"),
        (Duration::from_millis(1_290), "1.2 s"),
        (Duration::from_millis(59_999), "59.9 s"),
        (Duration::from_secs(180), "3 min"),
        (Duration::from_secs(185), "3 min 5 s"),
        (Duration::from_secs(2 * 3600 + 14 * 60 + 9), "2 h 14 min"),
        (Duration::from_secs(86_400), "1 d"),
        (Duration::from_secs(3 * 86_400 + 7_200), "3 d 2 h"),
    ];
    for (duration, text) in durations {
        assert_eq!(larder::__text::duration(duration), text);
    }
    let ages = [(0, "just now"), (59, "59 s ago"), (300, "5 min ago"), (7_199, "1 h ago"), (172_800, "2 d ago")];
    for (seconds, text) in ages {
        assert_eq!(text::age(Duration::from_secs(seconds)), text);
    }
    assert_eq!([999, 1204, 1_234_567].map(larder::__text::number), ["999", "1,204", "1,234,567"]);
    assert_eq!(larder::__text::count(1, "entry", "entries"), "1 entry");
    let shares = [(1, 3), (2999, 3000), (3, 3), (0, 0)].map(|(part, all)| text::share(part, all));
    assert_eq!(shares, ["33.3 %", "99.9 %", "100.0 %", "none"]);
    assert_eq!(larder::__text::cut("jam", 3), "jam");
    assert_eq!(larder::__text::cut("jams", 3), "ja…");

    let fairly = |texts: &[&str], limit| {
        larder::__text::cut_fairly(texts.iter().map(|text| (*text).to_owned()).collect(), limit)
    };
    assert_eq!(fairly(&["a long text", "b", "c"], 100), ["a long text", "b", "c"]);
    assert_eq!(fairly(&["a long text", "b", "c"], 12), ["a lon…", "b", "c"]);
    assert_eq!(fairly(&["a long text", "b", "another one"], 13), ["a l…", "b", "ano…"]);
    assert!(fairly(&[], 10).is_empty());
    assert_eq!(larder::__text::one_line("a\tb"), r"a\tb");
}
