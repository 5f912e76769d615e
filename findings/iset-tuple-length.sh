#!/usr/bin/env bash
# iset 0.3.3, feature serde: an IntervalMap that is written with a format that stores lengths can't be read back.
#
# Its Serialize announces a tuple of two elements and writes three: nodes, colours, root. JSON does not store the length, so
# a round trip through serde_json works. MessagePack does (rmp-serde 1.3.0): the array says 2, three items follow, and what
# stands behind the map is read at the wrong place. A format that checks lengths while writing, as CBOR with definite
# lengths can, has to refuse the value.
#
# Seen:
#   json reads it back: true
#   first byte of MessagePack: 92 (an array of 2)
#   MessagePack reads back a pair of the map and a number: false
#
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "iset-tuple-length"
version = "0.0.0"
edition = "2021"

[dependencies]
iset = { version = "=0.3.3", features = ["serde"] }
rmp-serde = "=1.3.0"
serde_json = "=1.0.145"
TOML
cat > src/main.rs <<'RUST'
use iset::IntervalMap;

fn main() {
    let mut map: IntervalMap<u32, u32> = IntervalMap::new();
    map.insert(1..5, 10);
    map.insert(3..8, 20);
    let entries = |map: &IntervalMap<u32, u32>| map.iter(..).map(|(range, value)| (range, *value)).collect::<Vec<_>>();

    let json = serde_json::to_string(&map).unwrap();
    let back = serde_json::from_str::<IntervalMap<u32, u32>>(&json).is_ok_and(|back| entries(&back) == entries(&map));
    println!("json reads it back: {back}");

    let bytes = rmp_serde::to_vec(&map).unwrap();
    println!("first byte of MessagePack: {:02x} (an array of {})", bytes[0], bytes[0] & 15);

    let pair = rmp_serde::to_vec(&(&map, 7_u32)).unwrap();
    let back = rmp_serde::from_slice::<(IntervalMap<u32, u32>, u32)>(&pair)
        .is_ok_and(|(back, number)| entries(&back) == entries(&map) && number == 7);
    println!("MessagePack reads back a pair of the map and a number: {back}");
}
RUST
cargo run --quiet > seen
cat seen
diff seen - <<'SEEN'
json reads it back: true
first byte of MessagePack: 92 (an array of 2)
MessagePack reads back a pair of the map and a number: false
SEEN
