//! A crate beside the one with memoized functions.

pub mod offsets {
    pub fn offset(n: u64) -> u64 {
        n + super::STEP
    }

    pub fn unrelated(n: u64) -> u64 {
        n + 1000
    }
}

const STEP: u64 = 3;

pub trait Weigh {
    fn weigh(&self) -> u64;
}

#[macro_export]
macro_rules! shifted {
    ($n:expr) => {
        $n + $crate::SHIFT
    };
}

pub const SHIFT: u64 = 5;
