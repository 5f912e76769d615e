//! The crates that code names: which libraries of the build they are, and whether their files are what was compiled.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::manifest::Package;
use super::names::{Meaning, Scope};
use super::symbols::Symbol;
use crate::compiled::units::{Origin, changed_meanwhile};

impl Scope {
    /// The crates that a package's code calls by this name: several, if the package uses several versions.
    pub(crate) fn crate_named(&mut self, module: usize, name: Symbol) -> Vec<Meaning> {
        let package = self.program.package_of(module);
        let text = self.program.symbols.text(name).to_owned();
        let mut meanings = Vec::new();
        for unit in self.units_named(package, &text) {
            match self.units.get(unit).name.as_str() {
                // What a result is does not depend on how it is kept.
                "larder" | "larder_macros" => {}
                _ if self.is_followed(unit) => meanings.extend(self.root_of_unit(unit)),
                _ => meanings.push(Meaning::Outside(package, name)),
            }
        }
        meanings
    }

    /// The libraries that a package's code calls by this name.
    pub(crate) fn units_named(&mut self, package: usize, name: &str) -> Vec<usize> {
        let Some(own) = self.program.packages[package].unit else {
            let files: Vec<PathBuf> =
                self.externs.iter().filter(|(known, _)| known == name).map(|(_, file)| file.clone()).collect();
            return files.iter().map(|file| self.units.at(file)).collect();
        };
        let renamed = self.program.packages[package].renamed.get(name).cloned();
        let mut units = self.units.uses(own);
        units.retain(|unit| {
            self.units.get(*unit).name == name
                || renamed.as_ref().is_some_and(|renamed| self.units.package(*unit) == *renamed)
        });
        units
    }

