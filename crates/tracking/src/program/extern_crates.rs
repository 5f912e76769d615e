//! Which library of the build a crate name means, and whether its files are those that were compiled.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::compiled::units::{Origin, changed_meanwhile};
use crate::program::manifest::Package;
use crate::program::resolver::{Definition, ExternItem, Resolver};
use crate::syntax::builtin_macros::is_built_in;
use crate::syntax::fingerprint::Shadowed;
use crate::syntax::symbols::{Symbol, known};

impl Resolver {
    /// Returns the crates that a name means in the code of a package: several, if the package uses several versions.
    pub(crate) fn crate_named(&mut self, module: usize, name: Symbol) -> Vec<Definition> {
        let package = self.sources.package_of(module);
        let text = self.sources.symbols.text(name).to_owned();
        let mut definitions = Vec::new();
        for unit in self.units_named(package, &text) {
            match self.units.get(unit).name.as_str() {
                // How a result is stored does not change it.
                "larder" | "larder_macros" => {}
                _ if self.is_followed(unit) => definitions.extend(self.root_of_unit(unit)),
                _ => definitions.push(Definition::Extern(ExternItem { package, crate_name: name, item: known::EMPTY })),
            }
        }
        definitions
    }

    /// Returns the libraries that a crate name means in the code of a package.
    pub(crate) fn units_named(&mut self, package: usize, name: &str) -> Vec<usize> {
        let Some(own) = self.sources.packages[package].unit else {
            let files: Vec<PathBuf> =
                self.externs.iter().filter(|(known, _)| known == name).map(|(_, file)| file.clone()).collect();
            return files.iter().map(|file| self.units.at(file)).collect();
        };
        let renamed = self.sources.packages[package].renamed.get(name).cloned();
        let mut units = self.units.uses(own);
        units.retain(|unit| {
            self.units.get(*unit).name == name
                || renamed.as_ref().is_some_and(|renamed| self.units.package(*unit) == *renamed)
        });
        units
    }

    /// Returns the names of crates that any code of the program can use.
    pub(crate) fn crate_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.externs.iter().map(|(name, _)| name.clone()).collect();
        for package in &self.sources.packages {
            names.extend(package.renamed.keys().cloned());
            names.extend(package.unit.iter().flat_map(|unit| self.units.known_uses(*unit)));
        }
        names
    }

    /// Returns whether the code of a library is read: its folder may change, and is not a copy that cargo made.
    pub(crate) fn is_followed(&self, unit: usize) -> bool {
        match &self.units.get(unit).origin {
            Origin::Folder(dir) => !dir.join(".cargo-checksum.json").is_file() && !self.units.is_proc_macro(unit),
            Origin::Fixed(_) | Origin::Unknown => false,
        }
    }

    /// Returns the names of the packages that something in a crate may be of.
    pub(crate) fn packages_of(&mut self, used: ExternItem) -> BTreeSet<String> {
        let name = self.sources.symbols.text(used.crate_name).to_owned();
        let units = self.units_named(used.package, &name);
        units.into_iter().map(|unit| self.units.package(unit)).collect()
    }

    /// Returns the crates, and the modules of other crates, whose names are all imported into a module. A name without
    /// another definition may be theirs.
    pub(crate) fn extern_globs(&mut self, module: usize) -> Vec<ExternItem> {
        let root = self.sources.root_of(module);
        let (mut globs, mut todo, mut seen) = (Vec::new(), vec![module, root], BTreeSet::new());
        while let Some(module) = todo.pop() {
            if !seen.insert(module) {
                continue;
            }
            for import in self.sources.modules[module].imports.clone().iter().filter(|import| import.name.is_none()) {
                let mut definitions = self.resolve(module, &import.path, import.absolute).definitions;
                if let [name] = import.path[..] {
                    definitions.extend(self.crate_named(module, name));
                }
                for definition in definitions {
                    match definition {
                        Definition::Extern(glob) => globs.push(glob),
                        Definition::Module(there) => todo.push(there),
                        Definition::Item(_) => {}
                    }
                }
            }
        }
        globs
    }

    /// Returns what imports of a name in any module mean in other crates. For the bodies of macros.
    pub(crate) fn extern_imports(&mut self, name: Symbol) -> Vec<Definition> {
        let mut found = Vec::new();
        for module in 0..self.sources.modules.len() {
            for import in self.sources.modules[module].imports.clone().iter().filter(|import| import.name == Some(name))
            {
                let definitions = self.resolve(module, &import.path, import.absolute).definitions;
                found.extend(definitions.into_iter().filter(|definition| matches!(definition, Definition::Extern(_))));
            }
        }
        found
    }

    /// Returns the names of std's macros for which a crate exports another macro. A wrong name does no harm, so the
    /// sources are searched as text.
    pub(crate) fn exported_macros(&mut self, glob: ExternItem) -> Shadowed {
        let name = self.sources.symbols.text(glob.crate_name).to_owned();
        let mut all = Shadowed::new();
        for unit in self.units_named(glob.package, &name) {
            let known = self.exported.get(&unit).cloned();
            let exported = known.unwrap_or_else(|| {
                let sources = self.units.get(unit).info.clone().unwrap_or_default().sources;
                let texts = sources.iter().filter_map(|source| std::fs::read_to_string(source).ok());
                Rc::new(texts.flat_map(|text| macro_names_in(&text)).collect())
            });
            all.extend(exported.iter().cloned());
            self.exported.insert(unit, exported);
        }
        all
    }

    fn root_of_unit(&mut self, unit: usize) -> Option<Definition> {
        let known = self.units.get(unit);
        let (Origin::Folder(dir), Some(info)) = (&known.origin, &known.info) else { return None };
        let (name, dir, root) = (known.name.clone(), dir.clone(), info.sources.first()?.clone());
        let package = self.package_of_unit(unit, &dir);
        match self.sources.read_crate(&crate::compiled::paths::normal(&root), package, &name) {
            Ok(source_crate) => Some(Definition::Module(self.sources.source_crates[source_crate].root)),
            Err(why) => {
                self.unseen.insert(why);
                None
            }
        }
    }

    /// Returns the package that a library belongs to, and adds the package if it is new.
    fn package_of_unit(&mut self, unit: usize, dir: &Path) -> usize {
        if let Some(index) = self.sources.packages.iter().position(|package| package.unit == Some(unit)) {
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
        self.sources.packages.len() - 1
    }

    /// Reads all path dependencies that types may come from.
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

    /// Returns the crates that a type may come from, each with a digest of its code, which is 0 for code that is
    /// tracked. A crate that is used in several versions is left out, since its name is ambiguous.
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
            let is_read = self.sources.packages.iter().any(|package| package.unit == Some(unit));
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
        self.sources.packages.push(package);
        for name in self.crate_names() {
            self.sources.symbols.intern(&name);
        }
    }

    /// Notes which of the files that were read are not those that were compiled.
    pub(crate) fn check_files(&mut self) {
        self.unseen.extend(std::mem::take(&mut self.sources.unreadable));
        // A file that had not changed after it was read is the one that was compiled. Later changes do not matter.
        let read = (self.sources.source_crates.len(), self.sources.files.len());
        if std::mem::replace(&mut self.checked, read) == read {
            return;
        }
        for source_crate in 0..self.sources.source_crates.len() {
            let package = self.sources.source_crates[source_crate].package;
            let checked = match self.sources.packages[package].unit {
                Some(unit) => self.units.check(unit),
                None => Ok(()),
            };
            self.unseen.extend(checked.err());
        }
        let Some(build_start) = &self.build_start else {
            self.unseen.insert("when this compilation began, which cargo notes".to_owned());
            return;
        };
        let own = &self.sources.packages[self.own].dir;
        let mut folders = BTreeSet::new();
        for file in self.sources.files.iter().filter(|file| file.package == self.own) {
            if crate::compiled::paths::is_written_by_build_script(&file.path) {
                continue;
            }
            if !build_start.is_before(&file.path) {
                self.unseen.insert(changed_meanwhile(&file.path));
            }
            // Moving a folder here does not change the times of its files.
            folders.extend(file.path.ancestors().skip(1).take_while(|dir| dir.starts_with(own)).map(Path::to_owned));
        }
        // Nor does changing a link to a folder.
        folders.extend(self.named_root.ancestors().filter(|path| path.is_symlink()).map(Path::to_owned));
        for folder in folders {
            if !build_start.is_before(&folder) {
                self.unseen.insert(changed_meanwhile(&folder));
            }
        }
    }
}

