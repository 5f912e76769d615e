//! Tests the layers of the library: a file may import from its own folder and from lower layers, and files must not
//! import each other in a cycle. `ARCHITECTURE.md` shows the layers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders of `src`, from the top layer to the bottom one.
const LAYERS: [&str; 14] = [
    "call",
    "explain",
    "cache",
    "engine",
    "single_flight",
    "store",
    "settings",
    "files",
    "key",
    "format",
    "observe",
    "sys",
    "error",
    "text",
];

const ADVICE: &str =
    "Move what both files need into a file below them, or pass it in as an argument. ARCHITECTURE.md has the layers.";

/// Files of a crate by module path, for example `["store", "layout"]`.
struct Modules(BTreeMap<Vec<String>, PathBuf>);

impl Modules {
    fn of(src: &Path) -> Self {
        let mut all = BTreeMap::new();
        let mut folders = vec![src.to_owned()];
        while let Some(folder) = folders.pop() {
            for item in fs::read_dir(&folder).unwrap() {
                let path = item.unwrap().path();
                if path.is_dir() && !path.ends_with("bin") {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let relative = path.strip_prefix(src).unwrap().with_extension("");
                    let mut module: Vec<_> = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
                    module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
                    all.insert(module, path);
                }
            }
        }
        Modules(all)
    }

    /// Returns the modules that a file imports from, each with the imported path. Inline test modules are excluded,
    /// because a test may use the whole library.
    fn imports(&self, module: &[String]) -> BTreeMap<Vec<String>, String> {
        let text = fs::read_to_string(&self.0[module]).unwrap();
        let code = strip_comments(without_tests(&text));
        let mut found = BTreeMap::new();
        let mut imported = Vec::new();
        for path in paths(&code, &["crate", "super", "self"]) {
            let up = path.iter().take_while(|part| *part == "super").count();
            imported.push(match path[0].as_str() {
                "crate" => path[1..].to_vec(),
                "super" => [&module[..module.len() - up], &path[up..]].concat(),
                _ => [module, &path[1..]].concat(),
            });
        }
        // A module names its child modules without a prefix.
        let is_child = |other: &&Vec<String>| other.len() == module.len() + 1 && other.starts_with(module);
        let children: Vec<&str> = self.0.keys().filter(is_child).map(|child| child[module.len()].as_str()).collect();
        imported.extend(paths(&code, &children).into_iter().map(|path| [module, &path].concat()));
        for mut full in imported {
            let named = full.join("::");
            while !full.is_empty() && !self.0.contains_key(&full) {
                full.pop();
            }
            if full != module {
                found.insert(full, named);
            }
        }
        found
    }

    /// Returns the files that import each other, directly or through others.
    fn cycles(&self) -> Vec<Vec<String>> {
        let graph: BTreeMap<_, BTreeSet<_>> = self
            .0
            .keys()
            .filter(|module| !module.is_empty())
            .map(|module| (module.clone(), self.imports(module).into_keys().filter(|to| !to.is_empty()).collect()))
            .collect();
        // A file is in a cycle if it can be reached from itself.
        let reaches = |from: &Vec<String>| {
            let mut seen = BTreeSet::new();
            let mut next: Vec<_> = graph[from].iter().collect();
            while let Some(module) = next.pop() {
                if seen.insert(module) {
                    next.extend(&graph[module]);
                }
            }
            seen.contains(from)
        };
        graph.keys().filter(|module| reaches(module)).cloned().collect()
    }
}

