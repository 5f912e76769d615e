#!/usr/bin/env python3
"""Compares larder's files with those of joblib, numpy, pickle and Blosc2, and with the system's least time.

    python3 benches/peers/persist.py            # everything, less than 12 minutes
    python3 benches/peers/persist.py --quick    # small values, to check that it works
    python3 benches/peers/persist.py --only plain small
    python3 benches/peers/persist.py --write    # writes the table to benches/README.md

Peer and larder are measured alternately with the same values, and each pair of times gives a ratio: above 1, larder
is faster. The Python packages are in target/peers-python, which the first run creates.
"""

import argparse
import dataclasses
import datetime
import gc
import json
import os
import pickle
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = ROOT / "target"
README = HERE.parent / "README.md"


def use_own_packages():
    """Restarts the script in a Python environment with the packages of requirements.txt."""
    home = TARGET / "peers-python"
    if Path(sys.prefix).resolve() == home.resolve():
        return
    wanted = (HERE / "requirements.txt").read_text()
    installed = home / "requirements.txt"
    if not installed.exists() or installed.read_text() != wanted:
        venv.create(home, clear=True, with_pip=True)
        pip = [home / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", HERE / "requirements.txt"], check=True)
        installed.write_text(wanted)
    python = str(home / "bin/python")
    os.execv(python, [python, *sys.argv])


use_own_packages()

import blosc2  # noqa: E402
import joblib  # noqa: E402
import numpy as np  # noqa: E402

PAIRS = 7
# A row that takes longer than this uses fewer pairs, but at least three.
PATIENCE = 4.0
# Names of methods of Bench.
GROUPS = ["plain", "small", "keys", "objects", "compressors", "threads", "blocks"]


def build(name, *command):
    """Runs the build command, and returns the path of the program."""
    command = ["cargo", *command, "--message-format=json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    [program] = {m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == name}
    return program


class Larder:
    """Rust program that runs in its own folder and answers commands."""

    def __init__(self, command, folder):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=folder, text=True, bufsize=1, **pipes)
        self.size = None

    def ask(self, command):
        """Returns the seconds that the command took, or None if this build does not support it."""
        self.process.stdin.write(command + "\n")
        answer = self.process.stdout.readline().split()
        if not answer:
            sys.exit(f"larder could not do this: {command}")
        if answer == ["-"]:
            return None
        self.size = int(answer[1])
        return float(answer[0])

    def asking(self, command, threads=1):
        """Returns a function that runs the command with this number of threads."""

        def ask():
            self.ask(f"threads {threads}")
            return self.ask(command)

        return ask

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def timed(operation, check=None, before=None):
    """Returns a function that runs the operation and returns its seconds."""

    def run():
        if before:
            before()
        gc.disable()
        start = time.perf_counter()
        result = operation()
        seconds = time.perf_counter() - start
        gc.enable()
        assert check is None or check(result), "the peer read a wrong value"
        return seconds

    return run


@dataclasses.dataclass
class Target:
    """Goal of a row: a ratio, a size relative to the peer's, or microseconds."""

    ratio: float = None
    size: float = None
    below: float = None

    def __str__(self):
        parts = []
        if self.ratio:
            parts.append(f"≥ {self.ratio:.2f}")
        if self.size:
            parts.append(f"size ≤ {self.size:.2f}")
        if self.below:
            parts.append(f"< {self.below:.0f} µs")
        return ", ".join(parts) or "-"

    def is_met(self, ratio, size, seconds):
        return (
            (self.ratio is None or ratio >= self.ratio)
            and (self.size is None or round(size, 3) <= self.size)
            and (self.below is None or seconds * 1e6 < self.below)
        )


class Table:
    """Table whose rows are measured one by one."""

    HEAD = (
        "| operation | peer | peer's MB/s | larder's MB/s | ratio: median (min–max) | target | met? |\n"
        "|---|---|--:|--:|--:|--:|---|"
    )

    def __init__(self, pairs):
        self.pairs = pairs
        self.lines = [self.HEAD]
        print(self.HEAD, flush=True)

    def row(self, operation, peer_name, peer, larder, target, megabytes=None, sizes=None):
        """Measures one row with two functions that return seconds. `sizes` returns the bytes of peer and larder."""
        pairs = self.measure(peer, larder)
        a = statistics.median(a for a, _ in pairs)
        peer_cell, larder_cell, ratio_cell, met = speed(a, megabytes), "-", "-", "-"
        if pairs[0][1] is not None:
            b = statistics.median(b for _, b in pairs)
            ratios = [a / b for a, b in pairs]
            ratio = statistics.median(ratios)
            larder_cell = speed(b, megabytes)
            ratio_cell = f"{ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
            if len(pairs) < PAIRS:
                ratio_cell += f", {len(pairs)} pairs"
            size = None
            if sizes:
                theirs, ours = sizes()
                size = ours / theirs
                ratio_cell += f"; size {size:.3f}"
            if target != Target():
                met = "yes" if target.is_met(ratio, size, b) else "**no**"
        line = f"| {operation} | {peer_name} | {peer_cell} | {larder_cell} | {ratio_cell} | {target} | {met} |"
        self.lines.append(line)
        print(line, flush=True)

    def measure(self, peer, larder):
        """Returns pairs of seconds of the peer and of larder, or None if larder does not support the operation."""
        started = time.perf_counter()
        warm_up = (peer(), larder())
        # A warm-up that took more than a second counts as a pair.
        pairs = [warm_up] if warm_up[0] > 1 else []
        while len(pairs) < self.pairs:
            # The order alternates also within a pair, so that neither peer always runs after the other.
            if len(pairs) % 2:
                b = larder()
                a = peer()
            else:
                a = peer()
                b = larder()
            pairs.append((a, b))
            if len(pairs) >= 3 and time.perf_counter() - started > PATIENCE:
                break
        return pairs


def speed(seconds, megabytes):
    return f"{megabytes / seconds:.0f}" if megabytes else f"{seconds * 1e6:.2f} µs"


def threads_text(count):
    return "1 thread" if count == 1 else f"{count} threads"


class Values:
    """Generates values, and passes them to larder as files."""

    def __init__(self, folder, larder, scale):
        self.folder = folder
        self.larder = larder
        self.scale = scale

    def array(self, kind, megabytes):
        """Returns an array of 8-byte numbers with 1000 rows."""
        count = int(megabytes * self.scale * 1e6) // 8000 * 1000
        rng = np.random.default_rng(17)
        numbers = {
            "smooth": lambda: np.cumsum(rng.standard_normal(count)),
            "noisy": lambda: rng.standard_normal(count),
            "integers": lambda: rng.integers(0, 10_000, count),
            "sparse": lambda: np.where(rng.random(count) < 0.05, rng.standard_normal(count), 0.0),
            "incompressible": lambda: rng.integers(-(2**63), 2**63 - 1, count),
        }[kind]()
        numbers = numbers.reshape(1000, -1)
        numbers.tofile(self.folder / "value")
        self.larder.ask(f"value value {'i64' if numbers.dtype.kind == 'i' else 'f64'} 1000")
        return numbers

    def json(self, kind, value):
        """Returns the value read from JSON, as larder reads it. So each string is a separate object, as in larder."""
        text = json.dumps(value)
        (self.folder / "value").write_text(text)
        self.larder.ask(f"value value {kind}")
        return json.loads(text)

    def records(self, count):
        rng = random.Random(17)
        words = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(2000)]
        say = lambda n: " ".join(rng.choices(words, k=n))
        record = lambda n: {
            "id": n,
            "name": say(2),
            "city": rng.choice(words).capitalize(),
            "score": rng.randint(0, 8000) / 8,
            "tags": [say(1), say(1)],
            "comment": say(6),
        }
        return self.json("records", [record(n) for n in range(int(count * self.scale))])

    def megabytes(self):
        """Returns the size of the current value as it was passed to larder."""
        return (self.folder / "value").stat().st_size / 1e6

    def words(self, count):
        value = self.json("words", {n: f"word number {n}" for n in range(int(count * self.scale))})
        return {int(n): word for n, word in value.items()}


