//! Keys of calls: the key of the function, and the encoded arguments of one call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::key::canonical::encode;
use crate::key::canonical::hash_buffer::{HashBuffer, Tag};
use crate::key::canonical::map_order::MapOrder;
use crate::key::crate_names::crates_in;
use crate::key::digest::Key;
use crate::key::file_digest::inputs::{Used, used_by};
use crate::key::key_of::{digest_of_content, key_of};
use crate::key::random_order::{EncodeAgain, encode_again, random_maps};
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
    Key { call: &'s mut HashBuffer, known: Vec<Known>, failed: Option<(&'static str, Error)> },
    /// Collects digests and previews for the header of an entry.
    Show { arguments: &'s mut Vec<Argument>, known: &'s [Known] },
    /// Collects previews only, which takes no longer for large arguments.
    Preview(&'s mut Vec<String>),
}

/// The digest of an argument that took long to compute, so that it is computed only once.
struct Known {
    /// The argument's number.
    number: usize,
    digest: Key,
    /// Whether the digest depends on the order of a map whose container is not known.
    doubtful: bool,
}

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
    /// Digest of the argument without regard to the order of its maps. Only present if the argument has a map whose
    /// order may have no meaning, but counts because that can't be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unordered: Option<Key>,
}

impl Argument {
    /// Returns the argument as text for people: `alpha = 0.5`.
    pub(crate) fn text(&self) -> String {
        text(&self.name, &self.preview)
    }
}

fn text(name: &str, preview: &str) -> String {
    format!("{name} = {preview}")
}

impl Describe<'_> {
    /// Adds an argument, under the name of its parameter.
    pub fn argument<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.value(Tag::Argument, name, value, None);
    }

    /// Adds an argument that can be decoded from its serialization as a `D`.
    pub fn readable_argument<'de, T, D>(&mut self, name: &'static str, value: &T)
    where
        T: Serialize + ?Sized,
        D: Serialize + Deserialize<'de>,
    {
        self.value(Tag::Argument, name, value, Some(encode_again::<D>));
    }

    /// Adds the value of a const parameter.
    pub fn constant<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.value(Tag::ConstParameter, name, value, None);
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
                arguments.push(Argument { name: name.to_owned(), digest, preview, unordered: None });
            }
            Mode::Preview(texts) => texts.push(text(name, shorten(type_name, 120))),
        }
    }

    /// Adds a value. `again` decodes it, if it can be decoded.
    fn value<T: Serialize + ?Sized>(&mut self, tag: Tag, name: &'static str, value: &T, again: Option<EncodeAgain>) {
        let number = self.count;
        self.count += 1;
        match &mut self.mode {
            Mode::Key { failed: Some(_), .. } => {}
            Mode::Key { call, known, failed } => {
                self.now = Some(name);
                let doubtful = match encode_argument(value, again, call) {
                    Ok(doubtful) => doubtful,
                    Err(error) => return *failed = Some((name, error)),
                };
                self.now = None;
                let is_long = call.short(LONGEST_INLINE).is_none();
                if is_long || doubtful != Doubt::None {
                    let digest = call.digest();
                    known.push(Known { number, digest, doubtful: doubtful == Doubt::Left });
                    if is_long {
                        call.clear();
                        call.write(digest.as_bytes());
                        call.tag(Tag::Digest);
                    }
                }
                call.tag(tag);
                call.keep();
            }
            Mode::Show { arguments, known } => {
                let known =
                    known.iter().find(|known| known.number == number).map(|known| (known.digest, known.doubtful));
                let Some((digest, doubtful)) = known.or_else(|| Some((key_of(value).ok()?, false))) else { return };
                let unordered = if doubtful { digest_of_content(value).ok() } else { None };
                arguments.push(Argument { name: name.to_owned(), digest, preview: preview(value), unordered });
            }
            Mode::Preview(texts) => texts.push(text(name, &preview(value))),
        }
    }
}

/// Whether the order of a map has a meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It was never in doubt.
    None,
    /// It was in doubt, and was found to be random: it does not count.
    Resolved,
    /// It is in doubt, and counts.
    Left,
}

/// Encodes an argument, without the order of maps that come in a random one.
fn encode_argument<T: Serialize + ?Sized>(
    value: &T,
    again: Option<EncodeAgain>,
    call: &mut HashBuffer,
) -> Result<Doubt> {
    let order = MapOrder::counts();
    encode::encode(value, &order, call)?;
    if !order.is_doubtful() {
        return Ok(Doubt::None);
    }
    let random = again.map_or_else(Vec::new, |again| random_maps(value, call.digest(), again));
    if !random.contains(&true) {
        return Ok(Doubt::Left);
    }
    call.clear();
    let order = MapOrder::counts_except(&random);
    encode::encode(value, &order, call)?;
    Ok(if order.is_doubtful() { Doubt::Left } else { Doubt::Resolved })
}

/// The arguments of a call in the canonical encoding.
pub(crate) struct Encoded {
    parts: HashBuffer,
    /// Digests of arguments that took long to compute.
    known: Vec<Known>,
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
    let ((known, failed), files) = used_by(|| {
        let mode = Mode::Key { call: &mut parts, known: Vec::new(), failed: None };
        let mut description = Describe { mode, count: 0, now: None };
        let panic = catch_unwind(AssertUnwindSafe(|| describe(&mut description))).err();
        let panic = panic.map(|panic| match description.now {
            Some(name) => (name, panicked("its `Serialize`", panic)),
            None => ("key(..)", panicked("an expression of the attribute", panic)),
        });
        match description.mode {
            Mode::Key { known, failed, .. } => (known, failed.or(panic)),
            // Unreachable: the mode was set above.
            Mode::Show { .. } | Mode::Preview(_) => (Vec::new(), None),
        }
    });
    let failed = failed.map(|(name, error)| error.context(&format!("the argument `{name}` has no key")));
    Encoded { parts, known, failed, is_none: false, files }
}

impl Encoded {
    /// Returns the placeholder of a call that needs no key.
    pub(crate) fn none() -> Self {
        Encoded { parts: HashBuffer::new(), known: Vec::new(), failed: None, is_none: true, files: Vec::new() }
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
        show(&self.known, describe)
    }
}

/// Returns the arguments as an entry records them. `known` has the digests that are known.
fn show(known: &[Known], describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
    let mut arguments = Vec::new();
    describe_again(Mode::Show { arguments: &mut arguments, known }, describe);
    arguments
}

/// Returns the arguments as text for people: `alpha = 0.5`.
pub(crate) fn previews(describe: impl FnOnce(&mut Describe<'_>)) -> Vec<String> {
    let mut texts = Vec::new();
    describe_again(Mode::Preview(&mut texts), describe);
    texts
}

fn describe_again(mode: Mode<'_>, describe: impl FnOnce(&mut Describe<'_>)) {
    let mut description = Describe { mode, count: 0, now: None };
    // The same code succeeded when the key was computed, but it is the user's and may panic now.
    let shown = guarded("what names the arguments", || {
        describe(&mut description);
        Ok(())
    });
    if let Err(error) = shown {
        tracing::debug!(%error, "an argument is not shown");
    }
}
