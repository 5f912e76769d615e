//! Tests code that macros generate, and crates that are found in unusual ways.

use super::build::Build;

/// Returns a program with `code` before the function `plain`, whose body is `body`. `plain` and the memoized function
/// return a `u64` computed from `x`, which is 3.
fn program(dependencies: &str, code: &str, body: &str) -> Build {
    let main = format!(
        "{code}
fn plain(x: u64) -> u64 {{ {body} }}
#[larder::memoize(cache = &CACHE)]
fn kept(x: u64) -> u64 {{ plain(x) }}
fn main() {{ report(plain(3), kept::call(3).outcome()); }}
"
    );
    Build::of_program(dependencies, &main)
}

#[test]
fn impls_generated_by_a_macro_in_another_module_count() {
    let build = program("", "mod t { pub trait Val { fn val(&self) -> u64; } }\nmod imps;\nuse t::Val;", "x.val()")
        .with(
            "app/src/imps.rs",
            "use crate::t::Val;
macro_rules! imp { ($($t:ty => $v:expr),*) => { $(impl Val for $t { fn val(&self) -> u64 { $v } })* } }
imp!(u64 => 5, u32 => 6);",
        );
    build.follows(("5", "50"), ("app/src/imps.rs", "u64 => 5", "u64 => 50"));
}

#[test]
fn modules_declared_by_a_macro_count() {
    let code = "macro_rules! mods { ($($m:ident),*) => { $(mod $m;)* } }\nmods!(alpha, beta);";
    let build = program("", code, "alpha::get(x)")
        .with("app/src/alpha.rs", "pub fn get(x: u64) -> u64 { x * 2 }")
        .with("app/src/beta.rs", "");
    build.follows(("6", "60"), ("app/src/alpha.rs", "x * 2", "x * 20"));
}

/// serde calls functions of a module that is named only in an attribute.
#[test]
fn a_module_named_in_an_attribute_counts() {
    let code = "mod fmt;\n#[derive(serde::Serialize)] struct Wrap { #[serde(with = \"fmt::more\")] n: u64 }";
    let build = program(
        "serde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n",
        code,
        "serde_json::to_value(Wrap { n: x }).unwrap()[\"n\"].as_u64().unwrap()",
    )
    .with(
        "app/src/fmt.rs",
        "pub mod more { pub fn serialize<S: serde::Serializer>(n: &u64, s: S) -> Result<S::Ok, S::Error> { s.serialize_u64(n + 1) } }",
    );
    build.follows(("4", "5"), ("app/src/fmt.rs", "n + 1", "n + 2"));
}

