use crate::CACHE;
use larder::memoize;

macro_rules! make {
    ($name:ident, $body:expr) => {
        #[memoize(cache = &CACHE)]
        pub fn $name(n: u64) -> u64 {
            $body(n)
        }
    };
}

make!(made, crate::helpers::made_of);
