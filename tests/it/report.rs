//! `larder report`: the page, as text and in a browser.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use larder::Cache;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Names and arguments that would do harm, were they not text.
const SCRIPT_NAME: &str = "evil::<script>document.documentElement.dataset.hacked='1'</script>::fit";
const IMAGE: &str = "\"'><img src=x onerror=\"document.documentElement.dataset.hacked='1'\"></script><!--<script>";
const CONTROLS: &str = "evil::bell\u{7}\u{1b}[31m\u{9b}\r\n\0::ring";

fn larder(root: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.env_remove("LARDER").env_remove("LARDER_DIR").env_remove("LARDER_COMPRESSION").stdin(Stdio::null());
    let output = command.arg("--root").arg(root).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The JSON that a run writes, in silence.
#[track_caller]
fn json_of(root: &Path, args: &[&str]) -> Value {
    let (code, stdout, stderr) = larder(root, args);
    assert_eq!((code, &*stderr), (Some(0), ""), "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

/// The page of a cache, which is in no folder of it.
fn page_of(root: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.html");
    let (code, stdout, stderr) = larder(root, &["report", file.to_str().unwrap()]);
    assert_eq!((code, &*stdout), (Some(0), ""), "{stderr}");
    fs::read_to_string(file).unwrap()
}

fn opened(root: &Path, compression: &str) -> Cache {
    Cache::builder(root).compression(compression.parse().unwrap()).open().unwrap()
}

/// Functions in modules, of several compressors and of two codes, with hits.
fn stocked() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let functions = [
        ("weather::models::fit", "none", 3_000),
        ("weather::models::gradient::step", "lz4", 1_000),
        ("weather::load_station", "gzip:6", 800),
        ("weather", "none", 300),
        ("stats::bootstrap", "none", 500),
    ];
    for (name, compression, length) in functions {
        let cache = opened(folder.path(), compression);
        for station in 0..6 {
            for _ in 0..4 {
                let compute = || {
                    std::thread::sleep(Duration::from_millis(2));
                    vec![f64::from(station) / 3.0; length]
                };
                cache.get_or_compute(name, &(station, "hourly"), compute);
            }
        }
    }
    // The type of its result is what a closure's code is known by.
    let cache = opened(folder.path(), "none");
    cache.get_or_compute("stats::bootstrap", &"later", || 7_u8);
    folder
}

fn hostile() -> TempDir {
    let folder = stocked();
    let cache = opened(folder.path(), "none");
    cache.get_or_compute(SCRIPT_NAME, &IMAGE, || vec![1.5_f64; 4_000]);
    cache.get_or_compute(CONTROLS, &(IMAGE, CONTROLS), || vec![2.5_f64; 4_000]);
    cache.get_or_compute(&"long".repeat(200), &"argument".repeat(50), || vec![3.5_f64; 4_000]);
    folder
}

/// The values of an attribute, in the order of the page.
fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    page.split(&format!(" {name}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// The data in the page, as a program would read it.
fn data(page: &str) -> Value {
    let block = page.split("<script type=\"application/json\" id=\"larder-data\">").nth(1).unwrap();
    serde_json::from_str(block.split("</script>").next().unwrap()).unwrap()
}

/// A duration in seconds, in either form that JSON has it.
fn seconds(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value["secs"].as_f64().unwrap() + value["nanos"].as_f64().unwrap() / 1e9)
}

/// Each number of `stats --json` is in the page, once and equal.
#[track_caller]
fn assert_tells(page: &str, stats: &Value) {
    let mut expected = Vec::new();
    for (name, value) in stats.as_object().unwrap() {
        match &**name {
            "errors_by_kind" => {
                let kinds = value.as_object().unwrap().iter();
                expected.extend(kinds.map(|(kind, count)| (format!("errors_by_kind.{kind}"), count.as_f64().unwrap())));
            }
            _ => expected.push((name.clone(), seconds(value))),
        }
    }
    let numbers = page.split(" data-stat=\"").skip(1).map(|rest| {
        let (name, rest) = rest.split_once("\" data-value=\"").unwrap();
        (name.to_owned(), rest.split('"').next().unwrap().parse::<f64>().unwrap())
    });
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(expected.len() >= 12);
    let names = |of: &[(String, f64)]| of.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&numbers), names(&expected));
    for ((name, number), (_, expected)) in numbers.iter().zip(&expected) {
        assert!((number - expected).abs() <= expected.abs() * 1e-12, "{name}: {number} and {expected}");
    }
    assert_eq!(&data(page)["stats"], stats);
}

#[test]
fn the_page_tells_what_stats_tells() {
    let folder = stocked();
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("out.html");
    let (code, stdout, stderr) = larder(folder.path(), &["report", file.to_str().unwrap()]);
    assert_eq!((code, &*stdout), (Some(0), ""));
    assert_eq!(stderr, format!("wrote {}: 5 functions, 31 entries\n", file.display()));
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1, "a draft is left");
    let page = fs::read_to_string(&file).unwrap();
    let stats = json_of(folder.path(), &["stats", "--json"]);
    assert_eq!((&stats["hits"], &stats["misses"]), (&json!(90), &json!(31)));
    assert_tells(&page, &stats);
    assert!(page.contains(">74.3 %<"), "the hit rate");
    for name in ["fit", "step", "load_station", "weather", "bootstrap"] {
        assert!(page.contains(&format!("<span class=\"own\">{name}</span>")), "{name}");
    }
    for address in ["http:", "https:", "url(", "@import", "src="] {
        assert!(!page.contains(address), "{address}");
    }
}

