//! Recognises slices and vectors of numbers by their static type.
#![expect(unsafe_code, reason = "a value whose type is known to be another one is used as that one")]

use crate::format::numeric::number::{Number, with_numbers};

/// Whether numbers have the same bytes in memory as in stored and hashed data.
pub(crate) const AS_IN_MEMORY: bool = cfg!(all(target_endian = "little", target_pointer_width = "64"));

/// Returns the container's numbers as little-endian bytes, if it is a slice or a vector of numbers.
#[inline]
pub(crate) fn numbers<I>(container: &I) -> Option<(Number, &[u8])> {
    if !AS_IN_MEMORY {
        return None;
    }
    macro_rules! look {
        ($($number:ident: $type:ty,)*) => {$(
            if let Some(slice) = slice::<I, $type>(container) {
                return Some((Number::$number, bytemuck::cast_slice(slice)));
            }
        )*};
    }
    with_numbers!(look);
    None
}

/// Returns the kind of number that `T` is, or that `T` is a reference to.
#[inline]
pub(crate) fn number<T: ?Sized>() -> Option<Number> {
    let id = typeid::of::<T>();
    macro_rules! look {
        ($($number:ident: $type:ty,)*) => {$(
            if id == typeid::of::<$type>() || id == typeid::of::<&$type>() {
                return Some(Number::$number);
            }
        )*};
    }
    with_numbers!(look);
    None
}

/// Returns the container's elements, if it is a slice or a vector of `T`.
#[inline]
pub(crate) fn slice<I, T: 'static>(container: &I) -> Option<&[T]> {
    let id = typeid::of::<I>();
    if id == typeid::of::<&[T]>() {
        // SAFETY: `I` is `&[T]`, up to its lifetime. That lifetime is at least as long as the borrow of `container`,
        // which limits the result.
        return Some(unsafe { *std::ptr::from_ref(container).cast::<&[T]>() });
    }
    if id == typeid::of::<&Vec<T>>() {
        // SAFETY: as above, with `&Vec<T>`.
        return Some(unsafe { *std::ptr::from_ref(container).cast::<&Vec<T>>() });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_recognised() {
        if !AS_IN_MEMORY {
            return;
        }
        let floats = vec![1.5; 1000];
        assert!(numbers(&&floats).is_some_and(|(number, bytes)| number == Number::F64 && bytes.len() == 8000));
        assert!(numbers(&floats.as_slice()).is_some());
        assert!(numbers(&floats.iter()).is_none());
        assert!(slice::<_, bool>(&&vec![true]).is_some());
    }
}
