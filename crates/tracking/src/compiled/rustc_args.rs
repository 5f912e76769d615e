//! The command line of rustc. An attribute runs within the compiler, so it is the command line of this process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::compiled::build_start::BuildStart;
use crate::compiled::cargo_notes::CargoNotes;
use crate::compiled::native_libraries;
use crate::compiled::paths::normal;

/// The arguments of the compilation in progress.
#[derive(Debug, Default)]
pub(crate) struct RustcArgs {
    /// The root file of the crate, canonical.
    pub(crate) root: PathBuf,
    /// The root file as it was given, with symbolic links.
    pub(crate) named_root: PathBuf,
    pub(crate) edition: String,
    pub(crate) out_dir: Option<PathBuf>,
    /// The crates that it was given: their names in code, and the files.
    pub(crate) externs: Vec<(String, PathBuf)>,
    /// Where it searches for crates.
    pub(crate) dependency_dirs: Vec<PathBuf>,
    /// Where it searches for C libraries.
    pub(crate) native_dirs: Vec<PathBuf>,
    /// The C libraries to link (`-l`).
    pub(crate) native: Vec<String>,
    /// The hash in the file names of this unit.
    hash: Option<String>,
    /// The digests of sources in the metadata are not those that rustc makes by default.
    pub(crate) other_digests: bool,
    /// The output is a library for other crates.
    pub(crate) is_library: bool,
    /// The working directory.
    pub(crate) dir: PathBuf,
}

impl RustcArgs {
    pub(crate) fn of_this_process() -> Result<Self, String> {
        let dir = std::env::current_dir().map_err(|error| format!("can't tell the current folder: {error}"))?;
        Self::parse(&arguments_of_this_process(), &dir)
    }

    fn parse(arguments: &[OsString], dir: &Path) -> Result<Self, String> {
        let texts: Vec<String> = arguments.iter().map(|text| text.to_string_lossy().into_owned()).collect();
        let values = |name: &str| values(&texts, name);
        let takes_value = |argument: &str| {
            let long = ["--cfg", "--check-cfg", "--extern", "--out-dir", "--remap-path-prefix", "--target"];
            let short = ["-C", "-L", "-l", "-o", "-A", "-W", "-D", "-F", "-Z"];
            long.contains(&argument) || short.contains(&argument)
        };
        let root = texts.iter().enumerate().find(|(index, text)| {
            let follows_option = *index > 0 && takes_value(&texts[index - 1]);
            let is_file = || dir.join(&arguments[*index]).is_file();
            text.ends_with(".rs") && !text.starts_with('-') && !follows_option && is_file()
        });
        let (root, _) = root.ok_or("the compiler was not given a file, as for a documentation test")?;
        let folders = |kinds: &[&str]| -> Vec<PathBuf> {
            let searched = values("-L").into_iter().filter_map(|text| match text.split_once('=') {
                Some((kind, path)) if ["dependency", "crate", "native", "framework", "all"].contains(&kind) => {
                    (kinds.contains(&kind) || kind == "all").then(|| dir.join(path))
                }
                _ => Some(dir.join(&text)),
            });
            searched.collect()
        };
        let codegen = values("-C");
        let hash = codegen.iter().find_map(|option| option.strip_prefix("extra-filename=-"));
        Ok(RustcArgs {
            root: normal(&dir.join(&arguments[root])),
            named_root: dir.join(&arguments[root]),
            edition: values("--edition").pop().unwrap_or_else(|| "2015".to_owned()),
            out_dir: values("--out-dir").pop().map(|path| dir.join(path)),
            externs: externs(&texts, dir),
            dependency_dirs: folders(&["dependency", "crate"]),
            native_dirs: folders(&["native"]),
            native: values("-l").iter().map(|text| native_libraries::name_of_library(text)).collect(),
            hash: hash.map(str::to_owned),
            other_digests: values("-Z").iter().any(|option| option.contains("src-hash-algorithm")),
            is_library: values("--crate-type").iter().any(|kind| kind != "bin")
                && !texts.iter().any(|text| text == "--test"),
            dir: dir.to_owned(),
        })
    }

    /// Returns when cargo started this compilation.
    pub(crate) fn build_start(&self) -> Option<BuildStart> {
        let notes = CargoNotes::beside(self.out_dir.as_deref()?);
        BuildStart::of(&notes.build_start(self.hash.as_deref()?)?)
    }
}

/// Returns the name by which the crate that this process compiles knows a library. It differs if a dependency is renamed.
pub(crate) fn name_of_library(library: &str) -> Option<String> {
    let arguments = arguments_of_this_process();
    let texts: Vec<String> = arguments.iter().map(|text| text.to_string_lossy().into_owned()).collect();
    name_among(&externs(&texts, Path::new("")), library)
}

