//! Which crates the name of a type tells of.

/// Returns the crates that are named in a `type_name`, sorted, each once: the roots of all paths in it.
///
/// It errs by naming too many: a text among const arguments may look like a path.
pub(crate) fn crates_in(type_name: &str) -> Vec<&str> {
    let mut crates = Vec::new();
    let mut rest = type_name;
    // What is behind `::` is within a path.
    let mut within = false;
    while let Some(first) = rest.chars().next() {
        let word = &rest[..length_of_word(rest)];
        if word.is_empty() {
            let after = rest.strip_prefix("::");
            within = after.is_some();
            rest = after.unwrap_or(&rest[first.len_utf8()..]);
            continue;
        }
        rest = &rest[word.len()..];
        // A root without a path behind it is a primitive type, a keyword or a value.
        if !within && rest.starts_with("::") {
            crates.push(word.trim_start_matches("r#"));
        }
        within = false;
    }
    crates.sort_unstable();
    crates.dedup();
    crates
}

/// Bytes of the word that a text begins with, raw identifiers included.
fn length_of_word(text: &str) -> usize {
    let prefix = if text.starts_with("r#") { 2 } else { 0 };
    let end = text[prefix..].find(|c: char| c != '_' && !c.is_alphanumeric());
    match end.map_or(text.len(), |end| prefix + end) {
        length if length == prefix => 0,
        length => length,
    }
}

#[cfg(test)]
mod tests {
    use std::any::type_name;
    use std::marker::PhantomData;

    use super::*;

    #[test]
    fn the_root_of_each_path_is_a_crate() {
        for (name, crates) in [
            ("u8", &[][..]),
            ("()", &[]),
            ("&'_ mut [(u8, &'_ str); 3]", &[]),
            ("app::Model", &["app"]),
            ("&'_ app::Model", &["app"]),
            ("&'static mut [app::Model]", &["app"]),
            ("[zoo::Cage; 3]", &["zoo"]),
            ("(app::A, u8, lib::B)", &["app", "lib"]),
            ("*const app::m::E", &["app"]),
            ("app::m::f::{{closure}}", &["app"]),
            ("app::main::{{closure}}::{{closure}}", &["app"]),
            ("app::f::{closure#0}", &["app"]),
            ("&app::main::{{closure}}", &["app"]),
            ("helper::wrap<app::m::Ty, i32, app::main::{{closure}}>::{{closure}}", &["app", "helper"]),
            ("helper::S<app::m::Ty>::m::{{closure}}", &["app", "helper"]),
            ("<app::m::Ty as helper::Tr>::d::{{closure}}", &["app", "helper"]),
            ("<<a::T<u8> as b::Lo>::q::In as c::Tr<<u8 as d::C>::D>>::X", &["a", "b", "c", "d"]),
            ("app::m::<impl app::Tr<lib::X> for other::Ty>::f", &["app", "lib", "other"]),
            ("impl app::Tr + lib::Tr", &["app", "lib"]),
            ("dyn app::Tr<Item = lib::X> + core::marker::Send", &["app", "core", "lib"]),
            ("dyn for<'a> core::ops::function::Fn(&'a str) -> lib::Y<'a>", &["core", "lib"]),
            ("fn() -> u8", &[]),
            ("for<'r> unsafe extern \"C\" fn(*const app::E, &'r mut [u8]) -> (u8, [lib::Ty; 3])", &["app", "lib"]),
            ("linear::Matrix<3>", &["linear"]),
            ("app::Arr<-3, '\"', true, ':', 'a'>", &["app"]),
            ("app::In<{lib::Mode::Fast}, lib::Mode::Slow>", &["app", "lib"]),
            ("alloc::vec::Vec<alloc::string::String>", &["alloc"]),
            ("app::Pair<lib::A,lib::B>", &["app", "lib"]),
            ("r#try::r#type::X", &["try"]),
            ("app::r#type::X<lib::r#fn::Y>", &["app", "lib"]),
            ("größe::Maß<été::É>", &["größe", "été"]),
            ("_app2::X", &["_app2"]),
            ("r::X", &["r"]),
            ("", &[]),
            ("::", &[]),
            ("r#", &[]),
        ] {
            assert_eq!(crates_in(name), crates, "{name}");
        }
    }

    #[test]
    fn the_compiler_names_them_so() {
        struct Matrix<const N: usize, const C: char, T: ?Sized>(PhantomData<T>);
        fn of<T>(_: T) -> Vec<&'static str> {
            crates_in(type_name::<T>())
        }
        fn generic<T>(value: T) -> Vec<&'static str> {
            of(move || drop(value))
        }
        type Pointer = fn(&str) -> Option<serde_json::Value>;
        assert_eq!(of(|| 1), ["larder"]);
        assert_eq!(generic(serde_json::Value::Null), ["larder", "serde_json"]);
        assert_eq!(generic(generic::<u8>), ["larder"]);
        assert_eq!(of(|_: &str| 1), ["larder"]);
        assert_eq!(crates_in(type_name::<fn() -> u8>()), [""; 0]);
        assert_eq!(crates_in(type_name::<Pointer>()), ["core", "serde_json"]);
        assert_eq!(crates_in(type_name::<Matrix<3, '"', serde_json::Value>>()), ["larder", "serde_json"]);
        assert_eq!(of(<crate::key::digest::Key as std::str::FromStr>::from_str), ["core", "larder"]);
        assert_eq!(of(serde_json::Value::take), ["serde_json"]);
    }
}
