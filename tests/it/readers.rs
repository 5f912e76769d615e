//! Defines types of every kind that a reader may request.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;

use ndarray::{Array1, Array2, ArrayD};
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Vectors nested in structs.
#[derive(Debug, Deserialize)]
pub(crate) struct Nest {
    _inner: Vec<Nest>,
}

/// Vectors nested directly in vectors.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Arrays {
    _inner: Vec<Arrays>,
}

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Maps {
    _inner: BTreeMap<String, Maps>,
}

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct HashMaps {
    _inner: HashMap<u64, HashMaps>,
}

#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Chain {
    _next: Option<Box<Chain>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Newtype(#[expect(dead_code, reason = "it is only read into")] Option<Box<Newtype>>);

#[derive(Debug, Deserialize)]
pub(crate) enum Tree {
    Leaf,
    New(#[expect(dead_code, reason = "it is only read into")] Box<Tree>),
    Tuple(
        #[expect(dead_code, reason = "it is only read into")] Box<Tree>,
        #[expect(dead_code, reason = "likewise")] u8,
    ),
    Struct {
        #[expect(dead_code, reason = "likewise")]
        a: Box<Tree>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Untagged {
    Number(#[expect(dead_code, reason = "it is only read into")] u64),
    Array(#[expect(dead_code, reason = "likewise")] Vec<Untagged>),
    Map(#[expect(dead_code, reason = "likewise")] BTreeMap<String, Untagged>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Tagged {
    Leaf,
    Node {
        #[expect(dead_code, reason = "it is only read into")]
        next: Box<Tagged>,
    },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Flat {
    #[serde(flatten)]
    _rest: HashMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Strict {
    _a: u8,
}

/// Sequence that allocates for as many elements as the content claims.
#[derive(Debug)]
pub(crate) struct Trusting;

impl<'de> Deserialize<'de> for Trusting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = Trusting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("elements")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Trusting, A::Error> {
                let mut numbers = Vec::<u64>::with_capacity(elements.size_hint().unwrap_or(0));
                while let Some(number) = elements.next_element()? {
                    numbers.push(number);
                }
                Ok(Trusting)
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

/// Byte string.
#[derive(Debug)]
pub(crate) struct Blob;

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, _: &[u8]) -> Result<Blob, E> {
                Ok(Blob)
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// Operation that is run for each type.
pub(crate) trait ForType {
    fn of<T: DeserializeOwned>(&mut self);
}

/// Runs `each` for types whose nesting depth is fixed.
pub(crate) fn shallow(each: &mut impl ForType) {
    each.of::<u8>();
    each.of::<i128>();
    each.of::<f64>();
    each.of::<bool>();
    each.of::<char>();
    each.of::<()>();
    each.of::<String>();
    each.of::<Blob>();
    each.of::<Option<String>>();
    each.of::<Vec<u8>>();
    each.of::<Vec<i16>>();
    each.of::<Box<[u32]>>();
    each.of::<Option<Vec<f32>>>();
    each.of::<Vec<f64>>();
    each.of::<Vec<bool>>();
    each.of::<Vec<()>>();
    each.of::<Vec<String>>();
    each.of::<Vec<[u64; 16]>>();
    each.of::<Vec<Vec<Vec<u8>>>>();
    each.of::<VecDeque<f32>>();
    each.of::<HashSet<String>>();
    each.of::<HashMap<String, Vec<u8>>>();
    each.of::<BTreeMap<u64, String>>();
    each.of::<(u8, String)>();
    each.of::<[f64; 4]>();
    each.of::<Array1<u8>>();
    each.of::<Array2<f64>>();
    each.of::<ArrayD<f32>>();
    each.of::<Trusting>();
    each.of::<Strict>();
    #[cfg(feature = "num-complex")]
    each.of::<Vec<num_complex::Complex<f64>>>();
}

/// Runs `each` for recursive types, whose values are nested as deeply as the content.
pub(crate) fn deep(each: &mut impl ForType) {
    each.of::<Nest>();
    each.of::<Arrays>();
    each.of::<Maps>();
    each.of::<HashMaps>();
    each.of::<Chain>();
    each.of::<Newtype>();
    each.of::<Tree>();
    each.of::<Untagged>();
    each.of::<Tagged>();
    each.of::<Flat>();
    each.of::<serde_json::Value>();
    each.of::<IgnoredAny>();
}
