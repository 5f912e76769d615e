# `just` lists these; https://just.systems

default:
    @just --list

# What CI runs
ci:
    bash .ci/run

# The tests, as the README gives them
test:
    cargo test --workspace --features full

# Formatting and lints, as CI wants them
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --features full -- -D warnings

# The documentation, opened
doc:
    cargo doc --no-deps --features full --open

# The first example: run it twice
quickstart:
    cargo run --release --example quickstart

# Benchmarks of calls and files against what the file system needs for the same, and against peers
bench:
    cargo bench --bench call
    cargo bench --bench persist --features full
    python3 benches/peers/persist.py
    python3 benches/build.py

# Each fuzz target for so many seconds, from the committed corpus (needs cargo-fuzz)
fuzz SECONDS="60":
    bash fuzz/run {{SECONDS}}

# Licences and sources of the dependencies (needs cargo-deny)
deny:
    cargo deny --workspace check licenses bans sources
