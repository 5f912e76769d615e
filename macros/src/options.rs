//! The options of the attribute.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitBool, LitInt, LitStr, Path, Result, Token, parenthesized};

use crate::{duration, predicate, size};

const NAMES: [&str; 21] = [
    "cache",
    "name",
    "version",
    "track",
    "depends",
    "ignore",
    "key",
    "compress",
    "max_age",
    "stale_on_error",
    "valid",
    "store_if",
    "max_bytes",
    "max_entries",
    "max_idle",
    "memory_only",
    "lossy",
    "companion",
    "in_impl",
    "in_trait",
    "crate",
];

/// How far a function's code is tracked.
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

/// The options, as the user wrote them.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) cache: Option<Expr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitInt>,
    pub(crate) track: Track,
    /// The option `track` is given.
    pub(crate) track_is_written: bool,
    /// Further items that the code depends on.
    pub(crate) depends: Vec<Path>,
    pub(crate) ignore: Vec<Ident>,
    /// Expressions that replace arguments in the key.
    pub(crate) key: Vec<KeyedBy>,
    pub(crate) compress: Option<LitStr>,
    /// Durations, as expressions of type `Duration`.
    pub(crate) max_age: Option<TokenStream>,
    pub(crate) stale_on_error: Option<TokenStream>,
    pub(crate) max_idle: Option<TokenStream>,
    /// Expressions of type `u64`.
    pub(crate) max_bytes: Option<TokenStream>,
    pub(crate) max_entries: Option<TokenStream>,
    pub(crate) valid: Option<Expr>,
    pub(crate) store_if: Option<Expr>,
    /// Store a result also if it comes back as another value.
    pub(crate) lossy: bool,
    /// Keep results in memory, as they are.
    pub(crate) memory_only: bool,
    /// With `companion = false`, nothing is put beside the function.
    pub(crate) companion: Option<LitBool>,
    pub(crate) in_impl: Option<Span>,
    pub(crate) in_trait: Option<Span>,
    pub(crate) krate: Option<Path>,
}

/// `path = FileDigest::of(path)`
pub(crate) struct KeyedBy {
    pub(crate) argument: Ident,
    pub(crate) expr: Expr,
}

