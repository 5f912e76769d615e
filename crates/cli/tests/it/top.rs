//! `larder top` in a pseudoterminal.

mod draw;
mod weather;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use larder::{Cache, Entry};
use tempfile::TempDir;
use vt100::{Color, Screen};

use crate::program::{self, larder};
use crate::terminal::Terminal;

const ENTER: &str = "\r";
const ESCAPE: &str = "\u{1b}";
const DOWN: &str = "\u{1b}[B";
const END: &str = "\u{1b}[F";

fn program(root: &Path) -> Command {
    let mut command = program::program();
    command.arg("--root").arg(root).arg("top");
    command
}

fn top(root: &Path) -> Terminal {
    let mut command = program(root);
    command.args(["--every", "200ms"]);
    Terminal::run(command, (80, 24))
}

/// Runs `larder top` on a stocked cache, and waits until it shows all counters.
fn top_of_stocked(root: &Path) -> Terminal {
    let terminal = top(root);
    terminal.wait("three hits of four calls", |screen| {
        words(&screen.contents(), "demo::slow").contains(&"75.0".to_owned())
    });
    terminal
}

/// Returns a cache in which `demo::slow` saved most time, `demo::many` has most entries, and `demo::vast` is largest.
fn stocked() -> (TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    for _ in 0..4 {
        cache.get_or_compute("demo::slow", &(7, "seven"), || thread::sleep(Duration::from_millis(20)));
    }
    for n in 0..12 {
        cache.get_or_compute("demo::many", &n, || n);
    }
    cache.get_or_compute("demo::vast", &1, || vec![0.5_f64; 100_000]);
    (folder, cache)
}

fn entry_of(cache: &Cache, function: &str) -> Option<Entry> {
    cache.entries().unwrap().find(|entry| entry.function == function)
}

/// Returns the words of the line that begins with this text.
fn words(screen: &str, first: &str) -> Vec<String> {
    let line = screen.lines().find(|line| line.trim_start().starts_with(first));
    line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Returns whether lines begin with these names, in this order.
fn in_order(screen: &Screen, names: &[&str]) -> bool {
    let screen = screen.contents();
    let found = names.iter().map(|name| screen.lines().position(|line| line.starts_with(name)));
    let found: Vec<_> = found.collect();
    found.iter().all(Option::is_some) && found.is_sorted()
}

#[test]
fn functions_and_their_numbers_are_shown() {
    let (folder, _cache) = stocked();
    let terminal = top_of_stocked(folder.path());
    let numbers = ["-", "0.0", "12"];
    let screen = terminal.wait("the numbers, and no news", |screen| {
        let many = words(&screen.contents(), "demo::many");
        many.get(1..4).is_some_and(|first| first == numbers) && many.ends_with(&["0".to_owned(), "12".to_owned()])
    });
    let screen = screen.contents();
    assert!(screen.contains("larder top") && screen.contains("14 entries, "), "{screen}");
    assert!(screen.contains("hits/s") && screen.contains("computed/s"), "{screen}");
    let end = folder.path().file_name().unwrap().to_str().unwrap();
    assert!(screen.lines().next().unwrap().contains(end), "{screen}");
}

#[test]
fn keys_sort() {
    let (folder, _cache) = stocked();
    let mut terminal = top_of_stocked(folder.path());
    let mut expect = |keys: &str, names: [&str; 3]| {
        terminal.press(keys);
        terminal.wait(&format!("{keys:?}: {names:?}"), |screen| in_order(screen, &names));
    };
    let (slow, many, vast) = ("demo::slow", "demo::many", "demo::vast");
    expect("", [slow, many, vast]);
    expect("z", [vast, many, slow]);
    expect("z", [slow, many, vast]);
    expect("nn", [vast, slow, many]);
    expect("n", [many, slow, vast]);
    expect("ee", [vast, slow, many]);
    expect("hh", [vast, many, slow]);
    expect("s", [slow, many, vast]);
}

#[test]
fn calls_become_events() {
    let (folder, cache) = stocked();
    let mut terminal = top_of_stocked(folder.path());
    terminal.see("Events");
    cache.get_or_compute("demo::slow", &(8, "eight"), || ());
    cache.get_or_compute("demo::slow", &(8, "eight"), || ());
    terminal.wait("both calls as events", |screen| {
        let line = |mark: &str, text: &str| {
            let screen = screen.contents();
            screen.lines().any(|line| line.contains(mark) && line.contains("demo::slow") && line.contains(text))
        };
        line("●", "eight") && line("●", "never computed with these") && line("○", "1 hit")
    });
    // The selected event shows its whole reason.
    terminal.press("\t");
    terminal.wait("an event in full", |screen| screen.contents().contains("Enter open"));
    terminal.press(DOWN);
    terminal.see("nearest stored call");

    let entry = cache.entries().unwrap().find(|entry| entry.arguments.iter().any(|a| a.preview.contains("eight")));
    cache.remove(&entry.unwrap()).unwrap();
    terminal.see("removed on request");
}

#[test]
fn running_calls_are_shown() {
    let (folder, cache) = stocked();
    let mut terminal = top(folder.path());
    terminal.see("Events");
    let (end, ended) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        let cache = &cache;
        let here = scope.spawn(move || cache.get_or_compute("demo::long", &1, || ended.recv().unwrap()));
        terminal.see_all(&["demo::long is being computed for", &format!("by process {} on", std::process::id())]);
        // Functions and events are still shown.
        terminal.see_all(&["demo::slow", "Events"]);
        let findings = larder(folder.path(), &["doctor", "--json"]).json();
        let findings = findings.as_array().unwrap();
        let running = findings.iter().find(|finding| finding["about"] == "running").unwrap();
        let what = running["what"].as_str().unwrap();
        assert!(what.contains("computes `demo::long`") && what.contains("1 call is computed"), "{what}");
        end.send(()).unwrap();
        here.join().unwrap();
    });
    terminal.wait("no running call", |screen| !screen.contents().contains("is being computed for"));
    terminal.press("q");
}