    /// The names of crates that any code here can use.
    pub(super) fn crate_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.externs.iter().map(|(name, _)| name.clone()).collect();
        for package in &self.program.packages {
            names.extend(package.renamed.keys().cloned());
            names.extend(package.unit.iter().flat_map(|unit| self.units.known_uses(*unit)));
        }
        names
    }

    /// Whether a library's code is read: it is in a folder that may change, and no copy that cargo made.
    pub(crate) fn is_followed(&self, unit: usize) -> bool {
        match &self.units.get(unit).origin {
            Origin::Folder(dir) => !dir.join(".cargo-checksum.json").is_file() && !self.units.is_proc_macro(unit),
            Origin::Fixed(_) | Origin::Unknown => false,
        }
    }

    /// The crates outside whose names are all in a module: what is not found may be theirs.
    pub(crate) fn outside_globs(&mut self, module: usize) -> Vec<Meaning> {
        let root = self.program.root_of(module);
        let (mut outside, mut todo, mut seen) = (Vec::new(), vec![module, root], BTreeSet::new());
        while let Some(module) = todo.pop() {
            if !seen.insert(module) {
                continue;
            }
            for import in self.program.modules[module].imports.clone().iter().filter(|import| import.name.is_none()) {
                let mut meanings = self.resolve(module, &import.path, import.absolute).meanings;
                if let [name] = import.path[..] {
                    meanings.extend(self.crate_named(module, name));
                }
                for meaning in meanings {
                    match meaning {
                        Meaning::Outside(..) => outside.push(meaning),
                        Meaning::Module(there) => todo.push(there),
                        Meaning::Item(_) => {}
                    }
                }
            }
        }
        outside
    }

    /// What `use`s of a name in any module mean outside, for code that may stand anywhere.
    pub(crate) fn outside_imports(&mut self, name: Symbol) -> Vec<Meaning> {
        let mut outside = Vec::new();
        for module in 0..self.program.modules.len() {
            for import in self.program.modules[module].imports.clone().iter().filter(|import| import.name == Some(name))
            {
                let meanings = self.resolve(module, &import.path, import.absolute).meanings;
                outside.extend(meanings.into_iter().filter(|meaning| matches!(meaning, Meaning::Outside(..))));
            }
        }
        outside
    }

    fn root_of_unit(&mut self, unit: usize) -> Option<Meaning> {
        let known = self.units.get(unit);
        let (Origin::Folder(dir), Some(info)) = (&known.origin, &known.info) else { return None };
        let (name, dir, root) = (known.name.clone(), dir.clone(), info.sources.first()?.clone());
        let package = self.package_of_unit(unit, &dir);
        match self.program.read_krate(&crate::compiled::paths::normal(&root), package, &name) {
            Ok(krate) => Some(Meaning::Module(self.program.krates[krate].root)),
            Err(why) => {
                self.unseen.insert(why);
                None
            }
        }
    }

    /// The index of the package that a library is of, which becomes known.
    fn package_of_unit(&mut self, unit: usize, dir: &Path) -> usize {
        if let Some(index) = self.program.packages.iter().position(|package| package.unit == Some(unit)) {
            return index;
        }
        let name = self.units.package(unit);
        let mut package = Package::read(dir).unwrap_or_else(|why| {
            self.unseen.insert(why);
            Package { name, dir: dir.to_owned(), ..Package::default() }
        });
        package.unit = Some(unit);
        package.environment = self.units.get(unit).info.clone().unwrap_or_default().environment;
        // Names in its code can mean these.
        self.units.uses(unit);
        self.add_package(package);
        self.program.packages.len() - 1
    }

    /// Reads all crates beside this one that it can get types from.
    pub(crate) fn read_all_beside(&mut self) {
        let mut todo: Vec<usize> = Vec::new();
        for (_, file) in self.externs.clone() {
            todo.push(self.units.at(&file));
        }
        let mut seen = BTreeSet::new();
        while let Some(unit) = todo.pop() {
            let is_larder = matches!(self.units.get(unit).name.as_str(), "larder" | "larder_macros");
            if seen.insert(unit) && !is_larder && self.is_followed(unit) {
                self.root_of_unit(unit);
                todo.extend(self.units.uses(unit));
            }
        }
    }

    /// The crates that a type may be from, by name, each with a digest of its code; 0 stands for code that is
    /// followed. Crates of which several versions are used are left out, since a name does not tell them apart.
    pub(crate) fn crates_of_types(&mut self) -> Vec<(String, u128)> {
        let own = std::env::var("CARGO_CRATE_NAME").unwrap_or_default();
        let mut crates: Vec<(String, u128)> =
            ["std", "core", "alloc", "larder"].map(|name| (name.to_owned(), 0)).into();
        crates.push((own, 0));
        let mut direct = BTreeSet::new();
        let mut all: BTreeSet<usize> = BTreeSet::new();
        for (_, file) in self.externs.clone() {
            let unit = self.units.at(&file);
            direct.insert(unit);
            all.extend(self.units.closure(unit));
        }
        for unit in all.iter().copied() {
            let name = self.units.get(unit).name.clone();
            let is_read = self.program.packages.iter().any(|package| package.unit == Some(unit));
            let is_alone = all.iter().filter(|other| self.units.get(**other).name == name).count() == 1;
            if is_read && is_alone {
                crates.push((name, 0));
            } else if direct.contains(&unit) && is_alone && name != "larder" && !self.units.is_proc_macro(unit) {
                crates.extend(self.units.digest(unit).ok().map(|digest| (name, digest.max(1))));
            }
        }
        crates
    }

    pub(crate) fn add_package(&mut self, package: Package) {
        self.program.packages.push(package);
        for name in self.crate_names() {
            self.program.symbols.intern(&name);
        }
    }

    /// Notes what of the files that have been read is not what was compiled.
    pub(crate) fn check_files(&mut self) {
        self.unseen.extend(std::mem::take(&mut self.program.unread));
        // What was the same after it had been read is what was compiled, whatever happens to it later.
        let read = (self.program.krates.len(), self.program.files.len());
        if std::mem::replace(&mut self.checked, read) == read {
            return;
        }
        for krate in 0..self.program.krates.len() {
            let package = self.program.krates[krate].package;
            let checked = match self.program.packages[package].unit {
                Some(unit) => self.units.check(unit),
                None => Ok(()),
            };
            self.unseen.extend(checked.err());
        }
        let Some(beginning) = &self.beginning else {
            self.unseen.insert("when this compilation began, which cargo notes".to_owned());
            return;
        };
        let own = &self.program.packages[self.own].dir;
        let mut folders = BTreeSet::new();
        for file in self.program.files.iter().filter(|file| file.package == self.own) {
            if crate::compiled::paths::is_written_by_build_script(&file.path) {
                continue;
            }
            if !beginning.is_before(&file.path) {
                self.unseen.insert(changed_meanwhile(&file.path));
            }
            // A folder that was moved here has files that did not change.
            folders.extend(file.path.ancestors().skip(1).take_while(|dir| dir.starts_with(own)).map(Path::to_owned));
        }
        // And so has a link to a folder.
        folders.extend(self.named_root.ancestors().filter(|path| path.is_symlink()).map(Path::to_owned));
        for folder in folders {
            if !beginning.is_before(&folder) {
                self.unseen.insert(changed_meanwhile(&folder));
            }
        }
    }
}
