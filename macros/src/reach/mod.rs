//! What a memoized function can reach: the items of its package and of the packages beside it, with a
//! digest of each.
//!
//! ```text
//! lexer, token     a file's tokens
//! item, program    cut into items, module by module        manifest: editions, renamed crates
//! names, crates    what a name means where it stands; which library of the build a crate is
//! scan, macros     what a stretch of code names; whose macros it uses
//! conditions       what it asks of `cfg`s, variables and files
//! blocks, ground   what types, items and modules bring with them
//! walk             from there to all that can be reached
//! roots, list      where to begin; what is found, as paths and digests
//! pure             macros of other crates, which make more than can be seen
//! ```
//!
//! A file is read once for all functions of a crate. All that runs for every token is plain loops over
//! arrays: attributes are built without optimisation.

mod blocks;
mod built_in;
mod conditions;
mod crates;
mod files;
mod ground;
mod item;
mod lexer;
mod list;
mod macros;
mod manifest;
mod names;
mod notation;
mod program;
mod pure;
mod roots;
mod scan;
mod std_macros;
pub(crate) mod symbols;
pub(crate) mod token;
mod walk;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

use proc_macro2::Span;

use self::ground::Ground;
use self::list::Listed;
use self::manifest::Package;
use self::names::Scope;
use self::roots::{Position, Search};
use self::token::Tokens;
use crate::compiled::invocation::Invocation;
use crate::compiled::paths;
use crate::compiled::units::Units;
use crate::fingerprint;
use crate::function::Item;

/// What a function's code depends on besides its own tokens.
#[derive(Default)]
pub(crate) struct Reach {
    pub(crate) items: Vec<(String, u128)>,
    /// The predicates of `cfg`s.
    pub(crate) predicates: Vec<String>,
    /// The variables of `env!`.
    pub(crate) environment: Vec<String>,
    /// What of it can't be seen, a sentence each.
    pub(crate) unseen: Vec<String>,
    /// Where the types that callers choose may be from, if what they do decides about the result.
    pub(crate) types: Option<Vec<(String, u128)>>,
    /// The package wants no notes about that.
    pub(crate) is_quiet: bool,
    /// Files were read, as a build does.
    pub(crate) is_read: bool,
}

/// What is known of the compilation that is going on.
struct Compilation {
    ground: Ground,
    invocation: Invocation,
    /// By item.
    listed: HashMap<usize, Listed>,
    /// What is known of types that callers choose.
    types: Option<Vec<(String, u128)>>,
}

thread_local! {
    /// A process compiles one crate.
    static COMPILATION: RefCell<Option<Result<Compilation, String>>> = const { RefCell::new(None) };
}

impl Reach {
    pub(crate) fn with(mut self, other: Reach) -> Self {
        self.items.extend(other.items);
        self.predicates.extend(other.predicates);
        self.environment.extend(other.environment);
        self.unseen.extend(other.unseen);
        for texts in [&mut self.predicates, &mut self.environment, &mut self.unseen] {
            texts.sort();
            texts.dedup();
        }
        self
    }
}

/// What a function's own tokens tell, without any file.
pub(crate) fn of_body(function: &Item) -> Reach {
    let mut scope = Scope::default();
    let tokens = fingerprint::body(function, &mut scope.program.symbols);
    let (facts, unseen) = conditions::facts(&tokens);
    Reach {
        predicates: facts.predicates.into_iter().collect(),
        environment: facts.environment.into_iter().collect(),
        unseen: unseen.into_iter().collect(),
        ..Reach::default()
    }
}

/// What a function reaches, or why none of it can be told. `depends` are paths that it is said to depend
/// on; without a function, it is about these alone.
pub(crate) fn reach(function: Option<&Item>, depends: proc_macro2::TokenStream) -> Result<Reach, String> {
    // Nothing is read, and nothing kept, where the compiler is rust-analyzer.
    let position = Position::of(Span::call_site());
    let position = position.ok_or("the compiler does not say where the function is, as in an editor")?;
    COMPILATION.with_borrow_mut(|compilation| match compilation.get_or_insert_with(Compilation::begin) {
        Ok(compilation) => Ok(compilation.reach(function, depends, &position)),
        Err(why) => Err(why.clone()),
    })
}

impl Compilation {
    fn begin() -> Result<Self, String> {
        let invocation = Invocation::of_this_process()?;
        let root = invocation.root.clone();
        // Without cargo, the folder of the root file is the package.
        let dir = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or(root.parent().map(PathBuf::from));
        let dir = paths::normal(&dir.unwrap_or_default());
        let mut compilation =
            Compilation { ground: Ground::default(), invocation, listed: HashMap::new(), types: None };
        let scope = &mut compilation.ground.scope;
        scope.units = Units::of(&compilation.invocation);
        scope.externs.clone_from(&compilation.invocation.externs);
        scope.named_root.clone_from(&compilation.invocation.named_root);
        scope.is_library = compilation.invocation.is_library;
        scope.beginning = compilation.invocation.beginning();
        let package = Package::read(&dir).unwrap_or_else(|why| {
            scope.unseen.insert(why);
            Package { name: std::env::var("CARGO_PKG_NAME").unwrap_or_default(), dir, ..Package::default() }
        });
        scope.add_package(package);
        scope.program.read_krate(&root, 0, "")?;
        Ok(compilation)
    }

    fn reach(&mut self, function: Option<&Item>, depends: proc_macro2::TokenStream, position: &Position) -> Reach {
        let symbols = &mut self.ground.scope.program.symbols;
        let tokens = function.map(|function| fingerprint::body(function, symbols)).unwrap_or_default();
        let depends = Tokens::of_stream(depends, symbols);
        let attributes = function.map(fingerprint::attributes).unwrap_or_default();
        let attributes = Tokens::of_stream(attributes, symbols);
        let search = Search {
            function,
            tokens: &tokens,
            attributes: &attributes,
            depends: &depends,
            position,
            positions: &|| function.map(roots::positions).unwrap_or_default(),
        };
        let mut itself = None;
        let reached = self.ground.reach(&mut |scope| {
            let (roots, item) = roots::find(scope, &search);
            itself = item;
            roots
        });
        let scope = &mut self.ground.scope;
        scope.check_files();
        let known = &mut self.listed;
        let mut listed = |scope: &Scope, index| known.entry(index).or_insert_with(|| list::item(scope, index)).clone();
        let mut unseen = reached.unseen.clone();
        let types =
            reached.runs_callers_code.then(|| self.types.get_or_insert_with(|| scope.crates_of_types()).clone());
        let items = list::items(scope, &reached, itself, position, &self.invocation, &mut unseen, &mut listed);
        unseen.extend(scope.unseen.iter().cloned());
        Reach {
            items,
            predicates: reached.facts.predicates.into_iter().collect(),
            environment: reached.facts.environment.into_iter().collect(),
            unseen: unseen.into_iter().collect(),
            is_read: true,
            types,
            is_quiet: scope.program.packages[scope.own].settings.quiet,
        }
    }
}
