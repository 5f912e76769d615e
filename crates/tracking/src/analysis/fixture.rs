//! A program in a temporary folder, with crates whose libraries look as cargo leaves them.

use std::path::Path;

use tempfile::TempDir;

use crate::analysis::fingerprint_list;
use crate::analysis::impl_index::ImplIndex;
use crate::compiled::rustc_args::RustcArgs;
use crate::compiled::units::Units;
use crate::program::manifest::Package;
use crate::program::resolver::Resolver;

pub(crate) struct Fixture {
    pub(crate) resolver: Resolver,
    _dir: TempDir,
}

impl Fixture {
    /// A program with this root file. Each crate is the name that the code uses, the name of its package, and its source.
    #[expect(clippy::disallowed_methods, reason = "files of tests")]
    pub(crate) fn new(crates: &[(&str, &str, &str)], text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &Path, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let root = dir.path().join("src/lib.rs");
        write(&root, text);
        let mut resolver = Resolver::default();
        for (number, (name, package, source)) in crates.iter().enumerate() {
            let file = format!("{package}-{number:016x}");
            let library = dir.path().join(format!("deps/lib{file}.rlib"));
            let home = dir.path().join(format!("registry/src/index/{package}-1.0.0"));
            write(&library, "");
            write(&home.join(".cargo-ok"), "");
            write(&home.join("src/lib.rs"), source);
            let source = home.join("src/lib.rs").display().to_string().replace(' ', "\\ ");
            write(&dir.path().join(format!("deps/{file}.d")), &format!("x: {source}\n"));
            write(&dir.path().join(format!(".fingerprint/{file}/invoked.timestamp")), "");
            resolver.externs.push(((*name).to_owned(), library));
        }
        resolver.units = Units::of(&RustcArgs::default());
        resolver.add_package(Package { name: "app".to_owned(), dir: dir.path().to_owned(), ..Package::default() });
        resolver.sources.read_crate(&root, 0, "").unwrap();
        resolver.refresh_names();
        Fixture { resolver, _dir: dir }
    }

    fn index_of(&self, name: &str) -> usize {
        let symbol = self.resolver.sources.symbols.find(name).unwrap();
        self.resolver.sources.items.iter().position(|item| item.name == symbol).unwrap()
    }

    /// Returns the fingerprint of the item of this name.
    pub(crate) fn fingerprint(&mut self, name: &str) -> u128 {
        let index = self.index_of(name);
        fingerprint_list::item(&mut self.resolver, index).digest
    }

    /// Returns whether the item of this name may have others beside it, so that it is reached with its module.
    pub(crate) fn is_opaque(&mut self, name: &str) -> bool {
        let index = self.index_of(name);
        let module = self.resolver.sources.items[index].module;
        ImplIndex::of(&mut self.resolver);
        self.resolver.sources.modules[module].opaque.contains(&index)
    }
}
