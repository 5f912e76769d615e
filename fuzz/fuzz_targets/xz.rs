#![no_main]

use larder_fuzz::decompress;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| decompress(b"\xfd7zXZ\0", data));
