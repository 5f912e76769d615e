//! The sources of a program as items: those of the crate that is being compiled, and those of its path dependencies. A
//! dependency is read when it is first named.

use crate::compiled::paths::file_name;
use crate::syntax::lexer::lex;
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::program::manifest::Package;
use crate::syntax::const_strings;
use crate::syntax::item_parser::{self, Header, Import, ItemKind, begins_statement};
use crate::syntax::literal::str_value;
use crate::syntax::symbols::{Symbol, Symbols, known};
use crate::syntax::token::{Token, TokenKind, Tokens};

#[derive(Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    /// The package that it belongs to.
    pub(crate) package: usize,
    pub(crate) tokens: Tokens,
}

/// A file, and a range of its tokens.
pub(crate) type Part = (usize, Range<usize>);

#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    pub(crate) name: Symbol,
    pub(crate) file: usize,
    pub(crate) range: Range<usize>,
    pub(crate) keyword: usize,
    pub(crate) open: usize,
    pub(crate) module: usize,
    /// The `impl` block that it is a member of, if the block has no trait. Blocks with a trait are one item.
    pub(crate) block: Option<usize>,
    /// The function that contains it.
    pub(crate) holder: Option<usize>,
    /// It is an `impl` block without a trait.
    pub(crate) is_inherent: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) source_crate: usize,
    pub(crate) parent: Option<usize>,
    pub(crate) path: String,
    pub(crate) names: HashMap<Symbol, Vec<usize>>,
    pub(crate) children: HashMap<Symbol, Vec<usize>>,
    pub(crate) imports: Vec<Import>,
    /// Items that may define anything.
    pub(crate) opaque: Vec<usize>,
    /// The module is in braces, so that macros in its attributes can read and change its code.
    pub(crate) is_inline: bool,
    /// The attributes on the module; the input of the macro that declares it.
    pub(crate) attributes: Vec<Part>,
    /// The attributes in the module: those at the top of its file, and those on each `include!`.
    pub(crate) inner_attributes: Vec<Part>,
}

#[derive(Debug)]
pub(crate) struct SourceCrate {
    pub(crate) package: usize,
    pub(crate) root: usize,
    pub(crate) macros: HashMap<Symbol, Vec<usize>>,
}

/// An `impl` block. It counts everywhere, even if it is in a function or a constant.
#[derive(Debug)]
pub(crate) struct ImplBlock {
    /// The item that is the block, or contains it.
    pub(crate) item: usize,
    pub(crate) header: Header,
    pub(crate) members: Vec<usize>,
}

#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) symbols: Symbols,
    pub(crate) files: Vec<Arc<SourceFile>>,
    pub(crate) items: Vec<Item>,
    pub(crate) modules: Vec<Module>,
    pub(crate) source_crates: Vec<SourceCrate>,
    pub(crate) packages: Vec<Package>,
    pub(crate) blocks: Vec<ImplBlock>,
    /// Why some of the files can't be read.
    pub(crate) unreadable: Vec<String>,
    /// By the root file.
    known: HashMap<PathBuf, usize>,
}

/// The folders of the files of a module's children.
#[derive(Clone)]
struct ModuleDir {
    /// The folder of the file.
    file_dir: PathBuf,
    /// The folder for `mod x;`.
    child_dir: PathBuf,
    /// The module is in braces, where `#[path]` is relative to another folder.
    inline: bool,
    depth: usize,
}

impl Sources {
    /// Reads the crate with this root file, unless it has been read. The paths of its items begin with `label`.
    pub(crate) fn read_crate(&mut self, root: &Path, package: usize, label: &str) -> Result<usize, String> {
        if let Some(known) = self.known.get(root) {
            return Ok(*known);
        }
        let file = self.read_file(root, package)?.ok_or_else(|| format!("can't read {}", file_name(root)))?;
        let source_crate = self.source_crates.len();
        let module = self.modules.len();
        self.source_crates.push(SourceCrate { package, root: module, macros: HashMap::new() });
        self.known.insert(root.to_owned(), source_crate);
        self.modules.push(Module { source_crate, path: label.to_owned(), ..Module::default() });
        let dir = root.parent().unwrap_or(Path::new("")).to_owned();
        let place = ModuleDir { file_dir: dir.clone(), child_dir: dir, inline: false, depth: 0 };
        self.fill_from_file(module, file, &place)?;
        Ok(source_crate)
    }

