#!/usr/bin/env bash
# bytesize 2.7.0, feature serde: a ByteSize that goes through JSON comes back as another number of bytes.
#
# For formats that people read, its Serialize writes the text that it displays, which has one decimal. So two sizes that
# differ have one text, and none of them is what is read back. Whoever hashes or compares the JSON takes them for equal. In a
# binary format (postcard 1.1.3) the exact number is written.
#
# Seen:
#   1234567 bytes as JSON: "1.2 MiB"
#   1234568 bytes as JSON: "1.2 MiB"
#   read back: 1258291 bytes
#   through postcard: 1234567 bytes
#
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "bytesize-rounds"
version = "0.0.0"
edition = "2021"

[dependencies]
bytesize = { version = "=2.7.0", features = ["serde"] }
postcard = { version = "=1.1.3", default-features = false, features = ["use-std"] }
serde_json = "=1.0.145"
TOML
cat > src/main.rs <<'RUST'
use bytesize::ByteSize;

fn main() {
    let size = ByteSize::b(1_234_567);
    for size in [size, ByteSize::b(1_234_568)] {
        println!("{} bytes as JSON: {}", size.as_u64(), serde_json::to_string(&size).unwrap());
    }
    let back: ByteSize = serde_json::from_str(&serde_json::to_string(&size).unwrap()).unwrap();
    println!("read back: {} bytes", back.as_u64());
    let back: ByteSize = postcard::from_bytes(&postcard::to_stdvec(&size).unwrap()).unwrap();
    println!("through postcard: {} bytes", back.as_u64());
}
RUST
cargo run --quiet > seen
cat seen
diff seen - <<'SEEN'
1234567 bytes as JSON: "1.2 MiB"
1234568 bytes as JSON: "1.2 MiB"
read back: 1258291 bytes
through postcard: 1234567 bytes
SEEN
