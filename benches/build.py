#!/usr/bin/env python3
"""Measures what tracking of code costs at build time.

Creates a crate of 50,000 lines with 100 memoized functions, and builds it with `track = "reachable"` and
with `track = "none"`, alternately. Prints the medians.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULES, FUNCTIONS = 100, 38
RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 3


def module(number: int, track: str) -> str:
    """Returns 500 lines: a type with operators and methods, and functions that call each other, one of them memoized."""
    other = (number * 7 + 1) % MODULES
    text = f"""//! Module {number}.
use larder::memoize;
use std::fmt;
use std::ops::Add;

/// A quantity with a label.
#[derive(Clone, Debug, PartialEq)]
pub struct Model{number} {{
    pub weight: f64,
    pub label: String,
}}

impl Add for Model{number} {{
    type Output = Self;
    fn add(self, other: Self) -> Self {{
        Self {{ weight: self.weight + other.weight, label: format!("{{}}+{{}}", self.label, other.label) }}
    }}
}}

impl fmt::Display for Model{number} {{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{
        write!(f, "{{}} ({{}})", self.label, self.weight)
    }}
}}

impl crate::Measure for Model{number} {{
    fn measure(&self) -> f64 {{
        self.weight * {number}.5
    }}
}}

#[memoize(track = "{track}")]
pub fn fit(n: u64) -> u64 {{
    let model = Model{number} {{ weight: n as f64, label: "fit".to_owned() }} + scaled0(n);
    step{FUNCTIONS - 1}(n) + model.weight as u64 + crate::module{other}::step3(n)
}}

/// A model to begin with.
pub fn scaled0(n: u64) -> Model{number} {{
    Model{number} {{ weight: n as f64 * 2.0, label: "scaled".to_owned() }}
}}
"""
    for function in range(FUNCTIONS):
        before = f"step{function - 1}(n / 2)" if function else "n"
        text += f"""
/// Step {function}: some arithmetic, a loop and a match.
pub fn step{function}(n: u64) -> u64 {{
    let mut values: Vec<u64> = (0..n % 17).map(|value| value * {function + 1}).collect();
    values.push({before});
    let total = match values.len() {{
        0 => 0,
        1 | 2 => values[0].wrapping_mul(31),
        _ => values.iter().fold({number}, |sum, value| sum ^ value.rotate_left(7)),
    }};
    values.sort_unstable();
    total.wrapping_add(values.first().copied().unwrap_or_default())
}}
"""
    return text


def write(folder: pathlib.Path, track: str) -> None:
    (folder / "src").mkdir(parents=True, exist_ok=True)
    larder = f'larder = {{ path = "{ROOT}", default-features = false, features = ["macros"] }}'
    manifest = f'[package]\nname = "large"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\n{larder}\n\n[workspace]\n'
    (folder / "Cargo.toml").write_text(manifest)
    (folder / "Cargo.lock").write_bytes((ROOT / "Cargo.lock").read_bytes())
    lines = 0
    for number in range(MODULES):
        text = module(number, track)
        lines += text.count("\n")
        (folder / f"src/module{number}.rs").write_text(text)
    modules = "".join(f"pub mod module{number};\n" for number in range(MODULES))
    (folder / "src/lib.rs").write_text(f"pub trait Measure {{\n    fn measure(&self) -> f64;\n}}\n\n{modules}")
    print(f'{lines} lines with track = "{track}"', file=sys.stderr)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        folders = {track: pathlib.Path(folder) / track for track in ("none", "reachable")}
        for track, path in folders.items():
            write(path, track)
        environment = {**os.environ, "CARGO_INCREMENTAL": "0", "CARGO_TARGET_DIR": str(ROOT / "target/large")}
        for command in (["check"], ["build"]):
            times: dict[str, list[float]] = {track: [] for track in folders}
            for run in range(RUNS + 1):
                for track, path in folders.items():
                    (path / "src/lib.rs").touch()
                    started = time.monotonic()
                    subprocess.run(["cargo", *command, "--offline", "--quiet"], cwd=path, env=environment, check=True)
                    # The first run builds the dependencies.
                    if run > 0:
                        times[track].append(time.monotonic() - started)
            none, reachable = (statistics.median(times[track]) for track in ("none", "reachable"))
            more = 100 * (reachable / none - 1)
            print(f"cargo {command[0]}: {none:.2f} s without, {reachable:.2f} s with tracking ({more:+.1f} %)")


if __name__ == "__main__":
    main()