    /// Reads a file and returns its index. Returns `None` if it does not exist.
    pub(crate) fn read_file(&mut self, path: &Path, package: usize) -> Result<Option<usize>, String> {
        let Ok(bytes) = std::fs::read(path) else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", file_name(path)))?;
        let tokens = lex(text, &mut self.symbols).map_err(|why| format!("{}: {why}", file_name(path)))?;
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.files.push(Arc::new(SourceFile { path, package, tokens }));
        Ok(Some(self.files.len() - 1))
    }

    fn fill_from_file(&mut self, module: usize, file: usize, place: &ModuleDir) -> Result<(), String> {
        let all = self.files[file].tokens.all();
        // The attributes of the module are at the top of its file.
        let tokens = &self.files[file].tokens;
        let mut end = 0;
        while tokens.is(end, b'#') && tokens.is(end + 1, b'!') || tokens.get(end).is_some_and(is_doc) {
            end = if tokens.is(end, b'#') { tokens.after(end + 2) } else { end + 1 };
        }
        self.modules[module].inner_attributes.push((file, 0..end));
        self.fill(module, file, all, place)
    }

    fn fill(&mut self, module: usize, file: usize, range: Range<usize>, place: &ModuleDir) -> Result<(), String> {
        let source = Arc::clone(&self.files[file]);
        let tokens = &source.tokens;
        for raw in item_parser::split(tokens, range) {
            let attributes = raw.range.start..raw.keyword;
            match raw.kind {
                ItemKind::Module => self.add_module(module, file, &raw, place)?,
                ItemKind::Use => {
                    let mut imports = item_parser::imports(tokens, raw.keyword, raw.range.end);
                    if tokens.is(raw.range.start, b'#') || tokens.list[raw.range.start].kind == TokenKind::DocComment {
                        imports.iter_mut().for_each(|import| import.attributes = Some((file, attributes.clone())));
                    }
                    self.modules[module].imports.extend(imports);
                }
                ItemKind::ExternCrate => {
                    let renamed = tokens.is_name(raw.keyword + 3, known::AS);
                    let name = if renamed { tokens.name(raw.keyword + 4) } else { Some(raw.name) };
                    let import = Import { path: vec![raw.name], name, absolute: true, attributes: None };
                    self.modules[module].imports.push(import);
                    if tokens.list[attributes].iter().any(|token| token.is_name(known::MACRO_USE)) {
                        let all = Import { path: vec![raw.name], name: None, absolute: true, attributes: None };
                        self.modules[module].imports.push(all);
                    }
                }
                _ => self.add_item(module, file, &raw, place)?,
            }
        }
        Ok(())
    }

    fn add_item(
        &mut self,
        module: usize,
        file: usize,
        raw: &item_parser::RawItem,
        place: &ModuleDir,
    ) -> Result<(), String> {
        let source = Arc::clone(&self.files[file]);
        let tokens = &source.tokens;
        if raw.kind == ItemKind::Opaque && self.include(module, file, raw, place)? {
            return Ok(());
        }
        let index = self.push_item(module, file, raw);
        match raw.kind {
            ItemKind::Impl => self.add_block(index, file, raw),
            ItemKind::Macro => {
                let source_crate = self.modules[module].source_crate;
                self.source_crates[source_crate].macros.entry(raw.name).or_default().push(index);
            }
            ItemKind::Foreign => {
                for member in item_parser::split(tokens, raw.open + 1..tokens.close_of(raw.open)) {
                    self.modules[module].names.entry(member.name).or_default().push(index);
                }
            }
            ItemKind::Opaque => {
                self.modules[module].opaque.push(index);
                self.add_modules_of_macro(module, file, raw, place)?;
            }
            _ => {}
        }
        if raw.name != known::EMPTY {
            self.modules[module].names.entry(raw.name).or_default().push(index);
        }
        if !matches!(raw.kind, ItemKind::Impl | ItemKind::Macro | ItemKind::Opaque) {
            self.find_blocks_within(index);
        }
        Ok(())
    }

    pub(crate) fn push_item(&mut self, module: usize, file: usize, raw: &item_parser::RawItem) -> usize {
        self.items.push(Item {
            kind: raw.kind,
            name: raw.name,
            file,
            range: raw.range.clone(),
            keyword: raw.keyword,
            open: raw.open,
            module,
            block: None,
            holder: None,
            is_inherent: false,
        });
        self.items.len() - 1
    }

