//! What a memoized function can reach: the items of its package and of the packages beside it, with a
//! digest of each.
//!
//! ```text
//! lexer, token     a file's tokens
//! item, program    cut into items, module by module        manifest, invocation: which files, which crates
//! names            what a name means where it stands
//! scan             what a stretch of code names
//! blocks, walk     from there to all that can be reached
//! roots, list      where to begin; what is found, as paths and digests
//! ```
//!
//! A file is read once for all functions of a crate. All that runs for every token is plain loops over
//! arrays: attributes are built without optimisation.

mod blocks;
mod built_in;
mod files;
mod invocation;
mod item;
mod lexer;
mod list;
mod manifest;
mod names;
mod notation;
mod paths;
mod program;
mod roots;
mod scan;
pub(crate) mod symbols;
pub(crate) mod token;
mod walk;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

use proc_macro2::Span;

use self::invocation::Invocation;
use self::manifest::{Lock, Package};
use self::names::Scope;
use self::roots::{Position, Search};
use self::token::Tokens;
use self::walk::Ground;
use crate::fingerprint;
use crate::function::Item;

/// What a function's code depends on besides its own tokens.
pub(crate) struct Reach {
    pub(crate) items: Vec<(String, u128)>,
    /// The predicates of `cfg`s.
    pub(crate) predicates: Vec<String>,
    /// The variables of `env!`.
    pub(crate) environment: Vec<String>,
}

/// What is known of the compilation that is going on.
struct Compilation {
    ground: Ground,
    invocation: Invocation,
    lock: Option<Lock>,
    /// By item: its path and its digest.
    listed: HashMap<usize, (String, u128)>,
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
        for texts in [&mut self.predicates, &mut self.environment] {
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
    let facts = scan::facts(&tokens);
    Reach {
        items: Vec::new(),
        predicates: facts.predicates.into_iter().collect(),
        environment: facts.environment.into_iter().collect(),
    }
}

/// What a function reaches, or why that can't be told. `depends` are paths that it is said to depend
/// on; without a function, it is about these alone.
pub(crate) fn reach(function: Option<&Item>, depends: proc_macro2::TokenStream) -> Result<Reach, String> {
    // Nothing is read, and nothing kept, where the compiler is rust-analyzer.
    let position = Position::of(Span::call_site());
    let position = position.ok_or("the compiler does not say where the function is, as in an editor")?;
    COMPILATION.with_borrow_mut(|compilation| match compilation.get_or_insert_with(Compilation::begin) {
        Ok(compilation) => compilation.reach(function, depends, &position),
        Err(why) => Err(why.clone()),
    })
}

impl Compilation {
    fn begin() -> Result<Self, String> {
        let invocation = Invocation::of_this_process()?;
        let variable = |name: &str| std::env::var(name).map_err(|_| format!("cargo has not set {name}"));
        let dir = paths::normal(&PathBuf::from(variable("CARGO_MANIFEST_DIR")?));
        let package = Package::read(&dir)?;
        let out_dir = invocation.out_dir.clone().unwrap_or_default();
        let lock = Lock::find(&[&dir, &out_dir], &package.name, &variable("CARGO_PKG_VERSION")?);
        let mut compilation = Compilation { ground: Ground::default(), invocation, lock, listed: HashMap::new() };
        let package = compilation.with_externs(package);
        compilation.ground.scope.add_package(package);
        let root = compilation.invocation.root.clone();
        compilation.ground.scope.program.read_krate(&root, 0, "")?;
        Ok(compilation)
    }

    /// With the crates whose library is called otherwise than its package, which the manifest can't
    /// tell and the compiler was told.
    fn with_externs(&self, mut package: Package) -> Package {
        for (name, _) in &self.invocation.externs {
            let is_own = package.lib.as_ref().is_some_and(|(lib, _)| lib == name);
            if is_own || package.externs.contains_key(name) {
                continue;
            }
            let library = self.invocation.library_of(name).unwrap_or_default();
            let known = self.lock.as_ref().and_then(|lock| lock.package_of(&library));
            let known = known.map_or(library.clone(), str::to_owned);
            package.externs.insert(name.clone(), manifest::Extern::Locked(known));
        }
        package
    }

    fn reach(
        &mut self,
        function: Option<&Item>,
        depends: proc_macro2::TokenStream,
        position: &Position,
    ) -> Result<Reach, String> {
        let symbols = &mut self.ground.scope.program.symbols;
        let tokens = function.map(|function| fingerprint::body(function, symbols)).unwrap_or_default();
        let depends = Tokens::of_stream(depends, symbols);
        let search = Search {
            function,
            tokens: &tokens,
            depends: &depends,
            position,
            positions: &|| function.map(roots::positions).unwrap_or_default(),
        };
        let mut itself = None;
        let reached = self.ground.reach(&mut |scope| {
            let (roots, item) = roots::find(scope, &search)?;
            itself = item;
            Ok(roots)
        })?;
        let scope = &self.ground.scope;
        let known = &mut self.listed;
        let mut listed = |index| known.entry(index).or_insert_with(|| list::item(scope, index)).clone();
        let items = list::items(scope, &reached, itself, &self.invocation, self.lock.as_ref(), &mut listed)?;
        Ok(Reach {
            items,
            predicates: reached.facts.predicates.into_iter().collect(),
            environment: reached.facts.environment.into_iter().collect(),
        })
    }
}