#[test]
fn entries_open() {
    let (folder, cache) = stocked();
    let entry = entry_of(&cache, "demo::slow").unwrap();
    let key = entry.key.to_string();
    let mut terminal = top_of_stocked(folder.path());
    terminal.see("demo::slow");
    terminal.press(ENTER);
    terminal.see_all(&[&key[..12], "used last first", "1 entry"]);
    terminal.press(ENTER);
    let argument = &entry.arguments[0];
    let argument = format!("{} = {}", argument.name, argument.preview);
    terminal.see_all(&[&key, &argument, &entry.code, &entry.compressor, "created", &entry.type_name]);
    terminal.press(ESCAPE);
    terminal.wait("the list again", |screen| !screen.contents().contains(&key));
    terminal.press("q");
    terminal.see("Events");
    terminal.press("?");
    terminal.see("in reverse order");
    // An event opens its entry, with the reason.
    terminal.press("q\t");
    terminal.see("Enter open");
    terminal.press(END);
    terminal.press(ENTER);
    terminal.see_all(&[" why ", &key, "never computed"]);
}

#[test]
fn removing_asks_first() {
    let (folder, cache) = stocked();
    let mut terminal = top_of_stocked(folder.path());
    terminal.see("demo::slow");
    for no in ["n", ESCAPE, ENTER] {
        terminal.press("c");
        terminal.see_all(&["y remove", "Remove 1 entry (", "demo::slow?"]);
        // The message is drawn after the question. Otherwise the message about the last answer would be seen.
        terminal.wait("no message", |screen| !screen.contents().contains("nothing was removed"));
        terminal.press(no);
        terminal.see("nothing was removed");
        assert!(entry_of(&cache, "demo::slow").is_some());
    }
    terminal.press("cy");
    terminal.see("removed 1 entry of demo::slow");
    assert!(entry_of(&cache, "demo::slow").is_none());
    assert_eq!(cache.entries().unwrap().count(), 13);

    terminal.press("e");
    terminal.wait("many first", |screen| in_order(screen, &["demo::many", "demo::vast"]));
    terminal.press(ENTER);
    terminal.see("12 entries");
    terminal.press("cy");
    terminal.see("removed an entry of demo::many");
    assert_eq!(cache.entries().unwrap().count(), 12);
    terminal.see("11 entries");
}

#[test]
fn the_screen_fits_any_size() {
    let (folder, _cache) = stocked();
    let mut terminal = Terminal::run(program(folder.path()), (40, 10));
    terminal.see_all(&["demo::slow", "Events"]);
    for (columns, rows) in [(30, 10), (40, 9), (1, 1)] {
        terminal.resize(columns, rows);
        let text = if columns == 1 { "t" } else { "too small" };
        terminal.wait("too small", |screen| screen.contents().trim() == text);
    }
    terminal.resize(200, 50);
    terminal.see_all(&["watching for", ", since 20", "COMPUTED", "Events"]);
    for key in [ENTER, ENTER, "c"] {
        terminal.press(key);
    }
    terminal.see("y remove");
    terminal.resize(40, 10);
    terminal.wait("a dialog on a small screen", |screen| screen.contents().contains("y remove"));
    terminal.press("n?");
    terminal.see("Keys");
}

#[test]
fn the_terminal_is_restored() {
    let (folder, _cache) = stocked();
    for leave in ["q", "\u{3}", "\r\u{3}", "c\u{3}"] {
        let mut terminal = top(folder.path());
        terminal.wait("functions on a screen of their own", |screen| {
            screen.contents().contains("demo::slow") && screen.alternate_screen() && screen.hide_cursor()
        });
        assert!(!terminal.is_cooked());
        terminal.press(leave);
        let (code, screen, is_cooked) = terminal.end();
        assert_eq!((code, screen.contents().trim()), (Some(0), ""), "{leave:?}");
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && is_cooked);
    }
}

#[test]
fn without_a_terminal_other_commands_are_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]), "{stderr}");
    assert!(stderr.contains("use `larder stats` or `larder ls` instead"), "{stderr}");

    let mut command = program(folder.path());
    command.arg("--json");
    let (code, screen, _) = Terminal::run(command, (80, 24)).end();
    assert_eq!(code, Some(2));
    assert!(screen.contents().contains("`larder stats --json`"), "{}", screen.contents());
}

