//! `larder top`, in a terminal that is not there.

mod draw;
mod weather;

#[path = "../../src/bin/larder/top/events.rs"]
#[expect(dead_code, reason = "not all of it is for tests")]
mod events;
#[path = "../../src/bin/larder/top/rows.rs"]
#[expect(dead_code, reason = "not all of it is for tests")]
mod rows;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use larder::{Cache, Entry};
use tempfile::TempDir;
use vt100::{Color, Screen};

use crate::terminal::Terminal;
use events::{Event, Events, MOST_KEPT, What};
use rows::{By, Order, Row};

const ENTER: &str = "\r";
const ESCAPE: &str = "\u{1b}";
const DOWN: &str = "\u{1b}[B";
const END: &str = "\u{1b}[F";

fn program(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    for variable in ["LARDER", "LARDER_DIR", "LARDER_COMPRESSION", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command.arg("--root").arg(root).arg("top");
    command
}

fn top(root: &Path) -> Terminal {
    let mut command = program(root);
    command.args(["--every", "200ms"]);
    Terminal::run(command, (80, 24))
}

/// The same, when all that happened in a stocked cache has been counted.
fn top_of_stocked(root: &Path) -> Terminal {
    let terminal = top(root);
    terminal.wait("three hits of four calls", |screen| {
        words(&screen.contents(), "demo::slow").contains(&"75.0".to_owned())
    });
    terminal
}

/// A cache in which `demo::slow` saved most, `demo::many` has most entries, and `demo::vast` is largest.
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

/// The words of the line that begins so.
fn words(screen: &str, first: &str) -> Vec<String> {
    let line = screen.lines().find(|line| line.trim_start().starts_with(first));
    line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Whether these are in lines of this order.
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
fn what_happens_meanwhile_becomes_an_event() {
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
    // The whole reason, of which there was no room for all in one line.
    terminal.press("\t");
    terminal.wait("an event in full", |screen| screen.contents().contains("Enter open"));
    terminal.press(DOWN);
    terminal.see("nearest stored call");

    let entry = cache.entries().unwrap().find(|entry| entry.arguments.iter().any(|a| a.preview.contains("eight")));
    cache.remove(&entry.unwrap()).unwrap();
    terminal.see("removed on request");
}

/// F18: who computes, and who waits, is shown while it lasts.
#[test]
fn calls_that_are_computed_are_shown() {
    let (folder, cache) = stocked();
    let mut terminal = top(folder.path());
    terminal.see("Events");
    let (end, ended) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        let cache = &cache;
        let here = scope.spawn(move || cache.get_or_compute("demo::long", &1, || ended.recv().unwrap()));
        terminal.see_all(&["demo::long is computed for", &format!("by process {} on", std::process::id())]);
        // Its functions and events are there as before.
        terminal.see_all(&["demo::slow", "Events"]);
        let output = Command::new(env!("CARGO_BIN_EXE_larder"))
            .arg("--root")
            .arg(folder.path())
            .args(["doctor", "--json"])
            .env_remove("LARDER")
            .output()
            .unwrap();
        let findings: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
        let running = findings.iter().find(|finding| finding["about"] == "running").unwrap();
        let what = running["what"].as_str().unwrap();
        assert!(what.contains("computes `demo::long`") && what.contains("1 call is computed"), "{what}");
        end.send(()).unwrap();
        here.join().unwrap();
    });
    terminal.wait("nothing is computed", |screen| !screen.contents().contains("is computed for"));
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
    terminal.see("the other way around");
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
fn it_fits_into_any_size() {
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
fn the_terminal_is_as_it_was() {
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
fn without_a_terminal_it_says_what_to_use() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path()).stdin(Stdio::null()).output().unwrap();
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
fn a_cache_may_come_and_go() {
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
    // What is gone can be opened and cleared in vain, and nothing is created by that.
    terminal.press("\tcy\r");
    terminal.wait("what came of it", |screen| {
        let screen = screen.contents();
        screen.contains("gone") || screen.contains("any more")
    });
    assert!(!root.exists());
    terminal.press("q");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn names_and_arguments_do_nothing_to_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    cache.get_or_compute("evil\u{1b}[2J\u{7}", &"\u{1b}]0;title\u{7}", || 1);
    cache.get_or_compute("天気::予報", &"晴れ、のち曇り", || 1);
    let mut terminal = top(folder.path());
    let screen = terminal.wait("both calls as events", |screen| {
        let screen = screen.contents();
        screen.contains(r"evil\u{1b}[2J\u{7}") && screen.matches("args = ").count() == 2
    });
    // Wide characters move nothing.
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
fn no_color_means_none() {
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

fn row(name: &str, saved: u64, entries: u64) -> Row {
    Row { name: name.to_owned(), saved: Duration::from_secs(saved), entries, ..Row::default() }
}

#[test]
fn equals_are_sorted_by_name() {
    let mut rows = [row("b", 1, 5), row("c", 2, 5), row("a", 1, 5)];
    let names = |rows: &[Row]| rows.iter().map(|row| row.name.clone()).collect::<String>();
    let mut order = Order { by: By::Saved, reversed: false };
    order.sort(&mut rows);
    assert_eq!(names(&rows), "cab");
    order.ask(By::Saved);
    order.sort(&mut rows);
    assert_eq!(names(&rows), "bac");
    order.ask(By::Entries);
    order.sort(&mut rows);
    assert_eq!(names(&rows), "abc");
}

#[test]
fn counters_that_begin_anew_are_no_news() {
    let before = Row { hits: 10, hot_hits: 4, computed: 3, ..Row::default() };
    let mut row = Row { hits: 12, hot_hits: 5, computed: 3, ..Row::default() };
    row.compare(&before);
    assert_eq!((row.news.hits, row.news.hot_hits, row.news.computed, row.news.changes), (2, 1, 0, 0));
    let mut anew = Row { hits: 1, entries: 1, ..Row::default() };
    anew.compare(&before);
    assert_eq!((anew.news.hits, anew.news.computed, anew.news.changes), (0, 0, 1));
}

#[test]
fn hits_are_gathered_until_something_else_happens() {
    let start = SystemTime::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let removed = |seconds| Event {
        at: at(seconds),
        function: "f".to_owned(),
        what: What::Removed { key: larder::key_of(&seconds).unwrap() },
    };
    let mut events = Events::default();
    events.add(Event::hits("f", 2, 1, at(0)));
    events.add(Event::hits("g", 1, 0, at(1)));
    events.add(Event::hits("f", 3, 3, at(2)));
    assert_eq!(events.all().len(), 2);
    assert_eq!(
        events.all()[0],
        Event { what: What::Hits { hits: 5, hot: 4, since: at(0) }, ..Event::hits("f", 0, 0, at(2)) }
    );
    assert_eq!(events.add(removed(3)), Some(0));
    assert_eq!(events.add(removed(3)), None);
    events.add(Event::hits("f", 1, 0, at(4)));
    events.add(Event::hits("f", 1, 0, at(100)));
    assert_eq!(events.all().len(), 5);
    for seconds in 200..200 + MOST_KEPT as u64 + 9 {
        events.add(removed(seconds));
    }
    assert_eq!(events.all().len(), MOST_KEPT);
    assert_eq!(events.all()[0], removed(200 + MOST_KEPT as u64 + 8));
}

/// A cache at work, as it is seen. `TEST_LARDER_PICTURE=docs/top.svg` makes the picture of the README, which takes a minute.
#[test]
fn picture() {
    let file = std::env::var_os("TEST_LARDER_PICTURE");
    // As long as the chart is to be, which has a bar for each second.
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
                // More at some times than at others.
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
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), picture).unwrap();
    }
    std::fs::remove_dir_all(home).unwrap();
}
