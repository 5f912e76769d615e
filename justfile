# `just` lists these commands; https://just.systems

default:
    @just --list

# Run what CI runs
ci:
    bash .ci/run

# Run the tests, as in the README
test:
    cargo test --workspace --features full

# Check formatting and lints, as CI does
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --features full -- -D warnings

# Build the documentation and open it
doc:
    cargo doc --no-deps --features full --open

# Run the first example (run it twice)
quickstart:
    cargo run --release --example quickstart

# Compare calls and files with the file operations that they need, and with peers
bench:
    cargo bench --bench call
    cargo bench --bench persist --features full
    python3 benches/peers/persist.py
    python3 benches/build.py

# Try types of other crates as arguments and results, and compare with the table
zoo:
    cargo run --quiet --manifest-path tests/zoo/Cargo.toml > target/zoo.md
    diff -u tests/zoo/TABLE.md target/zoo.md

# Try #[memoize] beside attributes of other crates
attributes:
    cargo test --manifest-path tests/attributes/Cargo.toml

# Try values of polars, arrow and candle, and time them beside their own writers (takes minutes to build)
neighbours:
    cargo run --quiet --release --manifest-path tests/neighbours/Cargo.toml -p with-arrow
    cargo run --quiet --release --manifest-path tests/neighbours/Cargo.toml -p with-candle
    cargo run --quiet --release --manifest-path tests/neighbours/Cargo.toml -p with-polars

# Run each fuzz target for SECONDS seconds, from the committed corpus (needs cargo-fuzz)
fuzz SECONDS="60":
    bash fuzz/run {{SECONDS}}

# Check licences and sources of the dependencies (needs cargo-deny)
deny:
    cargo deny --workspace check licenses bans sources
