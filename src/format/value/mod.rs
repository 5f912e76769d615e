//! Stored values, without the types of the program that stored them.

pub(crate) mod json;
pub(crate) mod numbers;
pub(crate) mod read;
pub(crate) mod text;

use crate::error::{Error, Result};
use crate::format::value::numbers::NumberArray;
use crate::store::entries::Entry;
use crate::store::read::Peeked;
use crate::sys::file::open_entry;

/// A stored value as any program can see it: what [`Entry::value`] gives.
///
/// As text (`Display`), in the manner of Rust's `Debug`. As JSON (`Serialize`), `()`, `None` and NaN become `null`,
/// infinities texts, `Some(x)` becomes `x`, a map whose keys are no texts or numbers a list of pairs, and integers beyond
/// 64 bits texts. Structs are maps; an enum's variant is its name, or a map from its name to what it holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `()`, or a struct without fields.
    Unit,
    /// `None`.
    None,
    /// `Some`.
    Some(Box<Value>),
    /// A truth value.
    Bool(bool),
    /// An integer that is not negative.
    Unsigned(u128),
    /// A negative integer.
    Negative(i128),
    /// A float of 32 bits.
    F32(f32),
    /// A float of 64 bits.
    F64(f64),
    /// A character.
    Char(char),
    /// A text, or its beginning.
    #[non_exhaustive]
    Text {
        /// What was read.
        text: String,
        /// Bytes that were left out.
        omitted: u64,
    },
    /// Bytes, or their beginning.
    #[non_exhaustive]
    Bytes {
        /// What was read.
        bytes: Vec<u8>,
        /// Bytes that were left out.
        omitted: u64,
    },
    /// A sequence or tuple, or its beginning.
    #[non_exhaustive]
    Seq {
        /// What was read.
        items: Vec<Value>,
        /// Elements that were left out.
        omitted: u64,
    },
    /// A struct, a map or a variant that holds something; or the beginning.
    #[non_exhaustive]
    Map {
        /// What was read.
        pairs: Vec<(Value, Value)>,
        /// Pairs that were left out.
        omitted: u64,
    },
    /// An array of numbers.
    Numbers(Box<NumberArray>),
}

impl Entry {
    /// Reads the value, and compares its checksum. Of each sequence, map, text and array of numbers, `most` elements
    /// are kept; the rest is counted. `usize::MAX` keeps all.
    ///
    /// An entry that is sealed with a [secret](crate::CacheBuilder::secret) is read without asking for it.
    ///
    /// # Errors
    /// If the file is gone, or is not what was written.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("pair", &(), || ("jam".to_owned(), vec![0.5; 1000]));
    ///
    /// let value = cache.entries()?.next().unwrap().value(4)?;
    /// assert_eq!(value.to_string(), r#"["jam", [0.5, 0.5, 0.5, 0.5, … f64 × 1000, from 0.5 to 0.5, mean 0.5]]"#);
    /// assert_eq!(serde_json::to_value(&value)?[0], "jam");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn value(&self, most: usize) -> Result<Value> {
        let read = || {
            let file = open_entry(&self.path).map_err(|e| Error::io(e, "can't open"))?;
            Peeked::read(file, &self.key)?.look(|input| read::value(input, most))
        };
        read().map_err(|error| error.at(&self.path))
    }
}