#[test]
fn a_cache_may_be_created_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("later");
    let mut terminal = top(&root);
    terminal.see("nothing is cached in");
    assert!(!root.exists());
    let cache = Cache::open(&root).unwrap();
    cache.get_or_compute("demo::late", &1, || 1);
    terminal.see("demo::late");
    drop(cache);
    std::fs::remove_dir_all(&root).unwrap();
    terminal.see("nothing is cached in");
    // Actions on removed functions and entries change nothing, and create no cache.
    terminal.press("\tcy\r");
    terminal.wait("the outcome", |screen| {
        let screen = screen.contents();
        screen.contains("gone") || screen.contains("any more")
    });
    assert!(!root.exists());
    terminal.press("q");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn control_characters_in_names_and_arguments_are_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    cache.get_or_compute("evil\u{1b}[2J\u{7}", &"\u{1b}]0;title\u{7}", || 1);
    cache.get_or_compute("天気::予報", &"晴れ、のち曇り", || 1);
    let mut terminal = top(folder.path());
    let screen = terminal.wait("both calls as events", |screen| {
        let screen = screen.contents();
        screen.contains(r"evil\u{1b}[2J\u{7}") && screen.matches("args = ").count() == 2
    });
    // Wide characters do not move the columns after them.
    let begins = |row| {
        let is = |column, text: &str| screen.cell(row, column).is_some_and(|cell| cell.contents() == text);
        (0..74).find(|column| (0..).zip(["a", "r", "g", "s"]).all(|(index, letter)| is(column + index, letter)))
    };
    let begins: Vec<u16> = (0..24).filter_map(begins).collect();
    assert!(begins.len() == 2 && begins[0] == begins[1], "{begins:?}\n{}", screen.contents());
    let screen = screen.contents();
    assert!(screen.contains("天気::予報") && screen.contains("晴れ"), "{screen}");
    let header = screen.lines().find(|line| line.starts_with("FUNCTION")).unwrap();
    assert!(header.contains("COMPUTED"), "{screen}");
    terminal.press("n");
    for _ in 0..2 {
        terminal.press("c");
        terminal.see("y remove");
        terminal.press("n");
        terminal.press(DOWN);
    }
    terminal.press("\r\r");
    let screen = terminal.see("compressor");
    assert!(!screen.contains('\u{1b}'), "{screen}");
}

#[test]
fn no_color_disables_colours() {
    let (folder, _cache) = stocked();
    let looks = |command: Command| {
        let terminal = Terminal::run(command, (80, 24));
        let screen = terminal.wait("functions", |screen| screen.contents().contains("demo::slow"));
        let cells = || (0..24).flat_map(|row| (0..80).map(move |column| (row, column)));
        let cells = || cells().filter_map(|(row, column)| screen.cell(row, column));
        let has_colours = cells().any(|cell| cell.fgcolor() != Color::Default || cell.bgcolor() != Color::Default);
        (has_colours, cells().any(vt100::Cell::inverse))
    };
    assert!(looks(program(folder.path())).0);
    let mut command = program(folder.path());
    command.env("NO_COLOR", "1");
    assert_eq!(looks(command), (false, true));
}

/// Watches a cache in use. `TEST_LARDER_PICTURE=docs/top.svg` makes the picture of the README, which takes a minute.
#[test]
fn picture() {
    let file = std::env::var_os("TEST_LARDER_PICTURE");
    // The chart has a bar for each second.
    let seconds = if file.is_some() { 62 } else { 3 };
    let home = weather::HOME.path();
    weather::forecast(0..40);
    let mut command = program(Path::new(".cache/larder"));
    command.current_dir(home);
    let mut terminal = Terminal::run(command, (112, 28));
    terminal.see("weather::load_station");
    let start = Instant::now();
    let done = AtomicBool::new(false);
    let screen = thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // Varies the rate of calls.
                let seconds = start.elapsed().as_secs_f64();
                let calls = 2.5 + 1.5 * (seconds / 4.0).sin() + (seconds / 1.3).sin();
                for call in 0..calls.max(0.0) as u64 {
                    weather::forecast((3 * round + 7 * call) % 40..(3 * round + 7 * call) % 40 + 1);
                }
                if round % 6 == 0 {
                    weather::forecast(40 + round / 6..41 + round / 6);
                }
                thread::sleep(Duration::from_millis(60));
            }
        });
        terminal.press(DOWN);
        thread::sleep(Duration::from_secs(seconds));
        let screen = terminal.wait("news", |screen| screen.contents().matches(" hits, +").count() > 3);
        done.store(true, Ordering::Relaxed);
        screen
    });
    let picture = draw::svg(&screen, "larder top");
    assert!(picture.starts_with("<svg") && picture.contains("load_station"), "{picture}");
    if let Some(file) = file {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file), picture).unwrap();
    }
    std::fs::remove_dir_all(home).unwrap();
}
