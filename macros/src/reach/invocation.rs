//! What the compiler was told on its command line. An attribute runs within the compiler, so its
//! arguments are those of the process.

use std::path::{Path, PathBuf};

use super::paths::normal;

/// The compilation that is going on.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The file that the compiler began with.
    pub(crate) root: PathBuf,
    pub(crate) edition: String,
    pub(crate) out_dir: Option<PathBuf>,
    /// The crates it was given: their name in the code, and the file.
    pub(crate) externs: Vec<(String, PathBuf)>,
}

impl Invocation {
    pub(crate) fn of_this_process() -> Result<Self, String> {
        let mut arguments = Vec::new();
        for argument in std::env::args_os().skip(1) {
            let argument = argument.to_string_lossy().into_owned();
            // cargo puts long command lines into a file.
            match argument.strip_prefix('@').map(std::fs::read_to_string) {
                Some(Ok(text)) => arguments.extend(text.lines().map(str::to_owned)),
                _ => arguments.push(argument),
            }
        }
        let dir = std::env::current_dir().map_err(|error| format!("can't tell the current folder: {error}"))?;
        Self::parse(&arguments, &dir)
    }

    fn parse(arguments: &[String], dir: &Path) -> Result<Self, String> {
        let value = |name: &str| {
            let mut values =
                arguments.iter().enumerate().filter_map(|(index, argument)| match argument.strip_prefix(name)? {
                    "" => arguments.get(index + 1).cloned(),
                    rest => rest.strip_prefix('=').map(str::to_owned),
                });
            let all: Vec<String> = values.by_ref().collect();
            all
        };
        let takes_value = |argument: &str| {
            let long = ["--cfg", "--check-cfg", "--extern", "--out-dir", "--remap-path-prefix", "--target"];
            let short = ["-C", "-L", "-l", "-o", "-A", "-W", "-D", "-F", "-Z"];
            long.contains(&argument) || short.contains(&argument)
        };
        let root = arguments.iter().enumerate().find(|(index, argument)| {
            let follows_option = *index > 0 && takes_value(&arguments[index - 1]);
            argument.ends_with(".rs") && !argument.starts_with('-') && !follows_option && dir.join(argument).is_file()
        });
        let root = root.ok_or("the compiler was not given a file")?.1;
        let externs = value("--extern").into_iter().filter_map(|text| {
            let (name, path) = text.split_once('=')?;
            // `priv:name` and the like.
            let name = name.rsplit(':').next()?;
            Some((name.to_owned(), dir.join(path)))
        });
        Ok(Invocation {
            root: normal(&dir.join(root)),
            edition: value("--edition").pop().unwrap_or_else(|| "2015".to_owned()),
            out_dir: value("--out-dir").pop().map(|path| dir.join(path)),
            externs: externs.collect(),
        })
    }

    /// The features that a direct dependency is built with, or what changes when they do: cargo notes
    /// them beside the library.
    pub(crate) fn features_of(&self, package: &str, library: &str) -> String {
        let file = self.externs.iter().find_map(|(_, file)| {
            let stem = file.file_stem()?.to_string_lossy().into_owned();
            let hash = stem.strip_prefix("lib")?.strip_prefix(library)?.strip_prefix('-')?.to_owned();
            Some((file, hash))
        });
        let Some((file, hash)) = file else {
            // What is between here and there has a name that depends on its features.
            return self.externs.iter().map(|(_, file)| format!("{:?}", file.file_name())).collect();
        };
        let noted = file.parent().and_then(Path::parent).and_then(|dir| {
            let folder = dir.join(".fingerprint").join(format!("{package}-{hash}"));
            let text = std::fs::read_to_string(folder.join(format!("lib-{library}.json"))).ok()?;
            let rest = text.split_once("\"features\":\"")?.1;
            // A list of quoted names, in a string.
            Some(rest.split_once("]\"")?.0.to_owned())
        });
        noted.unwrap_or(hash)
    }

    /// The library's own name of the crate that the code calls `name`.
    pub(crate) fn library_of(&self, name: &str) -> Option<String> {
        let (_, file) = self.externs.iter().find(|(known, _)| known == name)?;
        let stem = file.file_stem()?.to_str()?;
        let library = stem.strip_prefix("lib").unwrap_or(stem);
        Some(library.split_once('-').map_or(library, |(library, _)| library).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_understood() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "rustc --crate-name x --edition=2024 --cfg feature=\"a.rs\" src/lib.rs -C x.rs --out-dir out \
                    --extern priv:a=deps/liba-b1.rlib --extern=b=deps/libb_c-0f.so --extern proc_macro";
        let arguments: Vec<String> = text.split(' ').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let invocation = Invocation::parse(&arguments, dir).unwrap();
        assert_eq!(invocation.root, normal(&dir.join("src/lib.rs")));
        assert_eq!(invocation.edition, "2024");
        assert_eq!(invocation.out_dir, Some(dir.join("out")));
        let externs = ["a=deps/liba-b1.rlib", "b=deps/libb_c-0f.so"].map(|text| {
            let (name, file) = text.split_once('=').unwrap();
            (name.to_owned(), dir.join(file))
        });
        assert_eq!(invocation.externs, externs);
        assert_eq!(invocation.library_of("b").as_deref(), Some("b_c"));
        assert_eq!(invocation.features_of("a", "a"), "b1");
        assert!(Invocation::parse(&["-".to_owned()], dir).is_err());
    }
}
