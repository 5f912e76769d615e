use crate::CACHE;
use larder::memoize;
use serde::{Serialize, Serializer};
use std::fmt::Display;

pub trait Measure {
    fn measure(&self) -> u64;
}

pub struct Feet(pub u64);
pub struct Miles(pub u64);

impl Measure for Feet {
    fn measure(&self) -> u64 {
        self.0 * 3
    }
}

impl Measure for Miles {
    fn measure(&self) -> u64 {
        self.0 * 1600
    }
}

impl Display for Feet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ft", self.0)
    }
}

impl Serialize for Feet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Which types it is called with is known to its callers.
#[memoize(cache = &CACHE)]
pub fn of_type<T: Measure + Display + Serialize>(length: T) -> u64 {
    length.measure() + length.to_string().len() as u64
}

#[memoize(cache = &CACHE)]
pub fn constructed(n: u64) -> u64 {
    Miles(n).measure()
}
