//! Who makes a closure: what tells it from one of the same name in another program.

use std::any::type_name;
use std::collections::HashMap;
use std::env::{self, consts::EXE_SUFFIX};
use std::sync::{Arc, PoisonError, RwLock};

use crate::key::crate_names::crates_in;
use crate::sys::fork::once::Lazy;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::random;

/// Crates that every program has, so that they tell none from another.
const STANDARD: [&str; 3] = ["alloc", "core", "std"];

/// The origins of types, by their names: to look for one takes less than to take it apart.
type Known = HashMap<Box<str>, Arc<str>>;

static KNOWN: PerProcess<RwLock<Known>> = PerProcess::new();

fn known() -> &'static RwLock<Known> {
    let known = |parents: &RwLock<Known>| parents.try_read().ok().map(|known| known.clone());
    KNOWN.get_or(|parents| RwLock::new(parents.and_then(known).unwrap_or_default()))
}

/// Returns the origin of code of this type: the crates that its type names, as `app` or `app+helper`; and the program,
/// if the type is one that any code may be behind. The program also stands for the crate that it tests.
pub(crate) fn origin_of<F>() -> Arc<str> {
    let name = type_name::<F>();
    if let Some(origin) = known().read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return origin.clone();
    }
    let origin: Arc<str> = origin(name, &PROGRAM).into();
    known().write().unwrap_or_else(PoisonError::into_inner).insert(name.into(), origin.clone());
    origin
}

/// Returns the origins that closures of this process may have, as far as is known: those that were asked for, the
/// program, and the crate that is called like it.
fn own_origins() -> Vec<Arc<str>> {
    let known = known().read().unwrap_or_else(PoisonError::into_inner);
    let program = [(&**PROGRAM).into(), PROGRAM.replace('-', "_").into()];
    known.values().cloned().chain(program).collect()
}

/// What a closure of this origin is called in the global cache.
pub(crate) fn full_name(origin: &str, name: &str) -> String {
    [origin, "::", name].concat()
}

/// What this process's closures of this name are called in the global cache.
pub(crate) fn own_names(name: &str) -> Vec<String> {
    own_origins().iter().map(|origin| full_name(origin, name)).collect()
}

/// The name of the running program's file. If it can't be known, no other process has this name.
static PROGRAM: Lazy<String> = Lazy::new(|| {
    let path = env::current_exe().ok();
    let name = path.as_deref().and_then(|path| path.file_name()).map(|name| program(&name.to_string_lossy()));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("unknown-{:016x}", random::number()))
});

fn program(file: &str) -> String {
    // Linux says so of a file that was replaced while it runs.
    let file = file.strip_suffix(" (deleted)").unwrap_or(file);
    file.strip_suffix(EXE_SUFFIX).unwrap_or(file).replace("::", "__")
}

fn origin(type_name: &str, program: &str) -> String {
    let mut names = crates_in(type_name);
    names.retain(|name| !STANDARD.contains(name));
    // What is compiled for tests may be other code, as `cfg(test)` says.
    if let Some(tested) = tested_crate(program)
        && let Some(name) = names.iter_mut().find(|name| **name == tested)
    {
        *name = program;
    }
    // A pointer's type names what goes in and comes out, and not whose code it leads to.
    let leads_anywhere = ["fn(", "dyn "].iter().any(|word| {
        type_name
            .match_indices(word)
            .any(|(at, _)| !type_name[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric()))
    });
    if names.is_empty() || leads_anywhere {
        names.push(program);
        names.sort_unstable();
        names.dedup();
    }
    names.join("+")
}

/// The crate that is the root of this program, if it is one of cargo's tests: `app` of `app-0123456789abcdef`.
fn tested_crate(program: &str) -> Option<&str> {
    let (name, digits) = program.rsplit_once('-')?;
    (digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_not_the_program_that_it_tests() {
        let of = |name| origin(name, "app-0123456789abcdef");
        assert_eq!(of("app::f::{{closure}}"), "app-0123456789abcdef");
        assert_eq!(of("helper::wrap<app::f::{{closure}}>::{{closure}}"), "app-0123456789abcdef+helper");
        assert_eq!(of("helper::f::{{closure}}"), "helper");
        assert_eq!(of("fn() -> u8"), "app-0123456789abcdef");
        assert_eq!(origin("app::f::{{closure}}", "app-v2"), "app");
    }

    #[test]
    fn the_crates_and_where_any_code_may_be_the_program() {
        for (name, expected) in [
            ("app::a::f::{{closure}}", "app"),
            ("app::b::c::g::{{closure}}::{{closure}}", "app"),
            ("helper::wrap<app::f::{{closure}}>::{{closure}}", "app+helper"),
            ("helper::wrap<other::f::{{closure}}>::{{closure}}", "helper+other"),
            ("core::ops::function::FnOnce<app::f::{{closure}}>", "app"),
            ("fn() -> u8", "tool"),
            ("fn() -> serde_json::value::Value", "serde_json+tool"),
            ("alloc::boxed::Box<dyn core::ops::function::FnOnce() -> lib::T>", "lib+tool"),
            ("<u8 as core::default::Default>::default", "tool"),
            ("alloc::vec::Vec<u8>::new", "tool"),
            ("tool::f<dyn tool::T>::{{closure}}", "tool"),
            ("app::my_fn::{{closure}}", "app"),
        ] {
            assert_eq!(origin(name, "tool"), expected, "{name}");
        }
    }

    #[test]
    fn a_program_is_called_after_its_file() {
        assert_eq!(program(&format!("tool{EXE_SUFFIX}")), "tool");
        // Versions are kept apart, if that is how the files are.
        assert_eq!(program("tool.1"), "tool.1");
        assert_eq!(program("tool (deleted)"), "tool");
        assert_eq!(program("a::b"), "a__b");
    }

    #[test]
    fn an_origin_is_made_once_for_each_type() {
        fn of<F>(_: F) -> Arc<str> {
            origin_of::<F>()
        }
        let closure = || 1;
        assert!(of(closure).starts_with("larder-"));
        assert!(Arc::ptr_eq(&of(closure), &of(closure)));
        assert!(own_origins().contains(&of(closure)));
    }
}
