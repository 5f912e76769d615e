//! Memoized functions of many kinds; each says whether its result was loaded.

mod api;
mod generated;
mod generic;
mod helpers;
mod kinds;
mod local;
mod made;
mod model;

use larder::{Cache, Outcome};
use std::sync::LazyLock;

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(std::env::var("CACHE").unwrap()).unwrap());

fn report(name: &str, memo: &larder::Memo, (_, outcome): (u64, Outcome)) {
    let code = memo.tracked();
    println!("{} {}", if outcome.is_hit() { "hit" } else { "computed" }, name.replace(' ', ""));
    for why in code.unseen {
        println!("unseen {name}: {why}");
    }
    for (path, digest) in code.items.iter() {
        println!("item {name} {digest:032x} {path}");
    }
    println!("facts {name} {:?} {:?}", code.predicates, code.environment);
}

macro_rules! run {
    ($($path:ident)::+ ($($argument:expr),*)) => {
        report(stringify!($($path)::+), $($path)::+::memo(), $($path)::+::call($($argument),*).outcome())
    };
}

fn main() {
    run!(kinds::alone(1));
    run!(kinds::chain(1));
    run!(kinds::constants(1));
    run!(kinds::operators(1));
    run!(kinds::macros(1));
    run!(kinds::other_macro(1));
    run!(kinds::defaults(1));
    run!(kinds::unnamed_trait(1));
    run!(kinds::reexported(1));
    run!(kinds::renamed(1));
    run!(kinds::beside(1));
    run!(kinds::beside_macro(1));
    run!(kinds::included(1));
    run!(kinds::features(1));
    run!(kinds::captured(1));
    run!(kinds::attributes(1));
    run!(kinds::said(1));
    run!(kinds::own_body(1));
    run!(kinds::untracked(1));
    run!(kinds::variables(1));
    run!(kinds::from_macro(1));
    run!(made::made(1));
    run!(generated::built(1));
    run!(generated::bytes(1));
    run!(kinds::by_path(1));
    run!(kinds::switched(1));
    run!(generic::of_type(generic::Feet(1)));
    run!(generic::constructed(1));
    let scale = model::Scale { factor: 2 };
    report("Scale::apply", model::Scale::apply_memo(), scale.apply_call(1).outcome());
    let (memo, outcome) = local::holder();
    report("nested", memo, outcome);
}
