//! Values in files that are used where they lie: `map`.

use std::fmt;
use std::ops::{Deref, Index};
use std::path::{Path, PathBuf};
use std::slice::SliceIndex;

use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::find::{Cursor, Element};
use crate::format::cbor::located::{self, Located};
use crate::format::cbor::reader::ByteReader;
use crate::format::compress::compression::Compression;
use crate::format::compress::registry::LONGEST_MAGIC;
use crate::format::document;
use crate::sys::file::{FileRange, Map, open_now};
use crate::sys::fork::once::Once;

/// Opens the value in an uncompressed file without reading it: its arrays are used where they lie.
///
/// Microseconds whatever its size: the system reads a page of the file when it is first touched, and
/// forgets it again when memory is short. Several processes that map one file share its pages.
///
/// What is in place depends on `T`:
/// - A vector, boxed slice or `ndarray` array of numbers: `as_slice`, `view` and indexing read the elements in the file.
///   Dereferencing it gives a `&Vec<f64>` or an `&Array2<f64>` as any other, which is a copy: the first time, all elements are
///   read.
/// - Any other type is read, with the arrays that it holds. To leave arrays in the file that are deeper in the value,
///   name a type that leaves them out (a struct with the other fields, or serde's `IgnoredAny` for
///   nothing at all), and take them with [`Mapped::array_at`] or [`Mapped::view_at`].
///
/// Only the beginning of the file is checked; [`Mapped::verify`] checks all of it.
///
/// # Changes of the file
/// Don't write to the file while it is mapped: the numbers would change with it, and if it is truncated, reading beyond its
/// end kills the process (`SIGBUS`). larder never writes into a file that exists: [`dump`](crate::dump) replaces it, and
/// a process that has mapped the old file keeps it. Only numbers are read in place, of which every pattern of bits is a value,
/// and all lengths are checked before use, so a changed file gives other numbers and no more.
///
/// # Errors
/// [`NotMappable`](ErrorKind::NotMappable) if it is compressed (dump it without compression, or use
/// [`load`](crate::load)), is no regular file, or has numbers that are not aligned, as only other
/// programs write them; [`WrongType`](ErrorKind::WrongType) if it holds other numbers or something
/// else; and those of [`load`](crate::load).
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("squares");
/// let squares: Vec<f64> = (0..1000).map(|n| f64::from(n).powi(2)).collect();
/// larder::dump(&squares, &path)?;
///
/// let mapped = larder::map::<Vec<f64>>(&path)?;
/// assert_eq!(mapped[30], 900.0);
/// assert_eq!(mapped.as_slice().len(), 1000);
/// mapped.verify()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn map<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<Mapped<T>> {
    let path = path.as_ref();
    let open = || {
        let file = open_now(path).map_err(|e| Error::io(e, "can't open"))?;
        let metadata = file.metadata().map_err(|e| Error::io(e, "can't read the length"))?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::NotMappable, "this is no regular file; load it instead"));
        }
        Mapped::new(FileRange::new(&file, 0, metadata.len()), path)
    };
    open().map_err(|error| error.at(path))
}

/// A value in a file, of which the arrays are used in place; see [`map`].
pub struct Mapped<T> {
    value: Value<T>,
    map: Map,
    path: PathBuf,
}

enum Value<T> {
    /// The value is an array. It is copied when it is asked for as a `T`.
    Array { located: Located, copy: Once<Box<T>> },
    /// It is something else, which was read.
    Other(Box<T>),
}

impl<T: DeserializeOwned> Mapped<T> {
    /// Maps a document that is a part of a file.
    pub(crate) fn new(range: FileRange<'_>, path: &Path) -> Result<Self> {
        let map = range.map()?;
        let bytes = map.bytes();
        let head = &bytes[..bytes.len().min(LONGEST_MAGIC)];
        if let Some(name) = Compression::detected(head)? {
            return Err(Error::new(
                ErrorKind::NotMappable,
                format!("it is compressed with {name}; dump it without compression to map it, or load it"),
            ));
        }
        let mut cursor = Cursor::new(bytes);
        let stored = document::open(cursor.input())?;
        let value = match located::locate::<T>(bytes, &mut cursor) {
            Some(located) => {
                let located = located.map_err(|error| document::explain::<T>(error, &stored))?;
                Value::Array { located, copy: Once::new() }
            }
            None => Value::Other(Box::new(document::read_value(cursor.input(), &stored)?)),
        };
        document::expect_checksum(cursor.input())?;
        Ok(Mapped { value, map, path: path.to_owned() })
    }
}

impl<T> Mapped<T> {
    /// Where the value is, if it is an array. The types of arrays are those that `locate` knows, so for them there is a place.
    fn located(&self) -> &Located {
        match &self.value {
            Value::Array { located, .. } => located,
            Value::Other(_) => unreachable!("`locate` finds all arrays of elements"),
        }
    }
}

/// A vector of numbers, in place.
impl<E: Element> Mapped<Vec<E>> {
    /// Returns the elements, in the file.
    #[must_use]
    pub fn as_slice(&self) -> &[E] {
        self.located().numbers(self.map.bytes())
    }

    /// Returns the number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Returns whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Returns an iterator over the elements, in the file.
    pub fn iter(&self) -> std::slice::Iter<'_, E> {
        self.as_slice().iter()
    }
}

impl<E: Element> AsRef<[E]> for Mapped<Vec<E>> {
    fn as_ref(&self) -> &[E] {
        self.as_slice()
    }
}

impl<'m, E: Element> IntoIterator for &'m Mapped<Vec<E>> {
    type Item = &'m E;
    type IntoIter = std::slice::Iter<'m, E>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<E: Element, I: SliceIndex<[E]>> Index<I> for Mapped<Vec<E>> {
    type Output = I::Output;