#[test]
fn programs_get_the_same_numbers() {
    let folder = stocked();
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("out.html");
    let mut json = json_of(folder.path(), &["report", file.to_str().unwrap(), "--json"]);
    let mut inside = data(&fs::read_to_string(&file).unwrap());
    assert_eq!(json, inside);
    let functions = json_of(folder.path(), &["ls", "--json"]);
    for (function, listed) in json["functions"].as_array().unwrap().iter().zip(functions.as_array().unwrap()) {
        for field in ["name", "package", "signature", "entries", "bytes", "stats"] {
            assert_eq!(function[field], listed[field], "{field}");
        }
    }
    let sum = |list: &Value, field: &str| list.as_array().unwrap().iter().map(|o| o[field].as_u64().unwrap()).sum();
    let stats = json["stats"].clone();
    for list in ["ages", "functions"] {
        let sums: [u64; 2] = [sum(&json[list], "entries"), sum(&json[list], "bytes")];
        assert_eq!(json!(sums), json!([stats["entries"], stats["bytes"]]), "{list}");
    }
    assert_eq!(json["found"], json!({ "entries": stats["entries"], "bytes": stats["bytes"] }));
    assert_eq!(json["ages"][0]["entries"], 31);

    let compressors: Vec<_> =
        json["compressors"].as_array().unwrap().iter().map(|c| (c["name"].clone(), c["entries"].clone())).collect();
    assert_eq!(json!(compressors), json!([["gzip:6", 6], ["lz4", 6], ["none", 19]]));
    let entries = json_of(folder.path(), &["ls", "--json", "--larger-than", "0", "--sort", "size", "--limit", "20"]);
    let keys = |list: &Value| list.as_array().unwrap().iter().map(|entry| entry["key"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(&json["largest"]), keys(&entries));
    assert_eq!(json["largest"].as_array().unwrap().len(), 20);

    let bootstrap = &json["functions"][0];
    assert_eq!((&bootstrap["codes"], &bootstrap["current"]["entries"]), (&json!(2), &json!(1)));
    assert_eq!((&bootstrap["older"]["entries"], &json["functions"][1]["older"]["entries"]), (&json!(6), &json!(0)));
    let activity = json["activity"].as_array().unwrap();
    assert_eq!(activity.iter().map(|hour| hour["misses"].as_u64().unwrap()).sum::<u64>(), 31);

    // Nothing but the time differs when it is written again.
    let mut again = data(&page_of(folder.path()));
    for one in [&mut json, &mut inside, &mut again] {
        one["written"] = Value::Null;
    }
    assert_eq!(again, inside);
}

#[test]
fn hostile_names_are_text() {
    let folder = hostile();
    let page = page_of(folder.path());
    assert_eq!(page.matches("<script").count(), 2, "the data, and the script");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<img") && !page.contains("<!--"), "{page}");
    let harmful: Vec<_> = page.chars().filter(|c| c.is_control() && *c != '\n').collect();
    assert!(harmful.is_empty(), "{harmful:?}");
    assert!(page.contains("&lt;script&gt;") && page.contains("bell\\u{7}\\u{1b}[31m"), "{page}");
    let data = data(&page);
    let names: Vec<_> = data["functions"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert!(names.contains(&SCRIPT_NAME) && names.contains(&CONTROLS), "{names:?}");
    assert!(data["largest"].to_string().contains("onerror"));
}

#[test]
fn an_empty_cache_has_a_page_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let file = folder.path().join("out.html");
    let (code, _, stderr) = larder(&nowhere, &["report", file.to_str().unwrap()]);
    assert_eq!((code, stderr), (Some(0), format!("wrote {}: 0 functions, 0 entries\n", file.display())));
    assert!(!nowhere.exists());
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.contains("Nothing is cached in <bdi>"), "{page}");
    assert!(!page.contains("<table") && !page.contains("<h2"), "{page}");
    assert_tells(&page, &json_of(&nowhere, &["stats", "--json"]));
}