impl Parse for KeyedBy {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let argument = argument(input)?;
        let expr = value(&argument, &format!("key({argument} = {argument}.id)"), input)?;
        Ok(KeyedBy { argument, expr })
    }
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
        if let (Some(_), Some(in_trait)) = (options.in_impl, options.in_trait) {
            return Err(Error::new(
                in_trait,
                "a function stands either in a type's `impl` or in a trait's: write one of them",
            ));
        }
        let disk_only =
            ["compress", "stale_on_error", "valid", "store_if", "max_bytes", "max_idle", "lossy", "in_trait"];
        if options.memory_only
            && let Some(option) = seen.iter().find(|name| disk_only.iter().any(|other| name == other))
        {
            let message = format!("with `memory_only`, nothing is stored: `{option}` has no meaning");
            return Err(Error::new(option.span(), message));
        }
        if let (Track::None, Some(path)) = (options.track, options.depends.first()) {
            let message = "with `track = \"none\"` nothing counts but `version`: use `track = \"body\"` to track what \
                           `depends` names and the function's own code";
            return Err(Error::new(path.span(), message));
        }
        Ok(options)
    }

    /// Returns the options `ignore` and `key` in a fixed order, if there are any.
    pub(crate) fn choice_of_arguments(&self) -> Option<TokenStream> {
        let ignored = self.ignore.iter().map(|name| (name.to_string(), quote!(ignore #name)));
        let keyed =
            self.key.iter().map(|KeyedBy { argument, expr }| (argument.to_string(), quote!(key #argument = #expr)));
        let mut choice: Vec<(String, TokenStream)> = ignored.chain(keyed).collect();
        choice.sort_by(|(a, _), (b, _)| a.cmp(b));
        (!choice.is_empty()).then(|| choice.into_iter().map(|(_, tokens)| tokens).collect())
    }

    fn parse_one(&mut self, name: &Ident, input: ParseStream<'_>) -> Result<()> {
        match name.to_string().as_str() {
            "cache" => {
                let expr = value(name, "cache = &CACHE", input)?;
                check_cache(&expr)?;
                self.cache = Some(expr);
            }
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
            "track" => {
                self.track = Track::parse(&value(name, "track = \"reachable\"", input)?)?;
                self.track_is_written = true;
            }
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
            "max_age" => self.max_age = Some(duration_of(name, "7d", input)?),
            "stale_on_error" => self.stale_on_error = Some(duration_of(name, "1d", input)?),
            "max_idle" => self.max_idle = Some(duration_of(name, "30d", input)?),
            "max_bytes" => self.max_bytes = Some(bytes_of(name, input)?),
            "max_entries" => {
                let entries: Expr = value(name, "max_entries = 1000", input)?;
                if matches!(&entries, Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) if int.base10_digits() == "0") {
                    return Err(Error::new(entries.span(), "with `max_entries = 0`, nothing could be stored"));
                }
                self.max_entries = Some(entries.to_token_stream());
            }
            "valid" => {
                let expr = value(name, "valid = path::to::predicate", input)?;
                predicate::check_form("valid", &expr)?;
                self.valid = Some(expr);
            }
            "store_if" => {
                let expr = value(name, "store_if = |value| value.is_finite()", input)?;
                predicate::check_form("store_if", &expr)?;
                self.store_if = Some(expr);
            }
            "lossy" => self.lossy = true,
            "memory_only" => self.memory_only = true,
            "companion" => self.companion = Some(value(name, "companion = false", input)?),
            "in_impl" => self.in_impl = Some(name.span()),
            "in_trait" => self.in_trait = Some(name.span()),
            "ignore" => self.ignore = list(name, "ignore(verbose)", input, argument)?,
            "key" => self.key = list(name, "key(path = FileDigest::of(path))", input, KeyedBy::parse)?,
            other => return Err(Error::new(name.span(), unknown(other))),
        }
        Ok(())
    }
}

/// Parses the value of an option that is a duration: text such as `"7d"`, or any other expression.
fn duration_of(name: &Ident, example: &str, input: ParseStream<'_>) -> Result<TokenStream> {
    let example = format!("{name} = \"{example}\"");
    let expr: Expr = value(name, &example, input)?;
    let Some(text) = text_of(&expr, &example)? else { return Ok(expr.to_token_stream()) };
    let duration = duration::parse(&text.value()).map_err(|message| Error::new(text.span(), message))?;
    let milliseconds = Literal::u64_suffixed(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    Ok(quote_spanned!(Span::mixed_site()=> ::core::time::Duration::from_millis(#milliseconds)))
}

/// Parses the value of an option that is a number of bytes: text such as `"1 GB"`, or any other expression.
fn bytes_of(name: &Ident, input: ParseStream<'_>) -> Result<TokenStream> {
    let expr: Expr = value(name, &format!("{name} = \"1 GB\""), input)?;
    if let Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) = &expr {
        return Ok(expr.to_token_stream());
    }
    let Some(text) = text_of(&expr, &format!("{name} = \"1 GB\""))? else { return Ok(expr.to_token_stream()) };
    let bytes = size::parse(&text.value()).map_err(|message| Error::new(text.span(), message))?;
    let bytes = Literal::u64_suffixed(bytes);
    Ok(quote!(#bytes))
}

/// Returns the text of a string literal; `None` for any expression that is not a literal.
fn text_of<'e>(expr: &'e Expr, example: &str) -> Result<Option<&'e LitStr>> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(Some(text)),
        Expr::Lit(literal) => {
            Err(Error::new(literal.span(), format!("expected string literal; write it like this: `{example}`")))
        }
        _ => Ok(None),
    }
}

/// Refuses a path or a name where a cache is wanted.
fn check_cache(expr: &Expr) -> Result<()> {
    match expr {
        Expr::Lit(literal) => Err(Error::new(
            literal.span(),
            "`cache` takes a cache, not its folder: write `cache = &CACHE`, where \
             `static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(\"dir\").unwrap());`",
        )),
        _ => Ok(()),
    }
}

/// Parses the name of an argument. `self` is one as well.
fn argument(input: ParseStream<'_>) -> Result<Ident> {
    input.call(Ident::parse_any).map_err(|error| Error::new(error.span(), "expected the name of an argument"))
}

/// Parses the list in parentheses after an option.
fn list<T>(
    name: &Ident,
    example: &str,
    input: ParseStream<'_>,
    element: fn(ParseStream<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(name.span(), format!("write the arguments like this: `{example}`")));
    }
    let content;
    parenthesized!(content in input);
    let elements = Punctuated::<T, Token![,]>::parse_terminated_with(&content, element)?;
    if elements.is_empty() {
        return Err(Error::new(name.span(), format!("`{name}` names no argument; write it like this: `{example}`")));
    }
    Ok(elements.into_iter().collect())
}

/// Parses the value after the equals sign.
fn value<T: Parse>(name: &Ident, example: &str, input: ParseStream<'_>) -> Result<T> {
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

/// Returns the Levenshtein distance: how many bytes to insert, delete or replace.
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
