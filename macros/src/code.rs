//! What is known of a function's code, in the form in which it becomes a part of the program.

use std::fmt::Write as _;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::compiled::units::is_passing;
use crate::fingerprint::{self, Reading};
use crate::function::Item;
use crate::options::{Options, Track};
use crate::reach::symbols::Symbols;
use crate::reach::token::Tokens;
use crate::reach::{self, Reach};

pub(crate) struct Code {
    /// A variant of larder's `Track`.
    pub(crate) track: Ident,
    /// What of it can't be seen, a sentence each.
    pub(crate) unseen: Vec<String>,
    /// What the compiler says about that, if anything.
    pub(crate) note: Option<String>,
    /// A line for each item: the digest and the path. One text, since a compiler takes a microsecond
    /// for each token of a list, and there may be a thousand items.
    pub(crate) items: String,
    pub(crate) predicates: Vec<TokenStream>,
    pub(crate) environment: Vec<String>,
    /// Where the types that callers choose may be from, if what they do decides about the result.
    pub(crate) types: Option<Vec<(String, u128)>>,
}

impl Code {
    pub(crate) fn of(options: &Options, item: &Item) -> Self {
        let depends = &options.depends;
        let depends = quote!(#(#depends),*);
        let of_body = |why: String| {
            let mut reach = reach::of_body(item);
            reach.unseen.push(why);
            reach
        };
        let (reach, track) = match options.track {
            Track::None => return Code::untracked(),
            Track::Body if options.depends.is_empty() => {
                // The user wants to know of nothing else.
                (Reach { unseen: Vec::new(), ..reach::of_body(item) }, "Body")
            }
            Track::Body => {
                (reach::reach(None, depends).map_or_else(of_body, |reach| reach.with(reach::of_body(item))), "Body")
            }
            Track::Reachable => (reach::reach(Some(item), depends).unwrap_or_else(of_body), "Reachable"),
        };
        let noted: Vec<&str> = reach.unseen.iter().map(String::as_str).filter(|why| !is_passing(why)).collect();
        let is_noted = !noted.is_empty() && reach.is_read && !options.track_is_written && !reach.is_quiet;
        let note = is_noted.then(|| {
            format!(
                "larder does not see all that this function depends on, so each build of other code computes it again. \
                 Not seen: {}. To accept that, write `track = \"reachable\"` in the attribute, or `quiet = true` in \
                 `[package.metadata.larder]`",
                noted.join("; ")
            )
        });
        let Reach { items, predicates, environment, unseen, types, .. } = reach;
        let tokens = fingerprint::body(item, &mut Symbols::new());
        let body = fingerprint::of(&tokens, tokens.all(), Reading::Code);
        let mut items: Vec<(String, u128)> = items.into_iter().chain([("body".to_owned(), body)]).collect();
        let attributes = Tokens::of_stream(fingerprint::attributes(item), &mut Symbols::new());
        if !attributes.list.is_empty() {
            items.push(("attributes".to_owned(), fingerprint::of(&attributes, attributes.all(), Reading::Verbatim)));
        }
        // Which arguments are in the key, and as what: with other ones, the same key would mean another call.
        items.extend(options.choice_of_arguments().map(|choice| {
            let tokens = Tokens::of_stream(choice, &mut Symbols::new());
            ("options".to_owned(), fingerprint::of(&tokens, tokens.all(), Reading::Code))
        }));
        items.sort();
        let mut lines = String::new();
        for (path, digest) in items {
            // Nothing can go wrong in a `String`.
            let _ = writeln!(lines, "{digest:032x} {path}");
        }
        // Those that are no tokens are no predicates either.
        let predicates = predicates.iter().filter_map(|text| text.parse().ok()).collect();
        let track = Ident::new(track, Span::mixed_site());
        Code { track, unseen, note, items: lines, predicates, environment, types }
    }

    fn untracked() -> Self {
        let track = Ident::new("None", Span::mixed_site());
        Code {
            track,
            unseen: Vec::new(),
            note: None,
            items: String::new(),
            predicates: Vec::new(),
            environment: Vec::new(),
            types: None,
        }
    }
}