    fn add_block(&mut self, index: usize, file: usize, raw: &item_parser::RawItem) {
        let source = Arc::clone(&self.files[file]);
        let tokens = &source.tokens;
        let header = item_parser::header(tokens, raw.keyword, raw.open);
        let mut members = Vec::new();
        if header.of.is_empty() && tokens.opens(raw.open, b'{') {
            self.items[index].is_inherent = true;
            let module = self.items[index].module;
            for member in item_parser::split(tokens, raw.open + 1..tokens.close_of(raw.open)) {
                let member = self.push_item(module, file, &member);
                self.items[member].block = Some(index);
                self.find_blocks_within(member);
                members.push(member);
            }
        } else {
            self.find_blocks_within(index);
        }
        self.blocks.push(ImplBlock { item: index, header, members });
    }

    /// Adds the items of an included file. Returns `false` if the item is no `include!`, or if its file is unknown or
    /// can't be read.
    fn include(
        &mut self,
        module: usize,
        file: usize,
        raw: &item_parser::RawItem,
        place: &ModuleDir,
    ) -> Result<bool, String> {
        let source = Arc::clone(&self.files[file]);
        let tokens = &source.tokens;
        // The name may be a path, as in `std::include!`.
        let mut name = raw.keyword;
        while tokens.is_path_sign(name) || tokens.is_path_sign(name + 1) {
            name += if tokens.is_path_sign(name) { 2 } else { 3 };
        }
        let is_include = tokens.is_name(name, known::INCLUDE) && tokens.is(name + 1, b'!');
        if !is_include || place.depth > 100 || !tokens.get(name + 2).is_some_and(|token| token.kind == TokenKind::Open)
        {
            return Ok(false);
        }
        let package = self.package_of(module);
        let variable = |name: &str| self.packages[package].variable(name);
        let Some(path) = const_strings::text(tokens, name + 3..tokens.close_of(name + 2), &variable) else {
            return Ok(false);
        };
        let path = place.file_dir.join(path);
        let Some(included) = self.read_file(&path, package)? else { return Ok(false) };
        // The `cfg`s on the `include!` apply to all that is in the file.
        self.modules[module].inner_attributes.push((file, raw.range.start..raw.keyword));
        let file_dir = path.parent().unwrap_or(Path::new("")).to_owned();
        let inner = ModuleDir { file_dir, depth: place.depth + 1, ..place.clone() };
        let all = self.files[included].tokens.all();
        self.fill(module, included, all, &inner)?;
        Ok(true)
    }

    /// Finds `impl` blocks in the body of a function or a constant.
    fn find_blocks_within(&mut self, index: usize) {
        let item = &self.items[index];
        let source = Arc::clone(&self.files[item.file]);
        let tokens = &source.tokens;
        let list = &tokens.list[..item.range.end];
        let mut at = item.keyword + 1;
        while at < list.len() {
            if list[at].kind == TokenKind::Ident && list[at].data == known::IMPL && begins_statement(list, at) {
                let raw = item_parser::one(tokens, at, list.len());
                let header = item_parser::header(tokens, raw.keyword, raw.open);
                self.blocks.push(ImplBlock { item: index, header, members: Vec::new() });
            }
            at += 1;
        }
    }

    fn add_module(
        &mut self,
        parent: usize,
        file: usize,
        raw: &item_parser::RawItem,
        place: &ModuleDir,
    ) -> Result<(), String> {
        let source = Arc::clone(&self.files[file]);
        let tokens = &source.tokens;
        let attributes = (file, raw.range.start..raw.keyword);
        let name = self.symbols.text(raw.name).to_owned();
        let told = paths_in(tokens, attributes.1.clone());
        if tokens.opens(raw.open, b'{') {
            let module = self.push_module(parent, raw.name, attributes);
            self.modules[module].is_inline = true;
            let dir = place.child_dir.join(told.first().map_or(name.as_str(), |(path, _)| path));
            let inner = ModuleDir { child_dir: dir, inline: true, ..place.clone() };
            return self.fill(module, file, raw.open + 1..tokens.close_of(raw.open), &inner);
        }
        if place.depth > 100 {
            return Err(format!("module {name} is within itself"));
        }
        let base = if place.inline { &place.child_dir } else { &place.file_dir };
        let mut candidates: Vec<(PathBuf, bool)> = told.iter().map(|(path, _)| (base.join(path), true)).collect();
        // With `#[cfg_attr(…, path = "…")]` the default path is possible as well.
        if told.iter().all(|(_, certain)| !certain) {
            candidates.push((place.child_dir.join(format!("{name}.rs")), false));
            candidates.push((place.child_dir.join(&name).join("mod.rs"), true));
        }
        for (path, owns_folder) in candidates {
            // A missing file belongs to a disabled module, or rustc reports it.
            let file = match self.read_file(&path, self.package_of(parent)) {
                Ok(Some(file)) => file,
                Ok(None) => continue,
                Err(why) => {
                    self.unreadable.push(why);
                    continue;
                }
            };
            let module = self.push_module(parent, raw.name, attributes.clone());
            let file_dir = path.parent().unwrap_or(Path::new("")).to_owned();
            let child_dir = if owns_folder { file_dir.clone() } else { place.child_dir.join(&name) };
            let inner = ModuleDir { file_dir, child_dir, inline: false, depth: place.depth + 1 };
            self.fill_from_file(module, file, &inner)?;
        }
        Ok(())
    }

