//! Paths of memoized functions and methods.

use std::any::type_name;

/// Returns the path of a function whose companion type is `Companion`: with the crate, the modules and the enclosing
/// functions.
#[doc(hidden)]
#[must_use]
pub fn path_of_function<Companion>() -> String {
    type_name::<Companion>().to_owned()
}

/// Returns the path of the method `name`. `Here` must be an item inside its companion `memo_name`. So the path does not
/// depend on the types that a generic `impl` or a trait's own method is used with.
#[doc(hidden)]
#[must_use]
pub fn path_of_method<Here>(name: &str, memo_name: &str) -> String {
    // crate::module::Type::name_memo::{{closure}}::Here
    let here = type_name::<Here>();
    let owner = here.rsplit_once(&format!("::{memo_name}::")).map_or(here, |(owner, _)| owner);
    format!("{owner}::{name}")
}

/// Returns the position of a function with this path; `None` if the path alone identifies it: in a module, or in an
/// `impl` block or trait in a module. A function inside a function gets another position when lines above it change,
/// which may cost a miss. Without the position, two functions in different blocks could have the same path and the same
/// code.
#[doc(hidden)]
#[must_use]
pub fn position_of(path: &str, module: &str, in_impl: bool, position: (u32, u32)) -> Option<(u32, u32)> {
    let path = without_generics(path);
    let module = &without_raw(module);
    let in_module = path.strip_prefix(module).is_some_and(|rest| {
        let segments = rest.matches("::").count();
        segments == if in_impl { 2 } else { 1 } && !rest.contains("::_::")
    });
    // In doubt the position counts: an extra miss is better than another function's result.
    (!in_module).then_some(position)
}

/// Returns the path of the function that contains `Here`: `a::fit` for a free function, `a::Shape::area` for a trait's own
/// method, and `a::<impl a::Shape for a::Circle>::area` for a method of a trait's `impl` in the module `a`. A function with
/// companions has the same path.
#[must_use]
pub fn path_within<Here>(module: &str, name: &str) -> String {
    let (owner, module) = (owner::<Here>(), without_raw(module));
    match qualified(owner) {
        Some((ty, of)) => format!("{module}::<impl {of} for {ty}>::{name}"),
        None => format!("{owner}::{name}"),
    }
}

/// Returns the position of such a method; `None` if its path alone identifies it. See [`position_of`].
#[must_use]
pub fn position_within<Here>(module: &str, position: (u32, u32)) -> Option<(u32, u32)> {
    let owner = owner::<Here>();
    let module = &*without_raw(module);
    let in_module = match qualified(owner) {
        // The compiler prints this form if the `impl` is next to the type or the trait. If one of them is directly in
        // this module, and the other is not deeper inside it, the `impl` is in this module.
        Some((ty, of)) => {
            let (ty, of) = (without_generics(ty), without_generics(of));
            let is_path = ty.chars().all(|c| c.is_alphanumeric() || "_:".contains(c));
            let depth =
                |path: &str| path.strip_prefix(module)?.strip_prefix("::").map(|rest| rest.matches("::").count());
            let depths = (depth(&ty), depth(&of));
            is_path && matches!(depths, (Some(0), Some(0) | None) | (None, Some(0)))
        }
        None => match owner.strip_prefix(module) {
            Some(rest) if rest.starts_with("::<impl ") => true,
            _ => return position_of(&format!("{owner}::f"), module, true, position),
        },
    };
    (!in_module).then_some(position)
}

/// Returns the path without generic arguments, but with the names of the type and the trait: `a::Circle::Shape::area`.
/// `None` if it is not the path of a method of a trait's `impl`.
pub(crate) fn plain(path: &str) -> Option<String> {
    let (module, rest) = path.split_once("::<impl ")?;
    let (rest, name) = rest.rsplit_once(">::")?;
    let (of, ty) = split(rest, " for ")?;
    let last = |path| {
        let plain = without_generics(path);
        plain.rsplit("::").next().unwrap_or_default().to_owned()
    };
    Some(format!("{module}::{}::{}::{name}", last(ty), last(of)))
}

/// Returns the path around the function that contains `Here`.
fn owner<Here>() -> &'static str {
    // .. ::function::Here, or .. ::function::{{closure}}::Here if it is `async`
    let here = type_name::<Here>();
    let mut function = here.rsplit_once("::").map_or(here, |(function, _)| function);
    while let Some(outer) = function.strip_suffix("::{{closure}}") {
        function = outer;
    }
    function.rsplit_once("::").map_or(here, |(owner, _)| owner)
}

/// Returns the type and the trait of `<Type as Trait>`.
fn qualified(owner: &str) -> Option<(&str, &str)> {
    split(owner.strip_prefix('<')?.strip_suffix('>')?, " as ")
}

