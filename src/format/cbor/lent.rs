//! Keeps bytes that a `Deserialize` implementation borrows while it runs.
//!
//! Some implementations read a `&str` or a `&[u8]`, although their result owns everything. From a file, nothing can be
//! borrowed. So these bytes are copied, and the copies live until the whole value has been read.

use std::any::TypeId;
use std::cell::OnceCell;

use serde::de::Visitor;

use crate::format::cbor::number_slices::visitor_of;
use crate::sys::fork::once::Once;

/// A list of copies. Each place is filled once, so what is borrowed from it stays.
#[derive(Default)]
pub(crate) struct Lent(OnceCell<(Box<[u8]>, Box<Lent>)>);

impl Lent {
    /// Adds bytes to the empty place that is the end of a list. Returns them, and the new end.
    pub(super) fn add(&self, bytes: Box<[u8]>) -> (&[u8], &Lent) {
        let (bytes, end) = self.0.get_or_init(|| (bytes, Box::default()));
        (bytes, end)
    }
}

impl Drop for Lent {
    /// Drops a list from its front. Recursion could exhaust the stack.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some((_, mut rest)) = next {
            next = rest.0.take();
        }
    }
}

/// Returns whether the visitor is serde's own for `&str`, which accepts nothing but borrowed text.
#[inline]
pub(super) fn borrows_text<'de, V: Visitor<'de>>() -> bool {
    static VISITOR: Once<TypeId> = Once::new();
    typeid::of::<V::Value>() == typeid::of::<&str>()
        && typeid::of::<V>() == *VISITOR.get_or_init(visitor_of::<&'static str>)
}

/// Returns whether the visitor is serde's own for `&[u8]`, which accepts nothing but borrowed bytes.
#[inline]
pub(super) fn borrows_bytes<'de, V: Visitor<'de>>() -> bool {
    static VISITOR: Once<TypeId> = Once::new();
    typeid::of::<V::Value>() == typeid::of::<&[u8]>()
        && typeid::of::<V>() == *VISITOR.get_or_init(visitor_of::<&'static [u8]>)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Deserializer};

    use super::Lent;
    use crate::format::cbor::slice::{from_slice, to_vec};

    /// A type that borrows while it is read.
    #[derive(Debug, PartialEq)]
    struct Label(String, Vec<u8>);

    impl<'de> Deserialize<'de> for Label {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            #[derive(Deserialize)]
            struct Borrowed<'a>(&'a str, #[serde(borrow)] &'a [u8]);

            let Borrowed(text, bytes) = Borrowed::deserialize(deserializer)?;
            Ok(Label(text.to_owned(), bytes.to_vec()))
        }
    }

    struct Bytes<'a>(&'a [u8]);

    impl serde::Serialize for Bytes<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }

    #[test]
    fn what_is_borrowed_for_a_while_is_read() {
        let labels = [("a", Bytes(&[1, 2])), ("", Bytes(&[])), ("third", Bytes(&[3; 1000]))];
        let read: Vec<Label> = from_slice(&to_vec(&labels).unwrap()).unwrap();
        let expected: Vec<Label> = labels.iter().map(|(text, bytes)| Label((*text).into(), bytes.0.into())).collect();
        assert_eq!(read, expected);

        let error = from_slice::<Label>(&to_vec(&(1, Bytes(&[]))).unwrap()).unwrap_err();
        assert!(error.to_string().contains("borrowed string"), "{error}");
    }

    #[test]
    fn a_long_list_is_dropped() {
        let list = Lent::default();
        let mut end = &list;
        for n in 0..200_000_u32 {
            (_, end) = end.add(n.to_le_bytes().into());
        }
    }
}
