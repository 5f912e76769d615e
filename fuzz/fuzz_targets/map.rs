#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use larder::{Mapped, load, map};
use larder_fuzz::{Everything, craft};
use libfuzzer_sys::fuzz_target;
use ndarray::{Array2, ArrayD, Ix2, IxDyn};
use serde::de::{DeserializeOwned, IgnoredAny};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder for the file"));
static PATH: LazyLock<PathBuf> = LazyLock::new(|| FOLDER.path().join("file"));

/// Checks that a mapped value of an undamaged file equals the loaded one.
fn compare<T: DeserializeOwned>(same: impl Fn(&T, &T) -> bool) {
    if let Ok(mapped) = map::<T>(&*PATH)
        && mapped.verify().is_ok()
    {
        let loaded = load::<T>(&*PATH).expect("what is mapped and whole can be loaded");
        assert!(same(&mapped, &loaded), "the map has another value");
    }
}

fn look_into<T>(mapped: &Mapped<T>) {
    let _ = mapped.verify();
    for path in ["", "0", "1.0", "a", "floats", "matrix.data", "complex", "kinds.2.Struct.a", "tensor.dim", "0.0.0.0"] {
        let _ = mapped.array_at::<f64>(path).map(|numbers| numbers.iter().sum::<f64>());
        let _ = mapped.array_at::<u8>(path).map(|numbers| numbers.iter().fold(0_u8, |sum, n| sum.wrapping_add(*n)));
        let _ = mapped.array_at::<num_complex::Complex<f64>>(path).map(<[_]>::len);
    }
    for path in ["", "0", "matrix", "tensor"] {
        let _ = mapped.view_at::<f32, Ix2>(path).map(|view| view.sum());
        let _ = mapped.view_at::<u16, IxDyn>(path).map(|view| view.iter().fold(0_u16, |sum, n| sum.wrapping_add(*n)));
    }
}

// The first byte selects whether the rest is a whole file or only a value.
fuzz_target!(|data: &[u8]| {
    let Some((first, content)) = data.split_first() else { return };
    let content = if first & 0x80 == 0 { craft::document(content) } else { content.to_vec() };
    std::fs::write(&*PATH, content).expect("the file can be written");
    compare::<Vec<f64>>(|a, b| a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits())));
    compare::<Vec<u8>>(|a, b| a == b);
    compare::<Array2<f32>>(|a, b| {
        a.dim() == b.dim() && a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
    });
    compare::<ArrayD<u16>>(|a, b| a == b);
    if let Ok(mapped) = map::<Everything>(&*PATH) {
        look_into(&mapped);
    }
    if let Ok(mapped) = map::<IgnoredAny>(&*PATH) {
        look_into(&mapped);
    }
});
