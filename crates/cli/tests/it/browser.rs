//! The page of `larder report` in a browser.
//!
//! Without a browser, a test prints that and passes; with `TEST_LARDER_ALL` set, it fails.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::report::{assert_tells, hostile, json_of, page_of, stocked};

/// Returns a headless browser. If there is none, prints that `test` is skipped.
fn browser(test: &str) -> Option<&'static str> {
    let there = |program: &&str| {
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(there);
    if found.is_none() {
        assert!(std::env::var_os("TEST_LARDER_ALL").is_none(), "{test} can't run: there is no chromium");
        eprintln!("SKIPPED {test}: there is no chromium");
    }
    found
}

/// Returns the page after its scripts ran, and the messages of the console.
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

/// Returns the value of an expression over the `view` and the `page`, with the page in a frame of this width.
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
fn a_browser_shows_the_same_numbers_without_errors() {
    let Some(browser) = browser("a_browser_shows_the_same_numbers_without_errors") else { return };
    let folder = hostile();
    let page = page_of(folder.path());
    let (dom, console) = browse(browser, &page);
    assert_eq!(console, [""; 0]);
    assert!(dom.contains("data-ready=\"true\"") && !dom.contains("data-hacked"), "{dom}");
    assert_tells(&dom, &json_of(folder.path(), &["stats", "--json"]));

    // The check finds errors: with content that the policy forbids, the console has messages.
    let more =
        "<img src=\"https://larder.invalid/a.png\"><script>document.documentElement.dataset.hacked = '1'</script>";
    let (dom, console) = browse(browser, &page.replace("</main>", &format!("{more}</main>")));
    let errors = console.iter().filter(|line| line.contains("Content Security Policy")).count();
    assert!(errors >= 2, "{console:?}");
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
    assert_eq!(json!(seen["tip"].as_str().unwrap().replace('\n', ", ")), seen["label"]);
    assert_eq!(seen["row"], "weather::models::fit");
    assert!(seen["bar"].as_str().unwrap().contains(" hits, "), "{seen}");
}
