//! Tensors of candle as arguments and results, in two processes, and their times beside those of safetensors.

mod saved;

use std::hint::black_box;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use larder::{Cache, memoize};
use support::Process;

use crate::saved::Saved;

fn main() {
    support::main(steps, speed);
}

/// A tensor as a result.
#[memoize(cache = cache, ignore(cache))]
fn weights(rows: usize, columns: usize, cache: &Cache) -> Saved {
    Saved(built(rows, columns))
}

/// A tensor as an argument.
#[memoize(cache = cache, ignore(cache))]
fn norm(tensor: &Saved, cache: &Cache) -> f32 {
    norm_of(&tensor.0)
}

/// A tensor as an argument of a function that knows nothing of [`Saved`].
#[memoize(cache = cache, ignore(cache), key(tensor = Saved(tensor)))]
fn norm_of_plain(tensor: &Tensor, cache: &Cache) -> f32 {
    norm_of(tensor)
}

/// Several tensors as a result.
#[memoize(cache = cache, ignore(cache))]
fn layers(count: usize, cache: &Cache) -> Vec<(String, Saved)> {
    (0..count).map(|n| (format!("layer {n}"), Saved(built(n + 1, 3)))).collect()
}

fn norm_of(tensor: &Tensor) -> f32 {
    tensor.sqr().and_then(|squares| squares.sum_all()?.sqrt()?.to_scalar()).expect("a number")
}

fn built(rows: usize, columns: usize) -> Tensor {
    let numbers: Vec<f32> = (0..rows * columns).map(|n| (n as f32).sin()).collect();
    Tensor::from_vec(numbers, (rows, columns), &Device::Cpu).expect("a tensor")
}

/// Returns whether type, shape and all numbers are the same.
fn same(a: &Tensor, b: &Tensor) -> bool {
    let bytes = |tensor: &Tensor| safetensors::serialize([("", tensor)], None).expect("bytes");
    a.dtype() == b.dtype() && a.dims() == b.dims() && bytes(a) == bytes(b)
}

fn steps(process: Process, cache: &Cache) {
    let (tensor, outcome) = weights::call(30, 40, cache).outcome();
    process.expect("a tensor as a result", &outcome);
    assert!(same(&tensor.0, &built(30, 40)));
    assert!(same(&weights(30, 40, cache).0, &tensor.0), "a second call");

    let (expected, outcome) = norm::call(&tensor, cache).outcome();
    process.expect("a tensor as an argument", &outcome);
    let (plain, outcome) = norm_of_plain::call(&tensor.0, cache).outcome();
    process.expect("a tensor as a plain argument", &outcome);
    assert_eq!(plain, expected);

    let (list, outcome) = layers::call(5, cache).outcome();
    process.expect("several tensors as a result", &outcome);
    assert!(list.iter().enumerate().all(|(n, (_, layer))| same(&layer.0, &built(n + 1, 3))));

    // Equal numbers are one key, wherever they are in memory.
    let tensor = built(30, 40);
    let transposed = tensor.t().and_then(|tensor| tensor.contiguous()).and_then(|tensor| tensor.t()).expect("a tensor");
    let part = built(60, 40).narrow(0, 0, 30).expect("a part");
    assert!(norm_of_plain::call(&tensor, cache).is_cached());
    assert!(norm_of_plain::call(&transposed, cache).is_cached(), "another order in memory");
    assert!(norm_of_plain::call(&part, cache).is_cached(), "a part of a larger tensor");
    assert!(!norm_of_plain::call(&tensor.t().expect("a tensor"), cache).is_cached(), "another shape");

    for dtype in [DType::U8, DType::U32, DType::I64, DType::F16, DType::BF16, DType::F32, DType::F64] {
        let tensor = built(3, 4).affine(100.0, 100.0).and_then(|tensor| tensor.to_dtype(dtype)).expect("a tensor");
        let mut bytes = Vec::new();
        larder::dump_into(&Saved(&tensor), &mut bytes, larder::Compression::NONE).expect("dumped");
        assert!(same(&larder::load_from::<Saved>(bytes.as_slice()).expect("loaded").0, &tensor), "{dtype:?}");
    }
}

fn speed(folder: &Path) {
    let tensor = built(2048, 2048);
    let bytes = 4 * tensor.elem_count();
    let file = folder.join("own.safetensors");
    let cache = support::cache_on_disk(folder);

    #[memoize(cache = cache, ignore(cache, tensor))]
    fn keep(tensor: &Tensor, cache: &Cache) -> Saved {
        Saved(tensor.clone())
    }

    let write = || safetensors::serialize_to_file([("weights", &tensor)], None, &file).expect("written");
    let read = || candle_core::safetensors::load(&file, &Device::Cpu).expect("read");
    support::print_head();
    support::compare("Tensor, stored", bytes, write, || drop(keep::call(&tensor, &cache).refresh()));
    support::compare(
        "Tensor, read",
        bytes,
        || drop(black_box(read())),
        || {
            let (value, outcome) = keep::call(&tensor, &cache).outcome();
            assert!(outcome.is_hit());
            drop(black_box(value));
        },
    );
    assert!(same(&keep(&tensor, &cache).0, &tensor));
}
