//! The options of the attribute.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, Ident, LitInt, LitStr, Path, Result, Token, parenthesized};

const NAMES: [&str; 9] = ["cache", "name", "version", "track", "depends", "ignore", "compress", "in_impl", "crate"];

/// How far a function's code is followed.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Track {
    #[default]
    Reachable,
    Body,
    None,
}

impl Track {
    const NAMES: [(&'static str, Track); 3] =
        [("reachable", Track::Reachable), ("body", Track::Body), ("none", Track::None)];

    fn parse(text: &LitStr) -> Result<Self> {
        let value = text.value();
        if let Some((_, track)) = Self::NAMES.into_iter().find(|(name, _)| *name == value) {
            return Ok(track);
        }
        let message = match closest(&value, Self::NAMES.into_iter().map(|(name, _)| name)) {
            Some(known) => format!("there is no `track = \"{value}\"`; did you mean \"{known}\"?"),
            None => format!("there is no `track = \"{value}\"`; there are \"reachable\", \"body\" and \"none\""),
        };
        Err(Error::new(text.span(), message))
    }
}

/// What the user wrote in the attribute's parentheses.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) cache: Option<Expr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitInt>,
    pub(crate) track: Track,
    /// Items that the code depends on besides those it is seen to reach.
    pub(crate) depends: Vec<Path>,
    pub(crate) ignore: Vec<Ident>,
    pub(crate) compress: Option<LitStr>,
    pub(crate) in_impl: Option<Span>,
    pub(crate) krate: Option<Path>,
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut options = Options::default();
        let mut seen: Vec<Ident> = Vec::new();
        let parse = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let not_a_name = |error: Error| Error::new(error.span(), format!("options are {}", NAMES.join(", ")));
                let name = input.call(Ident::parse_any).map_err(not_a_name)?;
                if seen.contains(&name) {
                    return Err(Error::new(name.span(), format!("`{name}` is given twice")));
                }
                options.parse_one(&name, input)?;
                if !input.is_empty() && !input.peek(Token![,]) {
                    return Err(Error::new(input.span(), format!("expected a comma after `{name}`")));
                }
                input.parse::<Option<Token![,]>>()?;
                seen.push(name);
            }
            Ok(())
        };
        parse.parse2(tokens)?;
        if let (Track::None, Some(path)) = (options.track, options.depends.first()) {
            let message = "with `track = \"none\"` nothing counts but `version`: use `track = \"body\"` to track what \
                           `depends` names and the function's own code";
            return Err(Error::new(path.span(), message));
        }
        Ok(options)
    }

    fn parse_one(&mut self, name: &Ident, input: ParseStream<'_>) -> Result<()> {
        match name.to_string().as_str() {
            "cache" => self.cache = Some(value(name, "cache = &CACHE", input)?),
            "name" => {
                let text: LitStr = value(name, "name = \"forecast\"", input)?;
                if text.value().is_empty() {
                    return Err(Error::new(text.span(), "the name must not be empty"));
                }
                self.name = Some(text);
            }
            "version" => {
                let version: LitInt = value(name, "version = 2", input)?;
                if version.base10_parse::<u64>().is_err() || !version.suffix().is_empty() {
                    return Err(Error::new(version.span(), "a version is a whole number from 0, as in `version = 2`"));
                }
                self.version = Some(version);
            }
            "track" => self.track = Track::parse(&value(name, "track = \"reachable\"", input)?)?,
            "depends" => {
                if !input.peek(syn::token::Paren) {
                    let message = "write what the code depends on like this: `depends(helper, module::CONSTANT)`";
                    return Err(Error::new(name.span(), message));
                }
                let paths;
                parenthesized!(paths in input);
                let paths = Punctuated::<Path, Token![,]>::parse_terminated_with(&paths, Path::parse_mod_style)?;
                self.depends = paths.into_iter().collect();
            }
            "compress" => self.compress = Some(value(name, "compress = \"xz:6\"", input)?),
            "crate" => self.krate = Some(value(name, "crate = my::larder", input)?),
            "in_impl" => self.in_impl = Some(name.span()),
            "ignore" => {
                if !input.peek(syn::token::Paren) {
                    return Err(Error::new(name.span(), "write the arguments to ignore like this: `ignore(verbose)`"));
                }
                let names;
                parenthesized!(names in input);
                let names = Punctuated::<Ident, Token![,]>::parse_terminated_with(&names, Ident::parse_any)?;
                self.ignore = names.into_iter().collect();
            }
            other => return Err(Error::new(name.span(), unknown(other))),
        }
        Ok(())
    }
}

/// What stands behind the equals sign.
fn value<T: syn::parse::Parse>(name: &Ident, example: &str, input: ParseStream<'_>) -> Result<T> {
    if !input.peek(Token![=]) {
        return Err(Error::new(name.span(), format!("`{name}` needs a value, as in `{example}`")));
    }
    input.parse::<Token![=]>()?;
    let span = input.span();
    input.parse().map_err(|error| {
        let span = if error.span().source_text().is_some() { error.span() } else { span };
        Error::new(span.span(), format!("{error}; write it like this: `{example}`"))
    })
}

fn unknown(name: &str) -> String {
    match closest(name, NAMES.into_iter()) {
        Some(known) => format!("there is no option `{name}`; did you mean `{known}`?"),
        None => format!("there is no option `{name}`; there are {}", NAMES.join(", ")),
    }
}

fn closest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let closest = known.min_by_key(|known| distance(name, known))?;
    (distance(name, closest) <= closest.len() / 2).then_some(closest)
}

/// The Levenshtein distance: how many letters to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
