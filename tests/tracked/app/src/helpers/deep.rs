pub fn second(n: u64) -> u64 {
    n * 2
}

pub const CAPTURED: u64 = 123;

#[macro_export]
macro_rules! scale {
    ($n:expr) => {
        $n * $crate::helpers::deep::FACTOR
    };
    ($n:expr, $by:expr) => {
        $n * $by
    };
}

pub const FACTOR: u64 = 4;
