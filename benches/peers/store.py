#!/usr/bin/env python3
"""Compares calls through larder with calls through other caches in Rust and Python, in one table.

    python3 benches/peers/store.py            # everything, a minute after the build
    python3 benches/peers/store.py --quick    # few calls, to check that it works
    python3 benches/peers/store.py --write    # writes the table to benches/README.md

The program in store/ compares larder with crates. Then it answers commands of this script, which measures joblib and
diskcache alternately with it. A ratio above 1 means that larder is faster.
"""

import argparse
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from persist import HERE, PAIRS, TARGET, Larder, Table, build, machine, timed, write

import diskcache
import joblib

# Must match store/src/operations.rs.
AGAIN = 7
STORED = 1_000_000
NEW = 1_000_000_000

computed = 0


def f(n):
    global computed
    computed += 1
    return 3 * n + 1


class Cached:
    """Function in a Python cache."""

    def __init__(self, name, call, calls):
        self.name = name
        self.call = call
        # Number of calls in a turn in which each call is made once.
        self.calls = calls

    def seconds(self, numbers, misses):
        """Returns a function that makes the calls of the next turn and returns the seconds of each."""

        def run():
            turn = next(numbers)
            before = computed
            right = lambda results: results == [3 * n + 1 for n in turn]
            seconds = timed(lambda: [self.call(n) for n in turn], check=right)() / len(turn)
            ran = computed - before
            assert ran == (len(turn) if misses else 0), f"{self.name}: {ran} of {len(turn)} calls were computed"
            return seconds

        return run

    def again(self, count):
        return self.seconds(iter(lambda: [AGAIN] * count, None), misses=False)

    def stored(self):
        return self.seconds(turns(STORED, self.calls), misses=False)

    def miss(self):
        return self.seconds(turns(NEW, self.calls), misses=True)


def turns(first, count):
    """Yields the arguments of each turn. No argument occurs twice."""
    while True:
        yield range(first, first + count)
        first += count


def caches(folder, calls):
    memory = joblib.Memory(folder / "joblib", verbose=0)
    disk = diskcache.Cache(folder / "diskcache")
    return [Cached("joblib.Memory", memory.cache(f), calls), Cached("diskcache", disk.memoize()(f), calls)]


def fill(folder, calls, pairs):
    """Stores the results that another process reads: one turn for each pair, and one to warm up."""
    for cache in caches(folder, calls):
        for n in [AGAIN, *range(STORED, STORED + (pairs + 1) * calls)]:
            cache.call(n)


class Rows(Table):
    """Table that adds rows below those that the program in store/ prints."""

    def __init__(self, pairs, lines):
        self.pairs = pairs
        self.lines = lines

    def text(self, about):
        """Returns the tables below a description of the machine."""
        crates = [line for line in self.lines if line.startswith("- Crates")]
        tables = [line for line in self.lines if not line.startswith("- ")]
        return "\n".join([about, *crates, "", *tables]).strip()

    def row(self, operation, peer_name, peer, larder):
        pairs = self.measure(peer, larder)
        ratios = [a / b for a, b in pairs]
        [theirs, ours] = [time_text(statistics.median(side)) for side in zip(*pairs)]
        ratio = f"{figure(statistics.median(ratios))} ({figure(min(ratios))}–{figure(max(ratios))})"
        line = f"| {operation} | {peer_name} | {theirs} | {ours} | {ratio} |"
        last = max(place for place, other in enumerate(self.lines) if other.startswith(f"| {operation} |"))
        self.lines.insert(last + 1, line)


def figure(number):
    """Formats a number with three significant digits."""
    digits = next((digits for least, digits in [(100, 0), (10, 1), (1, 2), (0.1, 3)] if number >= least), 4)
    return f"{number:.{digits}f}"


def time_text(seconds):
    units = [(1e-3, "ms"), (1e-6, "µs"), (0, "ns")]
    least, unit = next(one for one in units if seconds >= one[0])
    value = seconds / (least or 1e-9)
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few calls, three rounds")
    parser.add_argument("--write", action="store_true", help="write the table to benches/README.md")
    args = parser.parse_args()

    program = build("larder-store", "build", "--release", "--locked", "--manifest-path", HERE / "store/Cargo.toml")
    quick = ["--quick"] if args.quick else []
    pairs, calls = (3, 40) if args.quick else (PAIRS, 400)
    started = time.perf_counter()
    # /tmp may be in memory.
    with tempfile.TemporaryDirectory(dir=TARGET, prefix="peers-") as folder:
        about = machine(folder, f"joblib {joblib.__version__}, diskcache {diskcache.__version__}")
        command = [program, folder, *quick]
        rows = Rows(pairs, subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines())

        filler = multiprocessing.Process(target=fill, args=(Path(folder), calls, pairs))
        filler.start()
        filler.join()
        assert filler.exitcode == 0, "the process that stores results failed"
        for cache in caches(Path(folder), calls):
            # A new process for each, so that it has read no stored result before.
            larder = Larder([*command, "--serve"], folder)
            rows.row("hit of f(u64), again", cache.name, cache.again(calls), lambda: larder.ask(f"again {20 * calls}"))
            stored = "hit of f(u64), stored by another process"
            rows.row(stored, cache.name, cache.stored(), lambda: larder.ask("stored"))
            rows.row("miss of f(u64), stored", cache.name, cache.miss(), lambda: larder.ask("miss"))
            larder.end()
    text = rows.text(about)
    print(text)
    print(f"\nIt took {time.perf_counter() - started:.0f} s after the build", file=sys.stderr)
    if args.write:
        write(text, "calls")


if __name__ == "__main__":
    main()