/// Splits at a word that is not inside angle brackets.
fn split<'t>(text: &'t str, word: &str) -> Option<(&'t str, &'t str)> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (index, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // The `>` of an arrow closes no bracket.
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 && text[index..].starts_with(word) => {
                return Some((&text[..index], &text[index + word.len()..]));
            }
            _ => {}
        }
        before = c;
    }
    None
}

/// Returns the path of a module without `r#`, which `module_path!` has and the names of types don't.
fn without_raw(module: &str) -> String {
    module.replace("r#", "")
}

/// Returns a path without anything in angle brackets.
pub(crate) fn without_generics(path: &str) -> String {
    if !path.contains('<') {
        return path.to_owned();
    }
    let mut depth = 0;
    path.chars()
        .filter(|&c| {
            depth += usize::from(c == '<');
            let keep = depth == 0;
            depth -= usize::from(c == '>' && depth > 0);
            keep
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_if_the_path_is_ambiguous() {
        let counts = |path, in_impl| position_of(path, "krate::module", in_impl, (1, 2)).is_some();
        assert!(!counts("krate::module::fit", false));
        assert!(!counts("krate::module::Model<krate::a::B>::fit", true));
        assert!(!counts("krate::module::<impl krate::other::Model>::fit", true));
        assert!(counts("krate::module::outer::fit", false));
        assert!(counts("krate::module::outer::{{closure}}::fit", false));
        assert!(counts("krate::module::_::fit", false));
        assert!(counts("krate::module::_::Model::fit", true));
        assert!(counts("krate::module::outer::Model::fit", true));
        assert!(counts("<krate::module::Model as krate::module::Fit>::fit", true));
    }

    trait Tr {
        fn f() -> (String, Option<(u32, u32)>);
    }
    struct Ty<T>(std::marker::PhantomData<T>);
    type Local = Ty<u8>;

    macro_rules! implement {
        ($of:path, $ty:ty) => {
            impl $of for $ty {
                fn f() -> (String, Option<(u32, u32)>) {
                    struct Here;
                    (path_within::<Here>(module_path!(), "f"), position_within::<Here>(module_path!(), (1, 2)))
                }
            }
        };
    }
    implement!(Tr, Ty<u8>);
    implement!(Tr, f64);
    implement!(Tr, [f64; 3]);
    mod within {
        use super::*;
        implement!(Tr, Ty<u16>);
    }

    mod r#mod {
        use super::*;
        pub(super) struct Companion;
        pub(super) const MODULE: &str = module_path!();
        implement!(Tr, Ty<i8>);
    }

    #[test]
    fn modules_may_have_raw_names() {
        let path = path_of_function::<r#mod::Companion>();
        assert!(path.ends_with("::mod::Companion"));
        assert_eq!(position_of(&path, r#mod::MODULE, false, (1, 2)), None);
        let (path, position) = Ty::<i8>::f();
        assert!(path.contains("::mod::<impl ") && position.is_none(), "{path}");
    }

    #[test]
    #[expect(non_local_definitions, reason = "that is what is tested")]
    fn only_methods_directly_in_a_module_have_no_position() {
        let module = module_path!();
        assert_eq!(Local::f(), (format!("{module}::<impl {module}::Tr for {module}::Ty<u8>>::f"), None));
        assert_eq!(f64::f(), (format!("{module}::<impl {module}::Tr for f64>::f"), None));
        assert_eq!(Ty::<u16>::f().1, None);
        assert!(Ty::<u16>::f().0.starts_with(&format!("{module}::within::<impl ")));
        // In doubt the position counts.
        assert_eq!(<[f64; 3]>::f().1, Some((1, 2)));
        {
            implement!(Tr, Ty<u32>);
        }
        assert_eq!(Ty::<u32>::f().1, Some((1, 2)));
        struct Inner;
        implement!(Tr, Inner);
        assert_eq!(Inner::f().1, Some((1, 2)));
    }

    #[test]
    fn paths_are_split_outside_angle_brackets() {
        assert_eq!(
            qualified("<<a::Ty<u8> as a::Lo>::q::In as a::Tr<<u8 as b::C>::D>>"),
            Some(("<a::Ty<u8> as a::Lo>::q::In", "a::Tr<<u8 as b::C>::D>"))
        );
        assert_eq!(qualified("<fn(u8) -> u8 as a::Tr>"), Some(("fn(u8) -> u8", "a::Tr")));
        assert_eq!(qualified("a::Tr"), None);
        assert_eq!(plain("a::m::<impl a::Tr<_> for a::m::Ty<u8>>::f").as_deref(), Some("a::m::Ty::Tr::f"));
        assert_eq!(plain("a::<impl a::Tr for [f64; 3]>::f").as_deref(), Some("a::[f64; 3]::Tr::f"));
        assert_eq!(plain("a::Model<b::T>::fit"), None);
    }
}
