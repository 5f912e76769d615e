//! Values used where they lie in a file.

use std::fs;

use larder::{Compression, Error, ErrorKind, Mapped, dump, dump_with, map};
use ndarray::{Array1, Array2, ArrayD, Dimension as _, Ix1, Ix2, Ix3, IxDyn, array};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use tempfile::{TempDir, tempdir};

use crate::persist::{method_names, sample};

/// A value in a file, mapped.
fn mapped<T: Serialize, U: DeserializeOwned>(value: &T) -> (TempDir, Result<Mapped<U>, Error>) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("value");
    dump(value, &path).unwrap();
    let mapped = map(&path);
    (folder, mapped)
}

/// Whether the bytes of the slice lie in a map of the file, as the system tells it.
#[cfg(target_os = "linux")]
fn lies_in_file<E>(slice: &[E], path: &std::path::Path) -> bool {
    let address = slice.as_ptr().addr();
    let path = fs::canonicalize(path).unwrap();
    fs::read_to_string("/proc/self/maps").unwrap().lines().any(|line| {
        let range = line.split(' ').next().unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let inside =
            (usize::from_str_radix(start, 16).unwrap()..usize::from_str_radix(end, 16).unwrap()).contains(&address);
        inside && line.ends_with(path.to_str().unwrap())
    })
}

#[test]
#[cfg(target_os = "linux")]
fn the_elements_lie_in_the_file() {
    let numbers: Vec<f64> = (0..100_000).map(f64::from).collect();
    let (_folder, vector) = mapped::<_, Vec<f64>>(&numbers);
    let vector = vector.unwrap();
    assert!(lies_in_file(vector.as_slice(), vector.file_path()));
    assert!(std::ptr::eq(&raw const vector[7], &raw const vector.as_slice()[7]));
    // Dereferenced, it is a copy.
    assert_eq!(*vector, numbers);
    assert!(!lies_in_file(&vector, vector.file_path()));
    let (_folder, boxed) = mapped::<_, Box<[f64]>>(&numbers);
    let boxed = boxed.unwrap();
    assert!(lies_in_file(boxed.as_slice(), boxed.file_path()));
    let array = Array2::from_shape_fn((100, 1000), |(i, j)| (i * j) as f32);
    let (_folder, mapped) = mapped::<_, Array2<f32>>(&array);
    let mapped = mapped.unwrap();
    assert!(lies_in_file(mapped.as_slice().unwrap(), mapped.file_path()));
    assert_eq!(*mapped, array);
    assert!(lies_in_file(std::slice::from_ref(&mapped[[3, 4]]), mapped.file_path()));
    assert_eq!(mapped.view().sum_axis(ndarray::Axis(0)), array.sum_axis(ndarray::Axis(0)));
    mapped.verify().unwrap();
    // It outlives the file, as an open file does.
    fs::remove_file(mapped.file_path()).unwrap();
    assert_eq!(*mapped, array);
}

#[test]
fn vectors_and_arrays_of_every_number_are_mapped() {
    macro_rules! check {
        ($($type:ty),*) => {$(
            for len in [0, 1, 5, 70_000] {
                let numbers: Vec<$type> = (0..len).map(|n| n as $type).collect();
                let (_folder, vector) = mapped::<_, Vec<$type>>(&numbers);
                assert_eq!(*vector.unwrap(), numbers);
                let (_folder, array) = mapped::<_, Array1<$type>>(&Array1::from(numbers.clone()));
                assert_eq!(array.unwrap().to_vec(), numbers);
                let (_folder, pair) = mapped::<_, IgnoredAny>(&(1, &numbers));
                assert_eq!(pair.unwrap().array_at::<$type>("1").unwrap(), numbers);
            }
        )*};
    }
    check!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64, usize, isize);
    for shape in [vec![], vec![3], vec![0, 4], vec![2, 3, 4, 5, 6, 7, 2]] {
        let array = ArrayD::from_shape_fn(IxDyn(&shape), |index| index.slice().iter().sum::<usize>() as i16);
        let (_folder, mapped) = mapped::<_, ArrayD<i16>>(&array);
        assert_eq!(*mapped.unwrap(), array);
    }
}

