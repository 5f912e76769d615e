//! Values in files that are used where they lie: `map`.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::find::{Cursor, Element};
use crate::format::cbor::in_place::InPlace;
use crate::format::cbor::reader::ByteReader;
use crate::format::compress::compression::Compression;
use crate::format::compress::registry::LONGEST_MAGIC;
use crate::format::document;
use crate::sys::file::{FileRange, Map, open_now};

/// Opens the value in an uncompressed file without reading it: its arrays are used where they lie.
///
/// Microseconds whatever its size: the system reads a page of the file when it is first touched, and
/// forgets it again when memory is short. Several processes that map one file share its pages.
///
/// What is in place depends on `T`:
/// - A vector, boxed slice or `ndarray` array of numbers: its elements. [`Mapped`] derefs to it, so
///   `&*mapped` is a `&Vec<f64>` or an `&Array2<f64>` as any other, for reading.
/// - Any other type is read, with the arrays that it holds. To leave arrays in place that lie deeper,
///   name a type that leaves them out (a struct with the other fields, or serde's `IgnoredAny` for
///   nothing at all), and take them with [`Mapped::array_at`] or [`Mapped::view_at`].
///
/// Only the beginning of the file is checked; [`Mapped::verify`] checks all of it.
///
/// The file must not be written to while it is mapped: what is mapped would change with it, and if it
/// is cut, touching what is gone kills the process. larder itself never writes into a file that
/// exists: [`dump`](crate::dump) replaces it, and who has mapped the old one keeps it.
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

/// A value in a file, of which the arrays are used where they lie; see [`map`].
pub struct Mapped<T> {
    /// Declared before the map that it points into.
    value: Value<T>,
    map: Map,
    path: PathBuf,
}

enum Value<T> {
    InPlace(InPlace<T>),
    Read(Box<T>),
}

impl<T: DeserializeOwned> Mapped<T> {
    /// Maps a document that is a part of a file.
    #[expect(unsafe_code, reason = "the value points into the map")]
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
        // SAFETY: the map stays where it is when it is moved, and is kept as long as the value. That
        // nobody writes into the file is asked of the user.
        let value = match unsafe { InPlace::new(&mut cursor) } {
            Some(value) => {
                let value = value.map_err(|error| document::explain::<T>(error, &stored))?;
                document::expect_checksum(cursor.input())?;
                Value::InPlace(value)
            }
            None => {
                let value = document::read_value(cursor.input(), &stored)?;
                document::expect_checksum(cursor.input())?;
                Value::Read(Box::new(value))
            }
        };
        Ok(Mapped { value, map, path: path.to_owned() })
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
            Value::InPlace(value) => value.get(),
            Value::Read(value) => value,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Mapped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mapped").field(&**self).finish()
    }
}
