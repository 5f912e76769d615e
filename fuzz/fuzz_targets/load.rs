#![no_main]

use larder_fuzz::{Either, Everything, Kind, craft, read_and_repeat};
use libfuzzer_sys::fuzz_target;
use ndarray::{Array2, ArrayD};

// The first byte selects the type that is read, and whether the rest is a whole file or only a value.
fuzz_target!(|data: &[u8]| {
    let Some((first, content)) = data.split_first() else { return };
    let content = if first & 0x80 == 0 { craft::document(content) } else { content.to_vec() };
    match first & 15 {
        0 => drop(read_and_repeat::<u8>(&content)),
        1 => drop(read_and_repeat::<String>(&content)),
        2 => drop(read_and_repeat::<Everything>(&content)),
        3 => drop(read_and_repeat::<Vec<f64>>(&content)),
        4 => drop(read_and_repeat::<Array2<f32>>(&content)),
        5 => drop(read_and_repeat::<serde_json::Value>(&content)),
        6 => drop(read_and_repeat::<Kind>(&content)),
        7 => drop(read_and_repeat::<Either>(&content)),
        8 => drop(read_and_repeat::<ArrayD<u16>>(&content)),
        9 => drop(read_and_repeat::<(Option<Option<i128>>, char, ())>(&content)),
        10 => drop(read_and_repeat::<Vec<bool>>(&content)),
        _ => drop(read_and_repeat::<Vec<num_complex::Complex<f32>>>(&content)),
    }
});
