//! Tests raw identifiers: users see names without `r#`.

use larder::memoize;

use super::CACHE;

mod r#mod {
    use super::CACHE;

    #[larder::memoize(cache = &CACHE, ignore(r#in), key(r#as = r#as + 1))]
    pub(super) fn r#type(r#in: u8, r#as: u8, r#if: u8) -> u8 {
        r#in + r#as + r#if
    }

    #[larder::memoize(cache = &CACHE, companion = false)]
    pub(super) fn r#use(r#in: u8) -> u8 {
        r#in
    }
}

#[derive(serde::Serialize)]
struct Number(u8);

trait Match {
    fn r#match(&self, r#in: u8) -> u8;
}

impl Number {
    #[memoize(cache = &CACHE)]
    fn r#fn(&self) -> u8 {
        self.0
    }

    #[memoize(cache = &CACHE, in_impl, ignore(r#in))]
    fn r#for(r#in: u8) -> u8 {
        r#in
    }
}

impl Match for Number {
    #[memoize(cache = &CACHE, in_trait)]
    fn r#match(&self, r#in: u8) -> u8 {
        self.0 + r#in
    }
}

#[test]
fn names_are_shown_without_their_prefix() {
    assert_eq!((Number(3).r#fn(), Number::r#for(1), Number(3).r#match(1)), (3, 1, 4));
    assert_eq!((r#mod::r#type(1, 2, 3), r#mod::r#use(7)), (6, 7));
    assert!(Number(3).fn_call().is_cached() && Number::for_call(2).is_cached());
    assert!(r#mod::r#type::call(9, 2, 3).is_cached());
    let call = r#mod::r#type::call(1, 2, 4);
    assert!(call.explain().to_string().contains("`if`"), "{}", call.explain());
    assert!(Number::fn_memo().name().ends_with("raw_names::Number::fn"));
    assert!(Number::for_memo().name().ends_with("raw_names::Number::for"));
    assert!(r#mod::r#type::memo().name().ends_with("raw_names::mod::type"));
    let names: Vec<String> = CACHE.functions().unwrap().into_iter().map(|function| function.name).collect();
    for end in ["mod::use", "Number>::match"] {
        assert!(names.iter().any(|name| name.ends_with(end)), "{end}: {names:?}");
    }
    assert!(names.iter().all(|name| !name.contains("r#")), "{names:?}");
}