#[test]
fn what_can_not_be_read_is_told() {
    let folder = stocked();
    let cache = Cache::open(folder.path()).unwrap();
    let paths: Vec<_> = cache.entries().unwrap().map(|entry| entry.path).take(2).collect();
    for path in &paths {
        fs::write(path, "no entry, and longer than a header's first bytes").unwrap();
    }
    let page = page_of(folder.path());
    assert!(page.contains("<h2 id=\"unreadable-heading\">"), "{page}");
    assert!(page.contains("2 entries of 96 B can't be read"), "{page}");
    for path in &paths {
        assert!(page.contains(path.to_str().unwrap()), "{page}");
    }
    // The counts are of before; the page says that the files differ.
    assert!(page.contains("In the folder are 31 entries"), "{page}");
    assert_eq!(data(&page)["unreadable"]["some"].as_array().unwrap().len(), 2);
}

#[test]
fn only_a_regular_file_is_replaced() {
    let folder = stocked();
    let out = tempfile::tempdir().unwrap();
    let refused = |file: &Path, why: &str| {
        let (code, stdout, stderr) = larder(folder.path(), &["report", file.to_str().unwrap()]);
        assert_eq!((code, &*stdout), (Some(1), ""), "{stderr}");
        assert!(stderr.starts_with(&format!("larder: {}: ", file.display())) && stderr.contains(why), "{stderr}");
    };
    refused(out.path(), "no regular file");
    refused(&out.path().join("missing/out.html"), "No such file");
    let file = out.path().join("out.html");
    fs::write(&file, "what was there").unwrap();
    #[cfg(unix)]
    {
        let link = out.path().join("link.html");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        refused(&link, "no regular file");
        refused(&file.join("below"), "Not a directory");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "what was there");
    let (code, ..) = larder(folder.path(), &["report", file.to_str().unwrap()]);
    assert_eq!(code, Some(0));
    assert!(fs::read_to_string(&file).unwrap().starts_with("<!DOCTYPE html>"));
}

/// Without a folder, it is written where one is; without a name, as `larder.html`.
#[test]
fn it_is_written_where_one_is() {
    let (folder, out) = (stocked(), tempfile::tempdir().unwrap());
    for (args, name) in [(&["report"][..], "larder.html"), (&["report", "out.html"], "out.html")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.current_dir(out.path()).env_remove("LARDER_DIR").arg("--root").arg(folder.path()).args(args);
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && stderr.starts_with(&format!("wrote {name}: ")), "{stderr}");
        assert!(out.path().join(name).is_file());
    }
}

/// A style as four percentages.
fn percentages(style: &str) -> [f64; 4] {
    let mut parts = style.split(';').map(|part| part.split(':').nth(1).unwrap().trim_end_matches('%').parse().unwrap());
    std::array::from_fn(|_| parts.next().unwrap())
}

#[test]
fn areas_in_the_page_are_in_proportion_to_bytes() {
    let folder = stocked();
    let page = page_of(folder.path());
    let bytes: f64 = data(&page)["stats"]["bytes"].as_f64().unwrap();
    for shape in ["wide", "narrow"] {
        let map = page.split(&format!("<div class=\"map {shape}\">")).nth(1).unwrap().split("</ul>").next().unwrap();
        let cells: Vec<_> = map.split("<li style=\"").skip(1).collect();
        assert_eq!(cells.len(), 5);
        let mut sum = 0.0;
        for cell in cells {
            let [left, top, width, height] = percentages(cell.split('"').next().unwrap());
            assert!(left >= 0.0 && top >= 0.0 && left + width <= 100.001 && top + height <= 100.001, "{cell}");
            let part = attributes(cell, "data-bytes")[0].parse::<f64>().unwrap() / bytes;
            assert!((width * height / 10_000.0 - part).abs() < 1e-4, "{cell}");
            sum += width * height;
        }
        assert!((sum - 10_000.0).abs() < 0.1, "{sum}");
    }
}

/// A browser that needs no screen; if there is none, says that `test` is skipped.
fn browser(test: &str) -> Option<&'static str> {
    let there = |program: &&str| {
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(there);
    if found.is_none() {
        assert!(std::env::var_os("LARDER_TEST_ALL").is_none(), "{test} can't run: there is no chromium");
        eprintln!("SKIPPED {test}: there is no chromium");
    }
    found
}

