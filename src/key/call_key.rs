//! Keys of calls: the key of the function, and the encoded arguments of one call.

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

/// Maximum bytes of an encoded argument. A longer one is replaced by its digest.
const LONGEST_INLINE: usize = 1 << 10;

/// Receives the arguments of a call, one after another. Code that the attribute generates calls it.
pub struct Describe<'s> {
    mode: Mode<'s>,
    /// Number of values received so far.
    count: usize,
    /// Name of the value that is being encoded.
    now: Option<&'static str>,
}

enum Mode<'s> {
    /// Computes the key. This path must be fast.
    Key { call: &'s mut HashBuffer, long: Long, failed: Option<(&'static str, Error)> },
    /// Collects digests and previews for the header of an entry.
    Show { arguments: &'s mut Vec<Argument>, long: &'s Long },
}

/// Index and digest of each long argument, so that a digest is computed only once.
type Long = Vec<(usize, Key)>;

/// An argument as an entry records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Argument {
    /// The parameter's name.
    pub name: String,
    /// Digest of the argument, as [`key_of`](crate::key_of()) returns it.
    pub digest: Key,
    /// The beginning of the argument as text, at most about 120 bytes.
    pub preview: String,
}

impl Describe<'_> {
    /// Adds an argument, under the name of its parameter.
    pub fn argument<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.value(Tag::Argument, name, value);
    }

    /// Adds the value of a const parameter.
    pub fn constant<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.value(Tag::ConstParameter, name, value);
    }

    /// Adds the type that a type parameter or `Self` stands for.
    pub fn type_parameter<T: ?Sized>(&mut self, name: &'static str) {
        self.type_name(name, std::any::type_name::<T>());
    }

    /// Adds the type of an argument whose parameter is declared as `impl Trait`.
    pub fn type_of<T: ?Sized>(&mut self, name: &'static str, _: &T) {
        self.type_parameter::<T>(name);
    }

    /// Adds the code of the crates that are named in a type parameter's type. `known` maps crates to digests of their
    /// code; the digest is 0 for crates whose code is followed anyway. For a crate that is not in `known`, the identity
    /// of the running program is added.
    pub fn crates_of<T: ?Sized>(&mut self, known: &'static [(&'static str, u128)]) {
        let Mode::Key { call, .. } = &mut self.mode else { return };
        for krate in crates_in(std::any::type_name::<T>()) {
            match known.iter().find(|(name, _)| *name == krate) {
                Some((_, 0)) => continue,
                Some((_, digest)) => call.text(&format!("crate {krate} {digest:032x}")),
                None => call.text(&format!("binary {}", program::identity())),
            }
            // The name of a type never begins with these words, so the tag can be reused.
            call.tag(Tag::TypeParameter);
        }
        call.keep();
    }

    /// Adds the code of crates as [`crates_of`](Describe::crates_of) does, for an argument whose parameter is declared
    /// as `impl Trait`.
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

/// The arguments of a call in the canonical encoding.
pub(crate) struct Encoded {
    parts: HashBuffer,
    /// Digests of the long arguments.
    long: Long,
    /// Why the call could not be encoded.
    failed: Option<Error>,
    /// Whether the call was not encoded at all.
    is_none: bool,
    /// The files that the key depends on.
    pub(crate) files: Vec<Used>,
}

/// Encodes a call; `describe` adds its arguments.
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
            // Unreachable: the mode was set above.
            Mode::Show { .. } => (Long::new(), None),
        }
    });
    let failed = failed.map(|(name, error)| error.context(&format!("the argument `{name}` has no key")));
    Encoded { parts, long, failed, is_none: false, files }
}

impl Encoded {
    /// Returns the placeholder of a call that needs no key.
    pub(crate) fn none() -> Self {
        Encoded { parts: HashBuffer::new(), long: Long::new(), failed: None, is_none: true, files: Vec::new() }
    }

    /// Returns whether this is the placeholder of a call that needs no key.
    pub(crate) fn is_none(&self) -> bool {
        self.is_none
    }

    /// Returns the key of this call of `function`.
    pub(crate) fn key(&self, function: &Key) -> Result<Key> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => Ok(self.parts.keyed_digest(function)),
        }
    }

    /// Returns the encoding; `None` if it is long, or if there is none.
    #[inline]
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        let bytes = self.parts.all();
        (self.failed.is_none() && !self.is_none && bytes.len() <= LONGEST_INLINE).then_some(bytes)
    }

    /// Returns the arguments as an entry records them.
    pub(crate) fn show(&self, describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
        show(&self.long, describe)
    }
}

/// Returns the arguments as an entry records them. `long` has the digests of long ones.
fn show(long: &Long, describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let mut description = Describe { mode: Mode::Show { arguments: &mut arguments, long }, count: 0, now: None };
    // The same code succeeded when the key was computed, but it is the user's and may panic now.
    let shown = guarded("what names the arguments", || {
        describe(&mut description);
        Ok(())
    });
    if let Err(error) = shown {
        tracing::debug!(%error, "an entry does not show all of its arguments");
    }
    arguments
}