fn name_among(externs: &[(String, PathBuf)], library: &str) -> Option<String> {
    let is_file = |file: &Path| {
        let stem = file.file_stem().and_then(|stem| stem.to_str());
        // A dynamic library has no prefix on Windows. cargo puts a hash behind the name.
        let name = stem.map(|stem| stem.strip_prefix("lib").unwrap_or(stem));
        name.is_some_and(|name| name == library || name.rsplit_once('-').is_some_and(|(name, _)| name == library))
    };
    let names: Vec<&String> = externs.iter().filter(|(_, file)| is_file(file)).map(|(name, _)| name).collect();
    names.iter().find(|name| **name == library).or(names.first()).map(|name| (*name).clone())
}

fn arguments_of_this_process() -> Vec<OsString> {
    let mut arguments = Vec::new();
    for argument in std::env::args_os().skip(1) {
        // cargo writes a long command line to a file.
        let file = argument.to_str().and_then(|argument| argument.strip_prefix('@'));
        match file.map(std::fs::read_to_string) {
            Some(Ok(text)) => arguments.extend(text.lines().map(OsString::from)),
            _ => arguments.push(argument),
        }
    }
    arguments
}

/// Returns the values of an option. Long options are `--name value` or `--name=value`; short ones are `-n value` or
/// `-nvalue`.
fn values(arguments: &[String], name: &str) -> Vec<String> {
    let value_of = |(index, text): (usize, &String)| match text.strip_prefix(name)? {
        "" => arguments.get(index + 1).cloned(),
        rest if name.len() == 2 => Some(rest.to_owned()),
        rest => rest.strip_prefix('=').map(str::to_owned),
    };
    arguments.iter().enumerate().filter_map(value_of).collect()
}

/// Returns the crates that the compiler was given: their names in code, and the files.
fn externs(arguments: &[String], dir: &Path) -> Vec<(String, PathBuf)> {
    let externs = values(arguments, "--extern").into_iter().filter_map(|text| {
        let (name, path) = text.split_once('=')?;
        // There may be options in front, as in `priv:name`.
        let name = name.rsplit(':').next()?;
        Some((name.to_owned(), dir.join(path)))
    });
    externs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_understood() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "rustc --crate-name x --edition=2024 --cfg feature=\"a.rs\" src/lib.rs -C x.rs --out-dir out \
                    --extern priv:a=deps/liba-b1.rlib --extern=b=deps/libb_c-0f.so --extern proc_macro \
                    -C extra-filename=-0123456789abcdef -L dependency=deps -L native=/n -L /both -lstatic=k";
        let arguments: Vec<OsString> = text.split(' ').filter(|part| !part.is_empty()).map(OsString::from).collect();
        let rustc_args = RustcArgs::parse(&arguments, dir).unwrap();
        assert_eq!(rustc_args.root, normal(&dir.join("src/lib.rs")));
        assert_eq!(rustc_args.edition, "2024");
        assert_eq!(rustc_args.out_dir, Some(dir.join("out")));
        let externs = ["a=deps/liba-b1.rlib", "b=deps/libb_c-0f.so"].map(|text| {
            let (name, file) = text.split_once('=').unwrap();
            (name.to_owned(), dir.join(file))
        });
        assert_eq!(rustc_args.externs, externs);
        assert_eq!(rustc_args.hash.as_deref(), Some("0123456789abcdef"));
        assert_eq!(rustc_args.dependency_dirs, [dir.join("deps"), "/both".into()]);
        assert_eq!(rustc_args.native_dirs, [Path::new("/n"), Path::new("/both")]);
        assert_eq!(rustc_args.native, ["k"]);
        assert!(!rustc_args.other_digests);
        assert!(RustcArgs::parse(&["-".into()], dir).is_err());
    }

    #[test]
    fn a_renamed_dependency_is_found() {
        let renamed = |externs: &[&str], library: &str| {
            let externs: Vec<String> = externs.iter().map(|text| format!("--extern={text}")).collect();
            name_among(&super::externs(&externs, Path::new("")), library)
        };
        assert_eq!(renamed(&["x=d/liba-b1.rlib", "y=d/liba_c-b1.rmeta"], "a").as_deref(), Some("x"));
        assert_eq!(renamed(&["x=d/liba-b1.rlib", "a=d/liba-b2.rlib"], "a").as_deref(), Some("a"));
        assert_eq!(renamed(&["priv:x=d/liba.so"], "a").as_deref(), Some("x"));
        assert_eq!(renamed(&["a=d/libb-b1.rlib", "b_a=d/libb_a-b1.rlib"], "a"), None);
    }
}
