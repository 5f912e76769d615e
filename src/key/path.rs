//! Paths of memoized functions and methods.

use std::any::type_name;

/// The path of a function, of which `Companion` bears the name: with the crate, the modules and the
/// functions around it.
#[doc(hidden)]
#[must_use]
pub fn path_of_function<Companion>() -> String {
    type_name::<Companion>().to_owned()
}

/// The path of a method with this name; `Here` is an item within its companion `memo_name`. So it is
/// the same for all that a generic `impl` or a trait's own method is used with.
#[doc(hidden)]
#[must_use]
pub fn path_of_method<Here>(name: &str, memo_name: &str) -> String {
    // crate::module::Type::name_memo::{{closure}}::Here
    let here = type_name::<Here>();
    let owner = here.rsplit_once(&format!("::{memo_name}::")).map_or(here, |(owner, _)| owner);
    format!("{owner}::{name}")
}

/// The position of a function with this path, unless the path says where it is: in a module, or in an
/// `impl` block or trait in a module. A function within a function moves with its lines, which may cost
/// a miss; two in different blocks may have one path and one code, and are two all the same.
#[doc(hidden)]
#[must_use]
pub fn position_of(path: &str, module: &str, in_impl: bool, position: (u32, u32)) -> Option<(u32, u32)> {
    let path = without_generics(path);
    let in_module = path.strip_prefix(module).is_some_and(|rest| {
        let segments = rest.matches("::").count();
        segments == if in_impl { 2 } else { 1 } && !rest.contains("::_::")
    });
    // In doubt it counts: a miss too many, and never another function's result.
    (!in_module).then_some(position)
}

/// The path of a method in which `Here` stands: `a::Shape::area` for a trait's own, and
/// `a::<impl a::Shape for a::Circle>::area` for that of an `impl` in the module `a`.
#[must_use]
pub fn path_in_trait<Here>(module: &str, name: &str) -> String {
    let owner = owner::<Here>();
    match qualified(owner) {
        Some((ty, of)) => format!("{module}::<impl {of} for {ty}>::{name}"),
        None => format!("{owner}::{name}"),
    }
}

/// The position of such a method, unless its path says where it is. See
/// [`position_of`].
#[must_use]
pub fn position_in_trait<Here>(module: &str, position: (u32, u32)) -> Option<(u32, u32)> {
    let owner = owner::<Here>();
    let in_module = match qualified(owner) {
        // The compiler says it like this if the `impl` stands beside the type or the trait. If one of
        // them is in this module, and the other not further inside, it is this module.
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

/// The path without what is in angle brackets, but for the names of the trait and the type:
/// `a::Circle::Shape::area`.
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

/// The path around `Here`, and around the method.
fn owner<Here>() -> &'static str {
    // .. ::method::Here
    let here = type_name::<Here>();
    here.rsplitn(3, "::").nth(2).unwrap_or(here)
}

/// The type and the trait of `<Type as Trait>`.
fn qualified(owner: &str) -> Option<(&str, &str)> {
    split(owner.strip_prefix('<')?.strip_suffix('>')?, " as ")
}

/// Splits at a word that is not within angle brackets.
fn split<'t>(text: &'t str, word: &str) -> Option<(&'t str, &'t str)> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (index, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // Not that of an arrow.
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

/// A path without what is in angle brackets.
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
    fn a_position_counts_where_the_path_is_not_enough() {
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
                    (path_in_trait::<Here>(module_path!(), "f"), position_in_trait::<Here>(module_path!(), (1, 2)))
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

    #[test]
    #[expect(non_local_definitions, reason = "that is what is tested")]
    fn what_is_in_a_module_has_no_position_and_all_else_has() {
        let module = module_path!();
        assert_eq!(Local::f(), (format!("{module}::<impl {module}::Tr for {module}::Ty<u8>>::f"), None));
        assert_eq!(f64::f(), (format!("{module}::<impl {module}::Tr for f64>::f"), None));
        assert_eq!(Ty::<u16>::f().1, None);
        assert!(Ty::<u16>::f().0.starts_with(&format!("{module}::within::<impl ")));
        // In doubt it counts.
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
    fn paths_are_taken_apart_at_the_outer_level() {
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
