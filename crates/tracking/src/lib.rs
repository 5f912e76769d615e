//! Finds the code that a Rust function can reach, and gives each piece of it a fingerprint.
//!
//! It is the code tracking of [larder](https://docs.rs/larder), whose attribute `#[memoize]` calls it from within the
//! compiler. Depend on `larder`, not on this crate.
//!
//! ```text
//! tracker    the entry point: what a function depends on
//! analysis   from the names in a function to everything that it can reach
//! program    the sources of the program, and what a name in them means
//! compiled   what rustc and cargo recorded about this build
//! syntax     tokens, items and fingerprints
//! digest     XXH3-128
//! ```
//!
//! Each module uses only those below it. All that runs for every token is a plain loop over arrays: attribute macros are
//! usually built without optimization.

mod tracker;

mod analysis;

mod program;

mod compiled;

mod syntax;

mod digest;

pub use analysis::roots::{Function, Position};
pub use compiled::units::is_transient;
pub use syntax::fingerprint::Reading;
pub use syntax::token::{Bracket, Token, TokenKind, Tokens};
pub use tracker::{CodeVersion, Tracker};

/// Splits Rust source text into tokens.
///
/// # Errors
/// A message, if brackets do not match or if there is a character that can't stand between tokens.
///
/// ```
/// let tokens = larder_tracking::lex("fn f() -> u8 { 1 } // one")?;
/// assert_eq!(tokens.len(), 10);
/// assert!(larder_tracking::lex("fn f( {}").is_err());
/// # Ok::<(), String>(())
/// ```
pub fn lex(text: &str) -> Result<Tokens, String> {
    syntax::lexer::lex(text.to_owned(), &mut syntax::symbols::Symbols::new())
}

/// Returns the name by which the crate that this process compiles knows a library. To be called from a macro, which runs
/// within the compiler. Returns `None` if the compiler was not told.
#[must_use]
pub fn name_of_library(library: &str) -> Option<String> {
    compiled::rustc_args::name_of_library(library)
}

/// Returns the fingerprint of tokens. Comments and formatting are not part of it.
///
/// ```
/// use larder_tracking::{Reading, fingerprint, lex};
///
/// let of = |text| lex(text).map(|tokens| fingerprint(&tokens, Reading::Code));
/// assert_eq!(of("f(a, b)")?, of("f(\n    a, // first\n    b,\n)")?);
/// assert_ne!(of("f(a, b)")?, of("f(b, a)")?);
/// # Ok::<(), String>(())
/// ```
#[must_use]
pub fn fingerprint(tokens: &Tokens, reading: Reading) -> u128 {
    let tokens = tokens.interned(&mut syntax::symbols::Symbols::new());
    syntax::fingerprint::of_parts(&[&tokens], reading, &syntax::fingerprint::Shadowed::new())
}