/// Returns the names of std's macros that a source text defines or re-exports.
fn macro_names_in(text: &str) -> Shadowed {
    let is_of_word = |character: char| character == '_' || character.is_alphanumeric();
    let mut names = Shadowed::new();
    for (introduction, end) in
        [("macro_rules!", "{(["), ("proc_macro_derive(", "),"), ("pub fn ", "("), ("pub use ", ";")]
    {
        for (at, _) in text.match_indices(introduction) {
            // Other functions than macros are called by these names as well.
            if introduction == "pub fn " && !is_procedural_macro(&text[..at]) {
                continue;
            }
            let rest = &text[at + introduction.len()..];
            let mut rest = &rest[..rest.find(|character| end.contains(character)).unwrap_or(0)];
            while let Some(start) = rest.find(is_of_word) {
                rest = &rest[start..];
                let word;
                (word, rest) = rest.split_at(rest.find(|character| !is_of_word(character)).unwrap_or(rest.len()));
                // Only the end of a path is a name that it defines.
                let is_name = rest.trim_start().is_empty() || rest.trim_start().starts_with([',', '}']);
                if is_name && is_built_in(word) {
                    names.insert(word.to_owned());
                }
            }
        }
    }
    names
}

/// Returns whether the function after this text is a procedural macro: the last attributes say so.
fn is_procedural_macro(before: &str) -> bool {
    let attributes = before.trim_end().rsplit(['}', ';']).next().unwrap_or_default();
    attributes.contains("#[proc_macro")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_that_a_crate_exports_are_found_in_its_text() {
        let text = "macro_rules! vec { () => {} }\n#[proc_macro_derive(Debug, attributes(x))]\npub fn derive(i: T) {}\n\
                    #[proc_macro] pub fn format(i: T) -> T {}\npub use inner::{write, other::matches as m};\n\
                    fn panic() {} use x::assert; macro_rules! mine {}";
        let names: Vec<String> = macro_names_in(text).into_iter().collect();
        assert_eq!(names, ["Debug", "derive", "format", "vec", "write"]);
    }

    /// The modules and functions of `serde` and `proptest` have names of macros.
    #[test]
    fn modules_and_functions_are_no_macros() {
        let text = "pub use alloc::vec::Vec; pub fn vec(n: usize) {} pub use std::{format::X, assert as check};";
        assert!(macro_names_in(text).is_empty());
        assert!(macro_names_in("pub use a::check as assert;").contains("assert"));
    }
}