    fn index(&self, index: I) -> &I::Output {
        &self.as_slice()[index]
    }
}

/// A boxed slice of numbers, in place.
impl<E: Element> Mapped<Box<[E]>> {
    /// Returns the elements, in the file.
    #[must_use]
    pub fn as_slice(&self) -> &[E] {
        self.located().numbers(self.map.bytes())
    }
}

impl<E: Element> AsRef<[E]> for Mapped<Box<[E]>> {
    fn as_ref(&self) -> &[E] {
        self.as_slice()
    }
}

impl<E: Element, I: SliceIndex<[E]>> Index<I> for Mapped<Box<[E]>> {
    type Output = I::Output;

    fn index(&self, index: I) -> &I::Output {
        &self.as_slice()[index]
    }
}

/// An array of ndarray, in place.
#[cfg(feature = "ndarray")]
impl<E: Element, D: ndarray::Dimension> Mapped<ndarray::Array<E, D>> {
    /// Returns the array, in the file. A view has all that an array has for reading.
    #[must_use]
    pub fn view(&self) -> ndarray::ArrayView<'_, E, D> {
        self.located().view(self.map.bytes())
    }

    /// Returns the elements in logical order, in the file. (`Some`, as for arrays of ndarray in that order.)
    #[must_use]
    pub fn as_slice(&self) -> Option<&[E]> {
        Some(self.located().numbers(self.map.bytes()))
    }

    /// Returns the lengths of the axes.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.located().shape()
    }

    /// Returns the number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.located().numbers::<E>(self.map.bytes()).len()
    }

    /// Returns whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(feature = "ndarray")]
impl<E: Element, D: ndarray::Dimension, I: ndarray::NdIndex<D>> Index<I> for Mapped<ndarray::Array<E, D>> {
    type Output = E;

    /// # Panics
    /// If the index is out of bounds, as for arrays.
    fn index(&self, index: I) -> &E {
        ndarray::IndexLonger::index(&self.view(), index)
    }
}

impl<T> Mapped<T> {
    /// Reads the whole file and compares its checksum.
    ///
    /// # Errors
    /// [`Damaged`](ErrorKind::Damaged) if the file is not what was written.
    pub fn verify(&self) -> Result<()> {
        let mut input = ByteReader::from_slice(self.map.bytes());
        document::check(&mut input).and_then(|_| input.expect_end()).map_err(|error| error.at(&self.path))
    }

    /// The numbers of an array within the value, where they lie.
    ///
    /// `path` leads to it: names of fields, of keys of maps and of enum variants, and indices in
    /// sequences and tuples, with dots between them. `Some` is passed over; the empty path is the
    /// value itself. Of an `ndarray` array, `data` has the numbers in logical order.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the path leads nowhere, and those of [`map`].
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("model");
    /// #[derive(Serialize)]
    /// struct Model { name: String, layers: Vec<Layer> }
    /// #[derive(Serialize)]
    /// struct Layer { weights: Vec<f32>, bias: f32 }
    ///
    /// // All but the layers, which stay where they are.
    /// #[derive(Deserialize)]
    /// struct About { name: String }
    ///
    /// let layers = vec![Layer { weights: vec![0.5; 1000], bias: 1.0 }];
    /// larder::dump(&Model { name: "small".into(), layers }, &path)?;
    ///
    /// let model = larder::map::<About>(&path)?;
    /// assert_eq!(model.name, "small");
    /// assert_eq!(model.array_at::<f32>("layers.0.weights")?, [0.5; 1000]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn array_at<E: Element>(&self, path: &str) -> Result<&[E]> {
        self.find(path, Cursor::numbers)
    }

    /// An `ndarray` array within the value, where it lies.
    ///
    /// # Errors
    /// Those of [`array_at`](Mapped::array_at); [`WrongType`](ErrorKind::WrongType) also if it has another
    /// number of axes.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("pair");
    /// use ndarray::{Array2, Ix2};
    /// use serde::de::IgnoredAny;
    ///
    /// larder::dump(&("identity", Array2::<f64>::eye(3)), &path)?;
    /// let pair = larder::map::<IgnoredAny>(&path)?;
    /// assert_eq!(pair.view_at::<f64, Ix2>("1")?.diag().sum(), 3.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "ndarray")]
    pub fn view_at<E: Element, D: ndarray::Dimension>(&self, path: &str) -> Result<ndarray::ArrayView<'_, E, D>> {
        let shaped = self.find(path, Cursor::shaped)?;
        let axes = shaped.shape.len();
        ndarray::ArrayView::from_shape(shaped.shape, shaped.elements)
            .and_then(ndarray::ArrayView::into_dimensionality)
            .map_err(|error| {
                Error::new(ErrorKind::WrongType, format!("an array of {axes} axes is stored: {error}")).at(&self.path)
            })
    }

    fn find<'s, R>(&'s self, path: &str, read: impl FnOnce(&mut Cursor<'s>) -> Result<R>) -> Result<R> {
        let mut cursor = Cursor::new(self.map.bytes());
        document::open(cursor.input())
            .and_then(|_| cursor.go_to(path))
            .and_then(|()| read(&mut cursor))
            .map_err(|error| error.at(&self.path))
    }

    /// The file.
    pub fn file_path(&self) -> &Path {
        &self.path
    }
}

impl<T> Deref for Mapped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.value {
            Value::Array { located, copy } => copy.get_or_init(|| {
                let copy = located::copy(self.map.bytes(), located);
                copy.expect("what was found as a `T` is copied as one")
            }),
            Value::Other(value) => value,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Mapped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mapped").field(&**self).finish()
    }
}
