//! One call: the function's key, and what this call adds to it.

use serde::{Deserialize, Serialize};

use super::Key;
use super::canonical::{self, Order};
use super::sink::{Sink, Tag};
use crate::preview::{preview, shorten};
use crate::{Error, Result};

/// An argument whose encoding is longer than this stands in the call by its digest.
const LONGEST_INLINE: usize = 1 << 10;

/// Takes the parts of a call, one after another. The attribute calls it.
pub struct Describe<'s> {
    mode: Mode<'s>,
}

enum Mode<'s> {
    /// For the key: what matters is speed.
    Key { call: &'s mut Sink, long: &'s mut LongArguments, failed: Option<(&'static str, Error)> },
    /// For the header of an entry: digests and previews.
    Show { arguments: &'s mut Vec<Argument>, long: &'s LongArguments },
}

/// The digests of a call's long arguments, under their names: they were made for the key, and need not be made
/// again for what the entry shows.
#[derive(Debug, Default)]
pub(crate) struct LongArguments(Vec<(&'static str, Key)>);

impl LongArguments {
    fn get(&self, name: &str) -> Option<Key> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, digest)| *digest)
    }
}

/// What an entry remembers of an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Argument {
    /// The parameter's name.
    pub name: String,
    /// [`key_of`](crate::key_of) the argument.
    pub digest: Key,
    /// The beginning of the argument as text, at most about 120 bytes.
    pub preview: String,
}

impl Describe<'_> {
    /// An argument, under the name of its parameter.
    pub fn argument<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.value(Tag::Argument, name, value);
    }

    /// The value of a const parameter.
    pub fn constant<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.value(Tag::ConstParameter, name, value);
    }

    /// The type that a type parameter stands for, or `Self`.
    pub fn type_parameter<T: ?Sized>(&mut self, name: &'static str) {
        self.type_name(name, std::any::type_name::<T>());
    }

    /// The type of an argument whose parameter is declared as `impl Trait`.
    pub fn type_of<T: ?Sized>(&mut self, name: &'static str, _: &T) {
        self.type_parameter::<T>(name);
    }

    fn type_name(&mut self, name: &'static str, type_name: &'static str) {
        match &mut self.mode {
            Mode::Key { call, .. } => {
                call.text(type_name);
                call.tag(Tag::TypeParameter);
                call.keep();
            }
            Mode::Show { arguments, .. } => {
                let Ok(digest) = super::key_of(type_name) else { return };
                let preview = shorten(type_name, 120).to_owned();
                arguments.push(Argument { name: name.to_owned(), digest, preview });
            }
        }
    }

    fn value<T: Serialize + ?Sized>(&mut self, tag: Tag, name: &'static str, value: &T) {
        match &mut self.mode {
            Mode::Key { failed: Some(_), .. } => {}
            Mode::Key { call, long, failed } => {
                if let Err(error) = canonical::encode(value, Order::Meant, call) {
                    *failed = Some((name, error));
                    return;
                }
                if call.short(LONGEST_INLINE).is_none() {
                    let digest = call.digest();
                    call.clear();
                    call.write(digest.as_bytes());
                    call.tag(Tag::Digest);
                    long.0.push((name, digest));
                }
                call.tag(tag);
                call.keep();
            }
            Mode::Show { arguments, long } => {
                let Some(digest) = long.get(name).or_else(|| super::key_of(value).ok()) else { return };
                arguments.push(Argument { name: name.to_owned(), digest, preview: preview(value) });
            }
        }
    }
}

/// The key of a call of `function`; `describe` names the call's parts. Its long arguments are noted for [`show`].
pub(crate) fn key(function: &Key, long: &mut LongArguments, describe: impl FnOnce(&mut Describe<'_>)) -> Result<Key> {
    let mut call = Sink::new();
    let mode = Mode::Key { call: &mut call, long, failed: None };
    let mut description = Describe { mode };
    describe(&mut description);
    if let Mode::Key { failed: Some((name, error)), .. } = description.mode {
        return Err(error.context(&format!("the argument `{name}` has no key")));
    }
    Ok(call.keyed_digest(function))
}

/// What an entry shows of a call's parts.
pub(crate) fn show(long: &LongArguments, describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
    let mut arguments = Vec::new();
    describe(&mut Describe { mode: Mode::Show { arguments: &mut arguments, long } });
    arguments
}
