//! The tracker: what a function of the crate in compilation depends on.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::analysis::conditions;
use crate::analysis::fingerprint_list::{self, ListedItem};
use crate::analysis::program_index::ProgramIndex;
use crate::analysis::roots::{self, Function, Position, RootQuery};
use crate::compiled::paths;
use crate::compiled::rustc_args::RustcArgs;
use crate::compiled::units::Units;
use crate::program::manifest::Package;
use crate::program::resolver::Resolver;
use crate::syntax::fingerprint::{self, Reading, Shadowed};
use crate::syntax::symbols::Symbols;
use crate::syntax::token::Tokens;

/// What the result of a function depends on, besides its arguments.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CodeVersion {
    /// The items that the function reaches, itself included: their paths and fingerprints.
    pub items: Vec<(String, u128)>,
    /// The predicates of `cfg`s, as they are written.
    pub predicates: Vec<String>,
    /// The environment variables that `env!` reads.
    pub environment: Vec<String>,
    /// The dependencies that can't be tracked, a phrase each.
    pub unseen: Vec<String>,
    /// If types that callers choose can change the result: the crates that these types can come from, with a digest of
    /// their code. A crate whose items are tracked one by one has zero.
    pub types: Option<Vec<(String, u128)>>,
    /// The package does not want warnings about `unseen`.
    pub is_quiet: bool,
    /// The sources of the program were read, as in a build by cargo.
    pub is_complete: bool,
}

impl CodeVersion {
    /// Returns the version of a function's own code, without what it reaches. No file is read.
    #[must_use]
    pub fn of_own_code(function: &Function) -> Self {
        let function = interned(function, &mut Symbols::new());
        let mut version = CodeVersion::default();
        for tokens in [&function.signature, &function.body] {
            let (inputs, unseen) = conditions::inputs(tokens);
            version.predicates.extend(inputs.predicates);
            version.environment.extend(inputs.environment);
            version.unseen.extend(unseen);
        }
        version.add_own_items(&function, &Shadowed::new());
        version.sort();
        version
    }

    /// Returns both versions as one.
    #[must_use]
    pub fn and(mut self, other: CodeVersion) -> Self {
        self.items.extend(other.items);
        self.predicates.extend(other.predicates);
        self.environment.extend(other.environment);
        self.unseen.extend(other.unseen);
        self.types = self.types.or(other.types);
        self.is_quiet |= other.is_quiet;
        self.is_complete |= other.is_complete;
        self.sort();
        self
    }

    fn add_own_items(&mut self, function: &Function, shadowed: &Shadowed) {
        let body = fingerprint::of_parts(&[&function.signature, &function.body], Reading::Code, shadowed);
        self.items.push(("body".to_owned(), body));
        if !function.attributes.is_empty() {
            let attributes = fingerprint::of_parts(&[&function.attributes], Reading::Verbatim, shadowed);
            self.items.push(("attributes".to_owned(), attributes));
        }
    }

    fn sort(&mut self) {
        self.items.sort();
        self.items.dedup();
        for texts in [&mut self.predicates, &mut self.environment, &mut self.unseen] {
            texts.sort();
            texts.dedup();
        }
    }
}

/// Finds what functions of one crate depend on, while rustc compiles the crate.
///
/// Each file is read once for all functions.
pub struct Tracker {
    program: ProgramIndex,
    rustc_args: RustcArgs,
    /// By item.
    listed: HashMap<usize, ListedItem>,
    /// The crates that callers' types can come from, once a function has asked.
    types: Option<Vec<(String, u128)>>,
}

impl std::fmt::Debug for Tracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracker").field("root", &self.rustc_args.root).finish_non_exhaustive()
    }
}

impl Tracker {
    /// Makes the tracker of the crate that this process compiles. To be called from a macro, which runs within the
    /// compiler.
    ///
    /// # Errors
    /// The reason, if the compiler was not given a source file or if the file can't be read.
    pub fn of_this_process() -> Result<Self, String> {
        let rustc_args = RustcArgs::of_this_process()?;
        // Without cargo, the folder of the root file is the package.
        let dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .or_else(|| rustc_args.root.parent().map(PathBuf::from));
        let dir = paths::normal(&dir.unwrap_or_default());
        let mut program = ProgramIndex::default();
        let resolver = &mut program.resolver;
        resolver.units = Units::of(&rustc_args);
        resolver.externs.clone_from(&rustc_args.externs);
        resolver.named_root.clone_from(&rustc_args.named_root);
        resolver.is_library = rustc_args.is_library;
        resolver.build_start = rustc_args.build_start();
        let package = Package::read(&dir).unwrap_or_else(|why| {
            resolver.unseen.insert(why);
            Package { name: std::env::var("CARGO_PKG_NAME").unwrap_or_default(), dir, ..Package::default() }
        });
        resolver.add_package(package);
        resolver.sources.read_crate(&rustc_args.root, 0, "")?;
        Ok(Tracker { program, rustc_args, listed: HashMap::new(), types: None })
    }

    /// Returns what a function depends on: itself, all that it reaches, and the items that the paths in `depends` lead to.
    ///
    /// `position` is that of the attribute on the function. `positions` returns those of all tokens of the function; it is
    /// called for a function that a macro made.
    pub fn version_of(
        &mut self,
        function: &Function,
        depends: &Tokens,
        position: &Position,
        positions: &dyn Fn() -> Vec<Position>,
    ) -> CodeVersion {
        let function = interned(function, &mut self.program.resolver.sources.symbols);
        let mut version = self.version(Some(&function), depends, position, positions);
        version.add_own_items(&function, self.program.resolver.shadowed());
        version.sort();
        version
    }

    /// Returns what the items that the paths in `depends` lead to depend on.
    pub fn version_of_paths(&mut self, depends: &Tokens, position: &Position) -> CodeVersion {
        self.version(None, depends, position, &Vec::new)
    }

    fn version(
        &mut self,
        function: Option<&Function>,
        depends: &Tokens,
        position: &Position,
        positions: &dyn Fn() -> Vec<Position>,
    ) -> CodeVersion {
        let depends = depends.interned(&mut self.program.resolver.sources.symbols);
        let query = RootQuery { function, depends: &depends, position, positions };
        let mut itself = None;
        let reached = self.program.reach(&mut |resolver| {
            let (roots, item) = roots::find(resolver, &query);
            itself = item;
            roots
        });
        let resolver = &mut self.program.resolver;
        resolver.check_files();
        let known = &mut self.listed;
        let mut listed = |resolver: &mut Resolver, index| {
            known.entry(index).or_insert_with(|| fingerprint_list::item(resolver, index)).clone()
        };
        let mut unseen = reached.unseen.clone();
        let types =
            reached.runs_callers_code.then(|| self.types.get_or_insert_with(|| resolver.crates_of_types()).clone());
        let items =
            fingerprint_list::items(resolver, &reached, itself, position, &self.rustc_args, &mut unseen, &mut listed);
        unseen.extend(resolver.unseen.iter().cloned());
        CodeVersion {
            items,
            predicates: reached.inputs.predicates.into_iter().collect(),
            environment: reached.inputs.environment.into_iter().collect(),
            unseen: unseen.into_iter().collect(),
            types,
            is_quiet: resolver.sources.packages[resolver.own].settings.quiet,
            is_complete: true,
        }
    }
}

fn interned(function: &Function, symbols: &mut Symbols) -> Function {
    Function {
        signature: function.signature.interned(symbols),
        body: function.body.interned(symbols),
        attributes: function.attributes.interned(symbols),
    }
}
