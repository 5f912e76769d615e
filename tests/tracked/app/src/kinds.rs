use crate::CACHE;
use crate::helpers::deep::*;
use crate::helpers::plain as simple;
use crate::model::{Model, Shape as _, Square};
use larder::memoize;

#[memoize(cache = &CACHE)]
pub fn alone(n: u64) -> u64 {
    n + 1
}

#[memoize(cache = &CACHE)]
pub fn chain(n: u64) -> u64 {
    crate::helpers::first(n)
}

#[memoize(cache = &CACHE)]
pub fn constants(n: u64) -> u64 {
    n + crate::helpers::LIMIT + crate::helpers::TABLE[0]
}

/// Neither `Add` nor `Drop` is named here.
#[memoize(cache = &CACHE)]
pub fn operators(n: u64) -> u64 {
    let sum = Model { weight: n } + Model { weight: 2 };
    sum.area()
}

#[memoize(cache = &CACHE)]
pub fn macros(n: u64) -> u64 {
    crate::scale!(n)
}

#[memoize(cache = &CACHE)]
pub fn other_macro(n: u64) -> u64 {
    near::shifted!(n)
}

#[memoize(cache = &CACHE)]
pub fn defaults(n: u64) -> u64 {
    fn sum<T: crate::model::Shape>(shape: T) -> u64 {
        shape.corners()
    }
    sum(Square(n))
}

/// The trait comes by `use … as _`, and is not named.
#[memoize(cache = &CACHE)]
pub fn unnamed_trait(n: u64) -> u64 {
    Square(n).corners()
}

#[memoize(cache = &CACHE)]
pub fn reexported(n: u64) -> u64 {
    crate::api::public(n)
}

#[memoize(cache = &CACHE)]
pub fn renamed(n: u64) -> u64 {
    simple(n)
}

#[memoize(cache = &CACHE)]
pub fn beside(n: u64) -> u64 {
    near::offsets::offset(n)
}

#[memoize(cache = &CACHE)]
pub fn beside_macro(n: u64) -> u64 {
    use near::shifted as shift;
    shift!(n)
}

#[memoize(cache = &CACHE)]
pub fn included(n: u64) -> u64 {
    n + include_str!("../data/table.csv").len() as u64
}

#[memoize(cache = &CACHE)]
pub fn features(n: u64) -> u64 {
    crate::helpers::fast_or_not(n)
}

#[memoize(cache = &CACHE)]
pub fn captured(n: u64) -> u64 {
    n + format!("{CAPTURED}").len() as u64
}

#[memoize(cache = &CACHE)]
pub fn attributes(n: u64) -> u64 {
    #[derive(serde::Serialize)]
    struct Local {
        #[serde(serialize_with = "crate::helpers::as_text")]
        n: u64,
    }
    let local = Local { n };
    larder::key_of(&local).unwrap();
    n
}

#[memoize(cache = &CACHE, depends(crate::helpers::SAID))]
pub fn said(n: u64) -> u64 {
    n
}

#[memoize(cache = &CACHE, track = "body", depends(crate::helpers::SAID))]
pub fn own_body(n: u64) -> u64 {
    crate::helpers::first(n)
}

#[memoize(cache = &CACHE, track = "none")]
pub fn untracked(n: u64) -> u64 {
    crate::helpers::first(n)
}

#[memoize(cache = &CACHE)]
pub fn variables(n: u64) -> u64 {
    n + option_env!("TRACKED_VARIABLE").map_or(0, str::len) as u64
}

/// What a macro in the place of an item defines.
#[memoize(cache = &CACHE)]
pub fn from_macro(n: u64) -> u64 {
    crate::helpers::generated::defined(n)
}

#[memoize(cache = &CACHE)]
pub fn by_path(n: u64) -> u64 {
    crate::helpers::by_path!(n)
}

#[memoize(cache = &CACHE)]
pub fn switched(n: u64) -> u64 {
    crate::helpers::switched::value(n)
}
