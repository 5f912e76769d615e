//! One call: the function's key, and what this call adds to it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::key::canonical::encode;
use crate::key::canonical::encoder::MapOrder;
use crate::key::canonical::hash_buffer::{HashBuffer, Tag};
use crate::key::crate_names::crates_in;
use crate::key::digest::Key;
use crate::key::file_digest::inputs::{Used, used_by};
use crate::key::key_of::key_of;
use crate::sys::catch_panic::{guarded, panicked};
use crate::sys::program;
use crate::text::preview::{preview, shorten};

/// An argument whose encoding is longer than this stands in the call by its digest.
const LONGEST_INLINE: usize = 1 << 10;

/// Takes the parts of a call, one after another. The attribute calls it.
pub struct Describe<'s> {
    mode: Mode<'s>,
    /// How many values came so far.
    count: usize,
    /// The name of the value that is being encoded.
    now: Option<&'static str>,
}

enum Mode<'s> {
    /// For the key: what matters is speed.
    Key { call: &'s mut HashBuffer, long: Long, failed: Option<(&'static str, Error)> },
    /// For the header of an entry: digests and previews.
    Show { arguments: &'s mut Vec<Argument>, long: &'s Long },
}

/// The digests of arguments that are long, by their number: so that they are made once.
type Long = Vec<(usize, Key)>;

/// What an entry remembers of an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Argument {
    /// The parameter's name.
    pub name: String,
    /// [`key_of`](crate::key_of()) the argument.
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

    /// What is known of the code of the crates that a type parameter's type is from: `known` has a digest by
    /// crate, which is 0 for crates whose code is followed anyway. For others the running program stands.
    pub fn crates_of<T: ?Sized>(&mut self, known: &'static [(&'static str, u128)]) {
        let Mode::Key { call, .. } = &mut self.mode else { return };
        for krate in crates_in(std::any::type_name::<T>()) {
            match known.iter().find(|(name, _)| *name == krate) {
                Some((_, 0)) => continue,
                Some((_, digest)) => call.text(&format!("crate {krate} {digest:032x}")),
                None => call.text(&format!("binary {}", program::identity())),
            }
            // A type's name never begins like that.
            call.tag(Tag::TypeParameter);
        }
        call.keep();
    }

    /// The same for an argument whose parameter is declared as `impl Trait`.
    pub fn crates_of_value<T: ?Sized>(&mut self, _: &T, known: &'static [(&'static str, u128)]) {
        self.crates_of::<T>(known);
    }

    fn type_name(&mut self, name: &'static str, type_name: &'static str) {
        match &mut self.mode {
            Mode::Key { call, .. } => {
                call.text(type_name);
                call.tag(Tag::TypeParameter);
                call.keep();
            }
            Mode::Show { arguments, .. } => {
                let Ok(digest) = key_of(type_name) else { return };
                let preview = shorten(type_name, 120).to_owned();
                arguments.push(Argument { name: name.to_owned(), digest, preview });
            }
        }
    }

    fn value<T: Serialize + ?Sized>(&mut self, tag: Tag, name: &'static str, value: &T) {
        let number = self.count;
        self.count += 1;
        match &mut self.mode {
            Mode::Key { failed: Some(_), .. } => {}
            Mode::Key { call, long, failed } => {
                self.now = Some(name);
                if let Err(error) = encode::encode(value, MapOrder::Meant, call) {
                    *failed = Some((name, error));
                    return;
                }
                self.now = None;
                if call.short(LONGEST_INLINE).is_none() {
                    let digest = call.digest();
                    call.clear();
                    long.push((number, digest));
                    call.write(digest.as_bytes());
                    call.tag(Tag::Digest);
                }
                call.tag(tag);
                call.keep();
            }
            Mode::Show { arguments, long } => {
                let known = long.iter().find(|(long, _)| *long == number).map(|(_, digest)| *digest);
                let Some(digest) = known.or_else(|| key_of(value).ok()) else { return };
                arguments.push(Argument { name: name.to_owned(), digest, preview: preview(value) });
            }
        }
    }
}

/// A call's parts in the canonical encoding.
pub(crate) struct Encoded {
    parts: HashBuffer,
    /// The digests of its arguments that are long.
    long: Long,
    /// Why there is none.
    failed: Option<Error>,
    /// Whether it was not encoded at all.
    is_none: bool,
    /// The files that it depends on.
    pub(crate) files: Vec<Used>,
}

/// Encodes a call; `describe` names its parts.
#[inline]
pub(crate) fn encode(describe: impl FnOnce(&mut Describe<'_>)) -> Encoded {
    let mut parts = HashBuffer::new();
    let ((long, failed), files) = used_by(|| {
        let mode = Mode::Key { call: &mut parts, long: Long::new(), failed: None };
        let mut description = Describe { mode, count: 0, now: None };
        let panic = catch_unwind(AssertUnwindSafe(|| describe(&mut description))).err();
        let panic = panic.map(|panic| match description.now {
            Some(name) => (name, panicked("its `Serialize`", panic)),
            None => ("key(..)", panicked("an expression of the attribute", panic)),
        });
        match description.mode {
            Mode::Key { long, failed, .. } => (long, failed.or(panic)),
            // It is the one from above.
            Mode::Show { .. } => (Long::new(), None),
        }
    });
    let failed = failed.map(|(name, error)| error.context(&format!("the argument `{name}` has no key")));
    Encoded { parts, long, failed, is_none: false, files }
}

impl Encoded {
    /// Of a call that nobody asks for.
    pub(crate) fn none() -> Self {
        Encoded { parts: HashBuffer::new(), long: Long::new(), failed: None, is_none: true, files: Vec::new() }
    }

    /// Whether this stands for a call that nobody asked for, so that it has no key.
    pub(crate) fn is_none(&self) -> bool {
        self.is_none
    }

    /// The key of this call of `function`.
    pub(crate) fn key(&self, function: &Key) -> Result<Key> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => Ok(self.parts.keyed_digest(function)),
        }
    }

    /// The encoding, unless it is long.
    #[inline]
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        let bytes = self.parts.all();
        (self.failed.is_none() && !self.is_none && bytes.len() <= LONGEST_INLINE).then_some(bytes)
    }

    /// What an entry shows of the call.
    pub(crate) fn show(&self, describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
        show(&self.long, describe)
    }
}

/// What an entry shows of a call's parts, of which `long` has some digests.
fn show(long: &Long, describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let mut description = Describe { mode: Mode::Show { arguments: &mut arguments, long }, count: 0, now: None };
    // It went well when the key was made, but who knows.
    let shown = guarded("what names the arguments", || {
        describe(&mut description);
        Ok(())
    });
    if let Err(error) = shown {
        tracing::debug!(%error, "an entry does not show all of its arguments");
    }
    arguments
}