class Bench:
    """Measures the rows of each group."""

    def __init__(self, folder, larder, table, scale):
        self.folder = folder
        self.larder = larder
        self.table = table
        self.values = Values(folder, larder, scale)

    def path(self, name):
        # joblib requires text.
        return str(self.folder / name)

    def without(self, name):
        """Returns a function that removes the file, so that every dump creates a new one."""
        return lambda: (self.folder / name).unlink(missing_ok=True)

    def sizes(self, theirs="theirs", ours="ours"):
        return lambda: ((self.folder / theirs).stat().st_size, (self.folder / ours).stat().st_size)

    def plain(self):
        """Measures files without compression, and mapped files."""
        row, ask = self.table.row, self.larder.asking
        array = self.values.array("smooth", 128)
        mb = array.nbytes / 1e6
        same = lambda other: np.array_equal(array, other)
        theirs = self.path("theirs.npy")
        new = self.without("theirs.npy")
        np_save = timed(lambda: np.save(theirs, array), before=new)
        np_load = timed(lambda: np.load(theirs), check=same)
        joblib_dump = timed(lambda: joblib.dump(array, theirs), before=new)
        joblib_map = timed(lambda: float(joblib.load(theirs, mmap_mode="r")[7, 7]))

        for threads in [1, 2]:
            dump = ask("dump ours none", threads)
            name = f"dump {mb:.0f} MB of f64, none, {threads_text(threads)}"
            row(name, "raw write (floor)", ask("write-floor floor"), dump, Target(0.9), mb)
            row(name, "joblib", joblib_dump, dump, Target(2.5), mb)
            row(name, "np.save", np_save, dump, Target(1.0), mb)
        for threads in [1, 2]:
            load = ask("load ours", threads)
            name = f"load {mb:.0f} MB of f64, none, {threads_text(threads)}"
            row(name, "read (floor)", ask(f"read-floor floor {threads}"), load, Target(0.85), mb)
            row(name, "np.load", np_load, load, Target(1.0 if threads == 1 else 1.3), mb)

        joblib_dump()
        name = f"map {mb:.0f} MB of f64 and read one"
        row(name, "joblib, mmap_mode='r'", joblib_map, ask("map ours"), Target(below=30))

    def keys(self):
        """Measures keys of arguments."""
        row, ask = self.table.row, self.larder.asking
        array = self.values.array("smooth", 128)
        mb = array.nbytes / 1e6
        for kind, value, floor in [("f64", array, 0.9), ("fortran", np.asfortranarray(array), 0.5)]:
            self.larder.ask(f"value value {kind} 1000")
            joblib_hash = timed(lambda: joblib.hash(value))
            order = " in Fortran order" if kind == "fortran" else ""
            for threads in [1, 2]:
                name = f"key of {mb:.0f} MB of f64{order}, {threads_text(threads)}"
                row(name, "BLAKE3 (floor)", ask("key-floor"), ask("key", threads), Target(floor), mb)
                row(name, "joblib.hash", joblib_hash, ask("key", threads), Target(), mb)
        names = self.values.json("names", {f"name {n}": n for n in range(int(1e6 * self.values.scale))})
        joblib_hash = timed(lambda: joblib.hash(names))
        for threads in [1, 2]:
            name = f"key of a map of {len(names)}, {threads_text(threads)}"
            row(name, "joblib.hash", joblib_hash, ask("key", threads), Target(20), self.values.megabytes())

    def compressors(self):
        """Measures joblib's compressors, both sides with one thread."""
        fast = [(method, level, Target(1.3, size=1.02)) for method in ["zlib", "gzip"] for level in [1, 3, 6]]
        slow = [("bz2", level, Target(1.0)) for level in [3, 9]]
        slow += [(method, level, Target(1.0)) for method in ["xz", "lzma"] for level in [1, 6]]
        for megabytes, methods in [(32, fast), (8, slow)]:
            array = self.values.array("smooth", megabytes)
            for method in methods:
                self.compressor("smooth", array, *method)
            # joblib is slow for these with any compressor.
            records = self.values.records(8 * 5900)
            for method in methods:
                self.compressor("structs", records, *method)

    def compressor(self, kind, value, method, level, target):
        row, ask = self.table.row, self.larder.asking
        same = (lambda other: np.array_equal(value, other)) if kind == "smooth" else (lambda other: value == other)
        mb = self.values.megabytes()
        theirs = self.path("theirs")
        dump = timed(lambda: joblib.dump(value, theirs, compress=(method, level)), before=self.without("theirs"))
        load = timed(lambda: joblib.load(theirs), check=same)
        name = f"{mb:.0f} MB of {kind}, {method}:{level}"
        row(f"dump {name}", "joblib", dump, ask(f"dump ours {method}:{level}"), target, mb, self.sizes())
        row(f"load {name}", "joblib", load, ask("load ours"), Target(target.ratio), mb)

    def threads(self):
        """Compares larder with two threads and with one."""
        row, ask = self.table.row, self.larder.asking
        self.values.array("smooth", 16)
        mb = self.values.megabytes()
        for compression in ["gzip:3", "bz2:3", "xz:1", "lz4", "zstd:3"]:
            name = f"{mb:.0f} MB of smooth, {compression}, 2 threads"
            dump = f"dump ours {compression}"
            row(f"dump {name}", "larder, 1 thread", ask(dump), ask(dump, 2), Target(1.7), mb)
            row(f"load {name}", "larder, 1 thread", ask("load ours"), ask("load ours", 2), Target(), mb)

    def blocks(self):
        """Measures shuffled blocks in memory."""
        # Level 5 of Blosc2 equals level 9 of Zstandard.
        matches = [("blocks-lz4", "LZ4", 1), ("blocks-lz4", "LZ4", 5), ("blocks-zstd:1", "ZSTD", 1)]
        matches += [("blocks-zstd:9", "ZSTD", 5)]
        for kind in ["smooth", "noisy", "integers", "sparse", "incompressible"]:
            plain = self.values.array(kind, 64).tobytes()
            for match in matches:
                for threads in [1, 2]:
                    self.blosc(kind, plain, *match, threads)
        self.blocks_of_incompressible()

    def blosc(self, kind, plain, compression, codec, level, threads):
        row, ask = self.table.row, self.larder.asking
        shuffle = {"typesize": 8, "filters": [blosc2.Filter.SHUFFLE]}
        options = {"codec": blosc2.Codec[codec], "clevel": level, "nthreads": threads, **shuffle}
        theirs = blosc2.compress2(plain, **options)
        encode = timed(lambda: blosc2.compress2(plain, **options))
        decode = timed(lambda: blosc2.decompress2(theirs, nthreads=threads), check=lambda other: other == plain)

        mb = self.values.megabytes()
        name = f"{mb:.0f} MB of {kind}, {compression}, {threads_text(threads)}"
        peer = f"Blosc2 {codec}:{level}"
        larder_encode = ask(f"encode {compression} 1", threads)
        sizes = lambda: (len(theirs), self.larder.size)
        row(f"encode {name}", peer, encode, larder_encode, Target(1.0, size=1.0), mb, sizes)
        larder_decode = ask("decode 1", threads) if larder_encode() is not None else lambda: None
        row(f"decode {name}", peer, decode, larder_decode, Target(1.0), mb)

    def blocks_of_incompressible(self):
        """Measures the cost of blocks for data that can't be compressed."""
        row, ask = self.table.row, self.larder.asking
        mb = self.values.megabytes()
        for compression in ["blocks-lz4", "blocks-zstd:1"]:
            name = f"{mb:.0f} MB of incompressible, {compression}, file, 2 threads"
            dump = ask(f"dump ours {compression}", 2)
            row(f"dump {name}", "larder, none", ask("dump theirs none", 2), dump, Target(0.9), mb)
            load = ask("load ours", 2) if dump() is not None else lambda: None
            row(f"load {name}", "larder, none", ask("load theirs", 2), load, Target(0.9), mb)

    def objects(self):
        """Measures a map of a million entries and a list of a million structs."""
        self.object("a map", "{int: str}", self.values.words(1_000_000))
        self.object("a list", "structs", self.values.records(1_000_000))

    def object(self, container, content, value):
        name = f"{container} of {len(value):,} {content}"
        row, ask = self.table.row, self.larder.asking
        mb = self.values.megabytes()
        same = lambda other: value == other
        theirs = self.folder / "theirs"
        new = self.without("theirs")

        def pickle_dump():
            with theirs.open("wb") as file:
                pickle.dump(value, file, pickle.HIGHEST_PROTOCOL)

        def pickle_load():
            with theirs.open("rb") as file:
                return pickle.load(file)

        dump, load = ask("dump ours none"), ask("load ours")
        joblib_dump = timed(lambda: joblib.dump(value, theirs), before=new)
        joblib_load = timed(lambda: joblib.load(theirs), check=same)
        row(f"dump {name}", "joblib", joblib_dump, dump, Target(10.0), mb)
        row(f"load {name}", "joblib", joblib_load, load, Target(10.0), mb)
        row(f"dump {name}", "pickle", timed(pickle_dump, before=new), dump, Target(1.0), mb)
        row(f"load {name}", "pickle", timed(pickle_load, check=same), load, Target(1.0), mb)

        pickled = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        dumps = timed(lambda: pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        loads = timed(lambda: pickle.loads(pickled), check=same)
        row(f"encode {name}", "pickle.dumps", dumps, ask("encode none 1"), Target(1.0), mb)
        row(f"decode {name}", "pickle.loads", loads, ask("decode 1"), Target(1.0), mb)

    def small(self):
        """Measures a struct of about 200 bytes in memory."""
        count = 100_000
        value = {
            "id": 1_234_567,
            "model": "gradient boosting, depth 6",
            "accuracy": 0.5,
            "loss": 0.125,
            "epochs": 250,
            "converged": True,
            "parent": 1_234_566,
            "labels": ["digits", "baseline", "run 17"],
        }
        value = self.values.json("small", value)
        pickled = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

        def repeat(operation):
            for _ in range(count):
                operation()

        def mean(operation):
            run = timed(lambda: repeat(operation))
            return lambda: run() / count

        dumps = mean(lambda: pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        encode = self.larder.asking(f"encode none {count}")
        encode()
        name = f"a struct of {self.larder.size} bytes"
        self.table.row(f"encode {name}", "pickle.dumps", dumps, encode, Target(below=1))
        loads = mean(lambda: pickle.loads(pickled))
        self.table.row(f"decode {name}", "pickle.loads", loads, self.larder.asking(f"decode {count}"), Target(below=1))


def machine(folder, versions):
    """Describes the machine and the versions."""
    say = lambda *command: subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):
        cpu = platform.processor() or platform.machine()
    try:
        pages = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text().strip()
    except OSError:
        pages = "unknown"
    return "\n".join(
        [
            f"- Processor: {cpu}, {os.cpu_count()} cores",
            f"- System: {platform.system()} {platform.release().split('-')[0]}, files on {say('df', '--output=fstype', str(folder)).split()[-1]}, "
            f"huge pages `{pages}`",
            f"- Versions: {say('rustc', '--version').split(' (')[0]}, Python {platform.python_version()}, {versions}",
            f"- larder at {say('git', 'describe', '--always', '--dirty')}, {datetime.date.today()}",
        ]
    )


def write(text, name="table"):
    """Writes the text between the markers with this name in the README."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, rest = README.read_text().split(start)
    _, after = rest.split(end)
    README.write_text(f"{before}{start}\n{text}\n{end}{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="values a sixteenth as large, three pairs")
    parser.add_argument("--only", nargs="+", metavar="GROUP", choices=GROUPS, default=GROUPS, help=", ".join(GROUPS))
    parser.add_argument("--write", action="store_true", help="write the table to benches/README.md")
    args = parser.parse_args()

    started = time.perf_counter()
    # /tmp may be in memory.
    with tempfile.TemporaryDirectory(dir=TARGET, prefix="peers-") as folder:
        folder = Path(folder)
        versions = f"numpy {np.__version__}, joblib {joblib.__version__}, Blosc2 {blosc2.__version__}"
        about = machine(folder, versions)
        program = build("peers", "bench", "--bench", "peers", "--features", "full", "--no-run")
        larder = Larder([program, "serve"], folder)
        table = Table(3 if args.quick else PAIRS)
        bench = Bench(folder, larder, table, 1 / 16 if args.quick else 1)
        for group in args.only:
            getattr(bench, group)()
    print(f"\n{about}\n- It took {time.perf_counter() - started:.0f} s", flush=True)
    if args.write:
        write(f"{about}\n\n" + "\n".join(table.lines))


if __name__ == "__main__":
    main()
