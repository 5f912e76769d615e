//! Functions of a weather program, for a picture.

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use larder::{Cache, memoize};
use tempfile::TempDir;

pub(super) static HOME: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(HOME.path().join(".cache/larder")).unwrap());

const STATIONS: [&str; 5] = ["Lindenberg", "Zugspitze", "Helgoland", "Potsdam", "Brocken"];

fn takes(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

/// Computes everything for these days.
pub(super) fn forecast(days: std::ops::Range<u64>) {
    for day in days {
        let station = STATIONS[day as usize % 5];
        let date = format!("2026-{:02}-{:02}", 1 + day / 28 % 12, 1 + day % 28);
        let data = load_station(station, &date);
        let model = fit(&data, 0.5 + 0.125 * (day % 4) as f64);
        uncertainty(&model, day % 3);
        if day % 2 == 0 {
            render(station, &date, "en");
        }
        if day % 7 == 0 {
            project(day, 1024);
        }
    }
}

#[memoize(cache = &CACHE, name = "weather::load_station")]
fn load_station(station: &str, date: &str) -> Vec<u64> {
    takes(3);
    let seed = date.bytes().chain(station.bytes()).map(u64::from).sum::<u64>();
    (0..4_000).map(|hour| (seed * 31 + hour * 7) % 400).collect()
}

#[memoize(cache = &CACHE, name = "weather::models::fit")]
fn fit(data: &[u64], alpha: f64) -> Vec<f64> {
    takes(45);
    data.iter().map(|value| *value as f64 * alpha).collect()
}

#[memoize(cache = &CACHE, name = "weather::models::uncertainty")]
fn uncertainty(model: &[f64], order: u64) -> f64 {
    takes(12);
    model[order as usize]
}

#[memoize(cache = &CACHE, name = "weather::report::render")]
fn render(station: &str, date: &str, language: &str) -> String {
    takes(6);
    format!("{station} {date} {language}\n").repeat(100)
}

#[memoize(cache = &CACHE, name = "weather::tiles::project")]
fn project(zoom: u64, size: usize) -> Vec<u64> {
    takes(20);
    vec![zoom; 20 * size]
}
