//! The kinds of numbers that arrays consist of.

/// A kind of number that arrays can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
    /// A complex number: the real part, then the imaginary part.
    C32,
    C64,
}

impl Number {
    /// Returns the kind of a complex number's two parts. Every other number is its own part.
    pub(crate) fn part(self) -> Number {
        match self {
            Number::C32 => Number::F32,
            Number::C64 => Number::F64,
            number => number,
        }
    }

    /// Returns the name of the Rust type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Number::U8 => "u8",
            Number::U16 => "u16",
            Number::U32 => "u32",
            Number::U64 => "u64",
            Number::I8 => "i8",
            Number::I16 => "i16",
            Number::I32 => "i32",
            Number::I64 => "i64",
            Number::F32 => "f32",
            Number::F64 => "f64",
            Number::C32 => "Complex<f32>",
            Number::C64 => "Complex<f64>",
        }
    }

    /// Returns the size of one number in bytes.
    pub(crate) fn width(self) -> usize {
        match self {
            Number::U8 | Number::I8 => 1,
            Number::U16 | Number::I16 => 2,
            Number::U32 | Number::I32 | Number::F32 => 4,
            Number::U64 | Number::I64 | Number::F64 | Number::C32 => 8,
            Number::C64 => 16,
        }
    }
}

/// Calls a macro with each kind of number and the Rust types that have its memory representation.
macro_rules! with_numbers {
    ($macro:ident) => {
        $macro! {
            U8: u8, U16: u16, U32: u32, U64: u64, I8: i8, I16: i16, I32: i32, I64: i64, F32: f32, F64: f64,
        }
        $macro! { U64: usize, I64: isize, }
        #[cfg(feature = "num-complex")]
        $macro! { C32: num_complex::Complex<f32>, C64: num_complex::Complex<f64>, }
    };
}

pub(crate) use with_numbers;
