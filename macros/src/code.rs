//! What is known of a function's code, in the form in which it becomes a part of the program.

use std::cell::RefCell;
use std::fmt::Write as _;

use larder_tracking::{CodeVersion, Function as TrackedFunction, Reading, Tracker, fingerprint, is_transient};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote};

use crate::item::Item;
use crate::options::{Options, Track};
use crate::tokens::{convert, position, positions};

pub(crate) struct Code {
    /// A variant of larder's `Track`.
    pub(crate) track: Ident,
    /// The dependencies that can't be tracked, a phrase each.
    pub(crate) unseen: Vec<String>,
    /// The compiler's warning about them, if there is one.
    pub(crate) note: Option<String>,
    /// A line for each item: the fingerprint and the path. It is one text, since a compiler takes a microsecond for each
    /// token of a list, and there may be a thousand items.
    pub(crate) items: String,
    pub(crate) predicates: Vec<TokenStream>,
    pub(crate) environment: Vec<String>,
    /// The crates that callers' types can come from, if these types can change the result.
    pub(crate) types: Option<Vec<(String, u128)>>,
}

thread_local! {
    /// A compiler process compiles one crate.
    static TRACKER: RefCell<Option<Result<Tracker, String>>> = const { RefCell::new(None) };
}

impl Code {
    pub(crate) fn of(options: &Options, item: &Item) -> Self {
        let (version, track) = match options.track {
            Track::None => return Code::untracked(),
            Track::Body => (version_of_body(options, item), "Body"),
            Track::Reachable => (version_of_reachable(options, item), "Reachable"),
        };
        let note = note(options, &version);
        let CodeVersion { mut items, predicates, environment, unseen, types, .. } = version;
        // The options decide which arguments are in the key, and as what: with others, an equal key would mean another call.
        items.extend(
            options
                .choice_of_arguments()
                .map(|choice| ("options".to_owned(), fingerprint(&convert(choice), Reading::Code))),
        );
        items.sort();
        let mut lines = String::new();
        for (path, digest) in items {
            // Writing to a `String` can't fail.
            let _ = writeln!(lines, "{digest:032x} {path}");
        }
        // What can't be parsed as tokens is no predicate either.
        let predicates = predicates.iter().filter_map(|text| text.parse().ok()).collect();
        let track = Ident::new(track, Span::mixed_site());
        Code { track, unseen, note, items: lines, predicates, environment, types }
    }

    fn untracked() -> Self {
        Code {
            track: Ident::new("None", Span::mixed_site()),
            unseen: Vec::new(),
            note: None,
            items: String::new(),
            predicates: Vec::new(),
            environment: Vec::new(),
            types: None,
        }
    }
}

/// Returns the warning about what can't be tracked, unless the user does not want it.
fn note(options: &Options, version: &CodeVersion) -> Option<String> {
    let noted: Vec<&str> = version.unseen.iter().map(String::as_str).filter(|why| !is_transient(why)).collect();
    let is_noted = !noted.is_empty() && version.is_complete && !options.track_is_written && !version.is_quiet;
    is_noted.then(|| {
        format!(
            "larder does not see all that this function depends on, so each build of other code computes it again. \
             Not seen: {}. To accept that, write `track = \"reachable\"` in the attribute, or `quiet = true` in \
             `[package.metadata.larder]`",
            noted.join("; ")
        )
    })
}

fn version_of_body(options: &Options, item: &Item) -> CodeVersion {
    let own = CodeVersion::of_own_code(&tracked(item));
    if options.depends.is_empty() {
        // With `track = "body"` the user asks for the body alone, so nothing is missing.
        let mut own = own;
        own.unseen.clear();
        return own;
    }
    let depends = convert(depends(options));
    match with_tracker(|tracker, position| tracker.version_of_paths(&depends, position)) {
        Ok(version) => version.and(own),
        Err(why) => with_reason(own, why),
    }
}

fn version_of_reachable(options: &Options, item: &Item) -> CodeVersion {
    let (function, depends) = (tracked(item), convert(depends(options)));
    let all = || {
        let mut tokens = item.sig.to_token_stream();
        tokens.extend([item.body.clone()]);
        positions(tokens)
    };
    with_tracker(|tracker, position| tracker.version_of(&function, &depends, position, &all))
        .unwrap_or_else(|why| with_reason(CodeVersion::of_own_code(&function), why))
}

fn with_reason(mut version: CodeVersion, why: String) -> CodeVersion {
    version.unseen.push(why);
    version
}

fn with_tracker<T>(ask: impl FnOnce(&mut Tracker, &larder_tracking::Position) -> T) -> Result<T, String> {
    // rust-analyzer has no positions. Nothing is read and nothing kept there.
    let position = position(Span::call_site());
    let position = position.ok_or("the compiler does not say where the function is, as in an editor")?;
    TRACKER.with_borrow_mut(|tracker| match tracker.get_or_insert_with(Tracker::of_this_process) {
        Ok(tracker) => Ok(ask(tracker, &position)),
        Err(why) => Err(why.clone()),
    })
}

fn depends(options: &Options) -> TokenStream {
    let depends = &options.depends;
    quote!(#(#depends),*)
}

/// The tokens of a function. Its name is left out: it is a part of the path, or the option `name` replaces it.
fn tracked(item: &Item) -> TrackedFunction {
    let mut sig = item.sig.clone();
    sig.ident = format_ident!("f");
    let is_tracked = |attribute: &&syn::Attribute| {
        !["doc", "allow", "expect", "warn", "deny", "forbid", "must_use", "inline", "cold", "deprecated"]
            .iter()
            .any(|name| attribute.path().is_ident(name))
    };
    let attributes = item.attrs.iter().filter(is_tracked).map(|attribute| attribute.to_token_stream()).collect();
    TrackedFunction::new(convert(sig.to_token_stream()), convert(item.body.clone().into()), convert(attributes))
}