#[test]
#[cfg(feature = "num-complex")]
fn complex_numbers_are_mapped() {
    use num_complex::Complex;
    let numbers: Vec<Complex<f64>> = (0..1000).map(|n| Complex::new(f64::from(n), 1.0)).collect();
    let (_folder, vector) = mapped::<_, Vec<Complex<f64>>>(&numbers);
    assert_eq!(*vector.unwrap(), numbers);
    let (_folder, vector) = mapped::<_, Vec<f64>>(&numbers);
    let error = vector.unwrap_err();
    assert!(error.to_string().contains("Complex<f64>"), "{error}");
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Model {
    name: String,
    layers: Vec<Layer>,
    kind: Kind,
    scale: Option<Vec<f64>>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Layer {
    weights: Array2<f32>,
    bias: Vec<f32>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Kind {
    Tree { thresholds: Vec<f64> },
}

#[derive(Deserialize, Debug)]
struct About {
    name: String,
}

fn model() -> Model {
    let layer = |n: usize| Layer { weights: Array2::from_elem((n, 300), 0.5), bias: vec![n as f32; 300] };
    Model {
        name: "deep".to_owned(),
        layers: (1..4).map(layer).collect(),
        kind: Kind::Tree { thresholds: vec![0.25; 100] },
        scale: Some(vec![2.0; 50]),
    }
}

#[test]
fn arrays_at_any_depth_are_found_by_their_path() {
    let (_folder, about) = mapped::<_, About>(&model());
    let about = about.unwrap();
    assert_eq!(about.name, "deep");
    assert_eq!(about.view_at::<f32, Ix2>("layers.2.weights").unwrap(), model().layers[2].weights);
    assert_eq!(about.array_at::<f32>("layers.2.weights.data").unwrap().len(), 900);
    assert_eq!(about.array_at::<f32>("layers.0.bias").unwrap(), [1.0; 300]);
    assert_eq!(about.array_at::<f64>("kind.Tree.thresholds").unwrap(), [0.25; 100]);
    assert_eq!(about.array_at::<f64>("scale").unwrap(), [2.0; 50]);
    #[cfg(target_os = "linux")]
    assert!(lies_in_file(about.array_at::<f32>("layers.0.bias").unwrap(), about.file_path()));

    let kind = |error: Error| error.kind();
    for path in ["nothing", "layers.3", "layers.x", "layers.0.weights.nothing", "name.0", "scale.0.0"] {
        let error = about.array_at::<f64>(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{path}: {error}");
        assert!(error.path().is_some());
    }
    assert_eq!(kind(about.array_at::<f64>("name").unwrap_err()), ErrorKind::WrongType);
    assert_eq!(kind(about.array_at::<f64>("").unwrap_err()), ErrorKind::WrongType);
    assert_eq!(kind(about.array_at::<f64>("layers.0.bias").unwrap_err()), ErrorKind::WrongType);
    assert_eq!(kind(about.view_at::<f32, Ix3>("layers.0.weights").unwrap_err()), ErrorKind::WrongType);
    assert_eq!(kind(about.view_at::<f32, Ix1>("layers.0.bias").unwrap_err()), ErrorKind::WrongType);

    // What holds arrays, and is none itself, is read.
    let (_folder, whole) = mapped::<_, Model>(&model());
    assert_eq!(*whole.unwrap(), model());
}

#[test]
fn what_can_not_be_mapped_says_why() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("value");
    for method in method_names() {
        dump_with(&vec![1.5; 100], &path, method.parse().unwrap()).unwrap();
        if method == "none" {
            assert_eq!(map::<Vec<f64>>(&path).unwrap()[99], 1.5);
            continue;
        }
        let error = map::<Vec<f64>>(&path).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::NotMappable, Some(path.as_path())));
        assert!(error.to_string().contains(method), "{error}");
    }
    dump(&vec![1.5_f32; 100], &path).unwrap();
    let error = map::<Vec<f64>>(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongType);
    assert!(error.to_string().contains("array of f32") && error.to_string().contains("Vec<f64>"), "{error}");
    assert_eq!(map::<Array2<f32>>(&path).unwrap_err().kind(), ErrorKind::WrongType);
    dump(&array![[1.5]], &path).unwrap();
    assert_eq!(map::<Array1<f64>>(&path).unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(map::<Array2<f64>>(&path).unwrap()[[0, 0]], 1.5);

    assert_eq!(map::<Vec<f64>>(folder.path()).unwrap_err().kind(), ErrorKind::NotMappable);
    assert_eq!(map::<Vec<f64>>(folder.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    fs::write(&path, "").unwrap();
    assert_eq!(map::<Vec<f64>>(&path).unwrap_err().kind(), ErrorKind::Truncated);
    fs::write(&path, "no larder file at all").unwrap();
    assert_eq!(map::<Vec<f64>>(&path).unwrap_err().kind(), ErrorKind::NotLarder);
    // Two values: only `load_from` reads such a file.
    let mut bytes = Vec::new();
    larder::dump_into(&vec![1.5], &mut bytes, Compression::NONE).unwrap();
    fs::write(&path, bytes.repeat(2)).unwrap();
    assert_eq!(map::<Vec<f64>>(&path).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn numbers_that_are_not_aligned_are_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("value");
    // Padded by some chunks of no bytes, of which one is taken away: as another program might write it.
    dump(&("padded", vec![1.5; 4]), &path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let padding = bytes.windows(2).position(|bytes| bytes == [0x5f, 0x40]).unwrap() + 1;
    bytes.remove(padding);
    fs::write(&path, &bytes).unwrap();
    let pair = map::<IgnoredAny>(&path).unwrap();
    let error = pair.array_at::<f64>("1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMappable);
    assert!(error.to_string().contains("aligned"), "{error}");
}

#[test]
fn damage_is_seen_by_verify_and_in_the_head_at_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("value");
    dump(&vec![1.5; 300], &path).unwrap();
    let whole = fs::read(&path).unwrap();
    for position in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        match map::<Vec<f64>>(&path) {
            Ok(mapped) => assert!(mapped.verify().is_err(), "byte {position}"),
            Err(error) => assert_eq!(error.path(), Some(path.as_path())),
        }
    }
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        assert!(map::<Vec<f64>>(&path).is_err(), "cut to {len}");
    }
    for size in [20, 5000] {
        dump(&sample(size), &path).unwrap();
        map::<IgnoredAny>(&path).unwrap().verify().unwrap();
    }
}