/// The code names only a type that a derive generates.
#[test]
fn a_type_generated_by_a_derive_counts() {
    let build =
        program("meta = { path = \"../meta\" }\n", "mod thing;\nuse thing::ThingMeta;", "ThingMeta::fields() + x")
            .beside(
                "meta",
                "\n[lib]\nproc-macro = true",
                "use proc_macro::TokenStream;
#[proc_macro_derive(Meta)]
pub fn meta(item: TokenStream) -> TokenStream {
    let count = item.to_string().matches(':').count();
    format!(\"pub struct ThingMeta; impl ThingMeta {{ pub fn fields() -> u64 {{ {count} * 10 }} }}\").parse().unwrap()
}",
            )
            .with("app/src/thing.rs", "#[derive(meta::Meta)] #[allow(dead_code)] pub struct Thing { a: u8 }");
    build.follows(("13", "23"), ("app/src/thing.rs", "a: u8", "a: u8, b: u8"));
    build.follows(("13", "103"), ("meta/src/lib.rs", "* 10", "* 100"));
}

/// An attribute macro on a module, imported beside the module or at the top of the file, changes all code in the module.
#[test]
fn an_attribute_macro_on_a_module_counts() {
    let crate_of_macro = "use proc_macro::TokenStream;
#[proc_macro_attribute]
pub fn scaled(_: TokenStream, item: TokenStream) -> TokenStream {
    let text = item.to_string();
    let functions = text.matches(\"fn \").count();
    text.replace(\"SCALE\", &format!(\"({functions} * 10)\")).parse().unwrap()
}";
    for (code, call) in [
        ("use deco::scaled;\n#[scaled] mod inner { pub fn get(x: u64) -> u64 { x * SCALE } }", "inner::get(x)"),
        (
            "#[deco::scaled] mod outer { pub mod inner { pub fn get(x: u64) -> u64 { x * SCALE } } }\nuse outer::inner;",
            "inner::get(x)",
        ),
        (
            "#[cfg_attr(all(), deco::scaled)] mod inner { pub fn get(x: u64) -> u64 { x * SCALE } }\nuse inner::*;",
            "get(x)",
        ),
    ] {
        let build = program("deco = { path = \"../deco\" }\n", code, call).beside(
            "deco",
            "\n[lib]\nproc-macro = true",
            crate_of_macro,
        );
        build.follows(("30", "60"), ("app/src/main.rs", "x * SCALE }", "x * SCALE } pub fn more() {}"));
        build.follows(("30", "300"), ("deco/src/lib.rs", "* 10", "* 100"));
    }
}

/// A macro crate of several files is tracked: its library has the digests of few of them.
#[test]
fn a_macro_crate_of_several_files_counts() {
    let build = program(
        "numbers = { path = \"../numbers\" }\n",
        "#[derive(numbers::Number)] struct Thing;",
        "Thing::number() + x",
    )
    .beside(
        "numbers",
        "\n[lib]\nproc-macro = true",
        "mod inner;
#[proc_macro_derive(Number)]
pub fn number(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    format!(\"impl Thing {{ fn number() -> u64 {{ {} }} }}\", inner::NUMBER).parse().unwrap()
}",
    )
    .with("numbers/src/inner.rs", "pub const NUMBER: u64 = 10;");
    build.follows(("13", "103"), ("numbers/src/inner.rs", "= 10;", "= 100;"));
    build.edit("app/src/main.rs", "fn main()", "#[allow(dead_code)] fn unrelated() {}\nfn main()");
    assert!(build.run().is_hit, "unrelated code counts");
}

/// A derive with the name of serde's also makes a type.
#[test]
fn a_derive_with_a_known_name_from_another_crate_counts() {
    let build = program(
        "derives = { path = \"../derives\" }\n",
        "mod thing;\nuse thing::ThingMeta;",
        "ThingMeta::fields() + x",
    )
    .beside(
        "derives",
        "\n[lib]\nproc-macro = true",
        "use proc_macro::TokenStream;
#[proc_macro_derive(Serialize)]
pub fn meta(item: TokenStream) -> TokenStream {
    let count = item.to_string().matches(':').count();
    format!(\"pub struct ThingMeta; impl ThingMeta {{ pub fn fields() -> u64 {{ {count} * 10 }} }}\").parse().unwrap()
}",
    )
    .with("app/src/thing.rs", "use derives::*;\n#[derive(Serialize)] #[allow(dead_code)] pub struct Thing { a: u8 }");
    build.follows(("13", "23"), ("app/src/thing.rs", "a: u8", "a: u8, b: u8"));
}

/// Two crates are swapped behind the names that the code uses.
#[test]
fn swapped_renamed_crates_count() {
    let two = "a = { package = \"two\", path = \"../two\" }\nb = { package = \"three\", path = \"../three\" }\n";
    let build = program(two, "", "a::go(x) * 100 + b::go(x)")
        .beside("two", "", "pub fn go(x: u64) -> u64 { x * 2 }")
        .beside("three", "", "pub fn go(x: u64) -> u64 { x * 3 }");
    let other = "b = { package = \"two\", path = \"../two\" }\na = { package = \"three\", path = \"../three\" }\n";
    build.follows(("609", "906"), ("app/Cargo.toml", two, other));
}

/// The files of crates that are also C libraries have no hash in their names.
#[test]
fn crates_of_other_types_count() {
    for kind in ["cdylib\", \"rlib", "dylib", "staticlib\", \"rlib"] {
        let build = program("mixed = { path = \"../mixed\" }\n", "", "mixed::go(x)")
            .beside(
                "mixed",
                &format!("\n[lib]\ncrate-type = [\"{kind}\"]"),
                "mod inner;\npub fn go(x: u64) -> u64 { inner::k() * x }",
            )
            .with("mixed/src/inner.rs", "pub fn k() -> u64 { 2 }");
        build.follows(("6", "60"), ("mixed/src/inner.rs", "{ 2 }", "{ 20 }"));
    }
}

/// A path looks like that of cargo's registry.
#[test]
fn a_path_that_looks_like_a_registry_counts() {
    let build = program("dep = { path = \"../registry/src/backend/dep\" }\n", "", "dep::go(x)");
    let build = build.beside("registry/src/backend/dep", "", "pub fn go(x: u64) -> u64 { x * 2 }");
    let manifest = "registry/src/backend/dep/Cargo.toml";
    build.edit(manifest, "name = \"registry/src/backend/dep\"", "name = \"dep\"");
    build.follows(("6", "60"), ("registry/src/backend/dep/src/lib.rs", "x * 2", "x * 20"));
}

/// The caller chooses a type whose `Deserialize` is edited.
#[test]
fn a_deserialised_type_counts() {
    let main = "
mod temp;
fn plain<T: serde::de::DeserializeOwned>(text: &str) -> T { serde_json::from_str(text).unwrap() }
#[larder::memoize(cache = &CACHE)]
fn parse<T: serde::de::DeserializeOwned + serde::Serialize>(text: &str) -> T { plain(text) }
fn main() { report(plain::<temp::Temp>(\"{}\"), parse::call::<temp::Temp>(\"{}\").outcome()); }
";
    let build = Build::of_program("serde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n", main)
        .with(
            "app/src/temp.rs",
            "#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Temp { #[serde(default = \"n\")] pub n: u64 }
fn n() -> u64 { 5 }",
        );
    build.follows(("Temp { n: 5 }", "Temp { n: 50 }"), ("app/src/temp.rs", "{ 5 }", "{ 50 }"));
}

/// The code uses its own position.
#[test]
fn line_numbers_used_by_code_count() {
    let build = program("", "fn seed() -> u64 { line!() as u64 * 1000 }", "seed() + x");
    let first = build.run().value;
    build.edit("app/src/main.rs", "fn seed()", "// A comment.\nfn seed()");
    assert_ne!(build.run().value, first);
}
