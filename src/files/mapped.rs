//! Maps values from files without copying them: `map`.

use std::fmt;
use std::ops::{Deref, Index};
use std::path::{Path, PathBuf};
use std::slice::SliceIndex;

use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::find::{Cursor, Element};
use crate::format::cbor::located;
use crate::format::cbor::located::Located;
use crate::format::cbor::reader::ByteReader;
use crate::format::compress::compression::Compression;
use crate::format::compress::registry::LONGEST_MAGIC;
use crate::format::document;
use crate::sys::file::{FileRange, Map, open_now};
use crate::sys::fork::once::Once;

/// Maps the value in an uncompressed file without reading it: its arrays are used directly in the file.
///
/// This takes microseconds for any size. The operating system reads a page of the file when it is first accessed, and
/// drops it when memory is short. Several processes that map the same file share its pages.
///
/// How much is left in the file depends on `T`:
/// - A vector, boxed slice or `ndarray` array of numbers: `as_slice`, `view` and indexing read the elements in the
///   file. Dereferencing gives an ordinary `&Vec<f64>` or `&Array2<f64>`, which is a copy: the first dereference reads
///   all elements.
/// - Any other type is read, together with its arrays. To leave arrays in the file that are deeper in the value,
///   choose a type without them (a struct with the other fields, or serde's `IgnoredAny` to read nothing), and access
///   them with [`Mapped::array_at`] or [`Mapped::view_at`].
///
/// Only the beginning of the file is checked; [`Mapped::verify`] checks all of it.
///
/// # Changes of the file
/// Don't write to the file while it is mapped. The numbers would change with it, and if the file is truncated, reading
/// beyond its end kills the process (`SIGBUS`). larder itself never writes into an existing file:
/// [`dump`](crate::dump) replaces it, and a process that has mapped the old file keeps the old contents. A changed
/// file can only give wrong numbers: only numbers are used in the file, every bit pattern of which is a valid value,
/// and all lengths are checked before use.
///
/// # Errors
/// [`NotMappable`](ErrorKind::NotMappable) if the file is compressed (dump it without compression, or use
/// [`load`](crate::load)), is not a regular file, or has unaligned numbers, which only other programs write.
/// [`WrongType`](ErrorKind::WrongType) if it holds another element type or another kind of value. The errors of
/// [`load`](crate::load).
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

/// A value in a file, whose arrays are used directly in the file; see [`map`].
pub struct Mapped<T> {
    value: Value<T>,
    map: Map,
    path: PathBuf,
}

enum Value<T> {
    /// An array in the file. It is copied when the value is first dereferenced.
    Array { located: Located, copy: Once<Box<T>> },
    /// Any other value, which was read.
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
    /// Returns the location of the array. Each type for which this is called is an array type that `locate` knows.
    fn located(&self) -> &Located {
        match &self.value {
            Value::Array { located, .. } => located,
            Value::Other(_) => unreachable!("`locate` finds all arrays of elements"),
        }
    }
}

/// A vector of numbers in the file.
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

/// A boxed slice of numbers in the file.
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

/// An `ndarray` array in the file.
#[cfg(feature = "ndarray")]
impl<E: Element, D: ndarray::Dimension> Mapped<ndarray::Array<E, D>> {
    /// Returns the array in the file, as a view. A view has all methods of an array that only read.
    #[must_use]
    pub fn view(&self) -> ndarray::ArrayView<'_, E, D> {
        self.located().view(self.map.bytes())
    }

    /// Returns the elements in the file, in logical order. Always `Some`; the `Option` matches `ndarray`'s `as_slice`.
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
    /// Panics if the index is out of bounds, as an array does.
    fn index(&self, index: I) -> &E {
        ndarray::IndexLonger::index(&self.view(), index)
    }
}

impl<T> Mapped<T> {
    /// Reads the whole file and compares its checksum.
    ///
    /// # Errors
    /// [`Damaged`](ErrorKind::Damaged) if the contents don't match their checksum.
    pub fn verify(&self) -> Result<()> {
        let mut input = ByteReader::from_slice(self.map.bytes());
        document::check(&mut input).and_then(|_| input.expect_end()).map_err(|error| error.at(&self.path))
    }

    /// Returns the numbers of an array within the value, in the file.
    ///
    /// `path` names the array: names of fields, keys of maps, names of enum variants, and indices in sequences and
    /// tuples, separated by dots. `Some` needs no path element. The empty path is the value itself. For an `ndarray`
    /// array, `data` holds the numbers in logical order.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is nothing at this path, and the errors of [`map`].
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

    /// Returns an `ndarray` array within the value, in the file.
    ///
    /// # Errors
    /// The errors of [`array_at`](Mapped::array_at). [`WrongType`](ErrorKind::WrongType) also if the array has another
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

    /// Returns the path of the file.
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