/// Returns the code before the inline module of tests.
fn without_tests(text: &str) -> &str {
    let is_module = |at: usize| {
        let mut lines = text[at..].trim_start().lines().skip_while(|line| line.starts_with("#["));
        lines.next().is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    let module = text.match_indices("\n#[cfg(test)]\n").map(|(at, _)| at).find(|at| is_module(*at));
    &text[..module.unwrap_or(text.len())]
}

fn strip_comments(code: &str) -> String {
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Returns all paths in the code that begin with one of these names. A `use` with braces gives several paths.
fn paths(code: &str, first: &[&str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for name in first {
        for (at, _) in code.match_indices(&format!("{name}::")) {
            let is_word = |c: char| c.is_alphanumeric() || "_$:".contains(c);
            if !code[..at].ends_with(is_word) {
                tree(&code[at..], &mut Vec::new(), &mut all);
            }
        }
    }
    all
}

/// Reads one path or tree of paths from the beginning of `code`, and returns the rest.
fn tree<'c>(code: &'c str, prefix: &mut Vec<String>, all: &mut Vec<Vec<String>>) -> &'c str {
    let depth = prefix.len();
    let mut rest = code.trim_start();
    loop {
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            loop {
                rest = tree(rest, prefix, all).trim_start();
                match rest.strip_prefix(',') {
                    Some(next) => rest = next.trim_start(),
                    None => break,
                }
            }
            rest = rest.strip_prefix('}').unwrap_or(rest);
            break;
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if end == 0 {
            break;
        }
        if &rest[..end] != "self" || prefix.is_empty() {
            prefix.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(next) => rest = next,
            None => {
                all.push(prefix.clone());
                // Skip a rename such as `a as b`.
                let end = rest.find([',', '}', ';']).unwrap_or(rest.len());
                if rest.trim_start().starts_with("as ") {
                    rest = &rest[end..];
                }
                break;
            }
        }
    }
    prefix.truncate(depth);
    rest
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn each_file_imports_from_its_own_layer_or_a_lower_one() {
    let modules = Modules::of(&root().join("src"));
    let layer = |module: &[String]| {
        LAYERS.iter().position(|layer| module.first().is_some_and(|first| first == layer)).unwrap_or_else(|| {
            panic!(
                "src/{} is in no layer. Move it into a folder of a layer, or add the layer to tests/it/layers.rs.",
                module.join("/")
            )
        })
    };
    let mut wrong = Vec::new();
    for module in modules.0.keys().filter(|module| !module.is_empty()) {
        for (imported, named) in modules.imports(module) {
            let from = module.join("::");
            if imported.is_empty() {
                wrong.push(format!(
                    "{from} imports crate::{named} from the root: import it from the file that defines it"
                ));
            } else if layer(&imported) < layer(module) {
                wrong.push(format!("{from} is in a lower layer than crate::{named}, which it imports"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{ADVICE}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_cycle() {
    for src in ["src", "macros/src", "crates/tracking/src", "crates/cli/src", "crates/blocks/src"] {
        let cycles = Modules::of(&root().join(src)).cycles();
        let files: Vec<_> = cycles.iter().map(|module| module.join("::")).collect();
        assert!(files.is_empty(), "These files of {src} import each other in cycles: {}. {ADVICE}", files.join(", "));
    }
}

/// A re-export would hide which file another one imports from.
#[test]
fn modules_of_a_folder_re_export_nothing() {
    let mut wrong = Vec::new();
    for src in ["src", "macros/src", "crates/tracking/src", "crates/cli/src", "crates/blocks/src"] {
        for (module, path) in &Modules::of(&root().join(src)).0 {
            let text = fs::read_to_string(path).unwrap();
            let is_export = |line: &&str| line.starts_with("pub use ") || line.starts_with("pub(crate) use ");
            let is_checked = !module.is_empty() && path.ends_with("mod.rs");
            wrong.extend(text.lines().filter(|_| is_checked).filter(is_export).map(|line| format!("{src}: {line}")));
        }
    }
    assert!(wrong.is_empty(), "{}\nImport from the file that defines the item instead.", wrong.join("\n"));
}

#[test]
fn imports_are_found() {
    let named =
        |code: &str| paths(code, &["crate", "super", "child"]).iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(
        named("use crate::a::{b::C, d::{self, E as F}}; let x = crate::g::h(1);"),
        ["crate::a::b::C", "crate::a::d", "crate::a::d::E", "crate::g::h"]
    );
    assert_eq!(named("super::x::y(); mycrate::z; child::f(a::child::g)"), ["super::x::y", "child::f"]);
}