/// What becomes of a page when its scripts ran, and what the console says.
fn browse(browser: &str, page: &str) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    fs::write(&file, page).unwrap();
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]);
    command.args(["--virtual-time-budget=3000", "--window-size=1200,900", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    let output = command.arg(format!("file://{}", file.display())).stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let console = stderr.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (String::from_utf8(output.stdout).unwrap(), console)
}

/// What an expression over the `view` and the `page` gives, when the page is shown in a frame of this width.
fn framed(browser: &str, page: &str, width: u32, expression: &str) -> Value {
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    let harness = format!(
        "<!DOCTYPE html><title>frame</title><iframe id=frame width={width} height=800 style='border:0' srcdoc=\"{page}\">\
         </iframe><pre id=result></pre><script>const frame = document.getElementById('frame');\
         frame.onload = () => {{ const view = frame.contentWindow, page = frame.contentDocument;\
         document.getElementById('result').textContent = JSON.stringify({expression}); }};</script>"
    );
    let (dom, console) = browse(browser, &harness);
    assert_eq!(console, [""; 0]);
    let result = dom.rsplit("<pre id=\"result\">").next().unwrap().split("</pre>").next().unwrap();
    let result = result.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&result).unwrap_or_else(|error| panic!("{error}: {result}"))
}

#[test]
fn a_browser_shows_the_same_numbers_without_a_complaint() {
    let Some(browser) = browser("a_browser_shows_the_same_numbers_without_a_complaint") else { return };
    let folder = hostile();
    let page = page_of(folder.path());
    let (dom, console) = browse(browser, &page);
    assert_eq!(console, [""; 0]);
    assert!(dom.contains("data-ready=\"true\"") && !dom.contains("data-hacked"), "{dom}");
    assert_tells(&dom, &json_of(folder.path(), &["stats", "--json"]));

    // Were there something to complain of, it would be seen: nothing else runs, and nothing is fetched.
    let more =
        "<img src=\"https://larder.invalid/a.png\"><script>document.documentElement.dataset.hacked = '1'</script>";
    let (dom, console) = browse(browser, &page.replace("</main>", &format!("{more}</main>")));
    let complaints = console.iter().filter(|line| line.contains("Content Security Policy")).count();
    assert!(complaints >= 2, "{console:?}");
    assert!(!dom.contains("data-hacked"));
}

#[test]
fn the_page_fits_a_telephone() {
    let Some(browser) = browser("the_page_fits_a_telephone") else { return };
    let empty = tempfile::tempdir().unwrap();
    for folder in [hostile(), empty] {
        let page = page_of(folder.path());
        for width in [360, 700, 1100] {
            let seen = framed(browser, &page, width, "page.documentElement.dataset");
            assert_eq!((&seen["ready"], &seen["width"]), (&json!("true"), &json!(width.to_string())), "{seen}");
            let scroll: u32 = seen["scrollWidth"].as_str().unwrap().parse().unwrap();
            assert!(scroll <= width, "{scroll} in {width}");
        }
    }
}

#[test]
fn tables_are_sorted_and_cells_are_reached_by_keyboard() {
    let Some(browser) = browser("tables_are_sorted_and_cells_are_reached_by_keyboard") else { return };
    let folder = stocked();
    let page = page_of(folder.path());
    let expression = r##"(() => {
        const table = page.querySelector("#functions table");
        const rows = () => Array.from(table.tBodies[0].rows, (row) => row.cells[0].textContent);
        const before = rows();
        const button = table.tHead.rows[0].cells[6].querySelector("button");
        button.click();
        const down = rows();
        const state = button.closest("th").getAttribute("aria-sort");
        button.click();
        const shown = (map) => page.querySelector(map).offsetParent !== null;
        const cell = page.querySelector(".map.wide a");
        const bar = page.querySelector("svg g.period");
        cell.focus();
        const tip = page.querySelector(".tip");
        return { before, down, up: rows(), state, wide: shown(".map.wide"), narrow: shown(".map.narrow"),
            focused: page.activeElement === cell, tip: tip.hidden ? "" : tip.textContent, title: cell.title,
            label: cell.getAttribute("aria-label"), row: page.querySelector(cell.getAttribute("href")).cells[0].textContent,
            bar: bar.dataset.tip };
    })()"##;
    let seen = framed(browser, &page, 1000, expression);
    let names: Vec<_> = seen["before"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.len() == 5, "{seen}");
    let json = json_of(folder.path(), &["ls", "--json", "--sort", "size"]);
    let expected: Vec<_> = json.as_array().unwrap().iter().map(|function| function["name"].clone()).collect();
    assert_eq!((expected.len(), &expected[0]), (5, &json!("weather::models::fit")));
    assert_eq!(seen["down"], json!(expected));
    assert_eq!(seen["up"], json!(expected.into_iter().rev().collect::<Vec<_>>()));
    assert_eq!((&seen["state"], &seen["focused"]), (&json!("descending"), &json!(true)));
    assert_eq!((&seen["wide"], &seen["narrow"], &seen["title"]), (&json!(true), &json!(false), &json!("")));
    assert!(seen["tip"].as_str().unwrap().starts_with("weather::models::fit\n"), "{seen}");
    assert_eq!((&seen["tip"], &seen["row"]), (&seen["label"], &json!("weather::models::fit")));
    assert!(seen["bar"].as_str().unwrap().contains(" hits, "), "{seen}");
}
