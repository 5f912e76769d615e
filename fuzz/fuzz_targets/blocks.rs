#![no_main]

use larder_fuzz::decompress;
use libfuzzer_sys::fuzz_target;

// The next byte says which codec it is.
fuzz_target!(|data: &[u8]| decompress(b"\x8fLBLK", data));
