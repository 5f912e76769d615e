#![no_main]

use larder_fuzz::decompress;
use libfuzzer_sys::fuzz_target;

// The byte after the magic number selects the codec.
fuzz_target!(|data: &[u8]| decompress(b"\x8fLBLK", data));