    /// Adds each `mod x;` in the input of a macro such as `cfg_if!`.
    fn add_modules_of_macro(
        &mut self,
        module: usize,
        file: usize,
        raw: &item_parser::RawItem,
        place: &ModuleDir,
    ) -> Result<(), String> {
        let source = Arc::clone(&self.files[file]);
        let tokens = &source.tokens;
        for at in raw.keyword..raw.range.end {
            if tokens.is_name(at, known::MOD) && tokens.is(at + 2, b';') {
                let mut found = item_parser::one(tokens, at, at + 3);
                // All of the macro's input decides about the module.
                found.range.start = raw.range.start;
                self.add_module(module, file, &found, place)?;
            }
        }
        // A list of names may be one of modules, if there are files of these names.
        let input = raw.open + 1..raw.range.end.saturating_sub(1);
        let is_list = input.len() < 200
            && tokens.list.get(input.clone()).is_some_and(|list| {
                list.iter().all(|token| matches!(token.kind, TokenKind::Ident | TokenKind::Punct | TokenKind::Close))
            });
        for at in input.filter(|_| is_list) {
            let Some(name) = tokens.name(at) else { continue };
            let text = self.symbols.text(name);
            let is_file = place.child_dir.join(format!("{text}.rs")).is_file()
                || place.child_dir.join(text).join("mod.rs").is_file();
            if is_file && !self.modules[module].children.contains_key(&name) {
                let found = item_parser::RawItem {
                    kind: ItemKind::Module,
                    name,
                    range: raw.range.clone(),
                    keyword: raw.keyword,
                    open: tokens.list.len(),
                };
                self.add_module(module, file, &found, place)?;
            }
        }
        Ok(())
    }

    fn push_module(&mut self, parent: usize, name: Symbol, attributes: Part) -> usize {
        let index = self.modules.len();
        let outer = &self.modules[parent];
        let path = join(&outer.path, self.symbols.text(name));
        let source_crate = outer.source_crate;
        self.modules[parent].children.entry(name).or_default().push(index);
        let attributes = vec![attributes];
        self.modules.push(Module { source_crate, parent: Some(parent), path, attributes, ..Module::default() });
        index
    }

    /// Returns a module and the modules around it, from the innermost to the root of its crate.
    pub(crate) fn with_parents(&self, module: usize) -> Vec<usize> {
        std::iter::successors(Some(module), |module| self.modules[*module].parent).collect()
    }

    pub(crate) fn package_of(&self, module: usize) -> usize {
        self.source_crates[self.modules[module].source_crate].package
    }

    /// Returns the module that `crate::` means.
    pub(crate) fn root_of(&self, module: usize) -> usize {
        self.source_crates[self.modules[module].source_crate].root
    }
}

pub(crate) fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

fn is_doc(token: &Token) -> bool {
    token.kind == TokenKind::DocComment
}

/// Returns the files that `#[path = "…"]` in some attributes names, and whether no `cfg_attr` decides about them.
fn paths_in(tokens: &Tokens, range: Range<usize>) -> Vec<(String, bool)> {
    let list = &tokens.list[range.clone()];
    let certain = !list.iter().any(|token| token.is_name(known::CFG_ATTR));
    let mut paths = Vec::new();
    for (index, window) in list.windows(3).enumerate() {
        let [name, equals, text] = window else { continue };
        let in_attribute = index > 0 && (list[index - 1].kind == TokenKind::Open || list[index - 1].is(b','));
        if name.is_name(known::PATH) && equals.is(b'=') && text.kind == TokenKind::Str && in_attribute {
            paths.extend(str_value(tokens.text_of(text)).map(|path| (path, certain)));
        }
    }
    paths
}
