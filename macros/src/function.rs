//! The function, parsed and checked.

use proc_macro2::{Span, TokenStream};
use quote::format_ident;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Error, Expr, FnArg, GenericArgument, Ident, Pat, PathArguments, ReceiverKind, Result, ReturnType,
    Signature, Type, TypeImplTrait, TypeParamBound, TypeReference,
};

use crate::companion;
use crate::context::{self, Context, Place};
use crate::item::{Item, mentions};
use crate::lifetimes::is_mutable_view;
use crate::options::Options;
use crate::other_attributes;
use crate::predicate;

/// A function that can be memoized.
pub(crate) struct Function {
    pub(crate) item: Item,
    pub(crate) parameters: Vec<Parameter>,
    /// It stands in an `impl` block or a trait, and may name `Self`.
    pub(crate) in_impl: bool,
    /// It stands in a trait, or in the `impl` of one.
    pub(crate) in_trait: bool,
    /// Companions stand beside it.
    pub(crate) has_companions: bool,
    pub(crate) output: Type,
}

/// A parameter. `self` is one as well.
pub(crate) struct Parameter {
    /// Its name in the wrapper.
    pub(crate) ident: Ident,
    /// Its name for the user.
    pub(crate) name: String,
    /// `None` for `self`.
    pub(crate) ty: Option<Type>,
    /// The result depends on it.
    pub(crate) counts: bool,
    /// The expression that replaces it in the key.
    pub(crate) keyed_by: Option<Expr>,
    /// Its type contains `impl Trait`, which is a type parameter without a name.
    pub(crate) has_impl_trait: bool,
}

impl Function {
    pub(crate) fn parse(tokens: TokenStream, options: &Options) -> Result<Self> {
        let item: Item = syn::parse2(tokens)?;
        let place = context::of(&item.sig.ident);
        let in_trait = options.in_trait.is_some();
        let in_impl = in_trait || options.in_impl.is_some() || item.sig.receiver().is_some();
        let has_companions = !in_trait && options.companion.as_ref().is_none_or(|companion| companion.value);
        other_attributes::check(&item, in_impl, has_companions, place.as_ref())?;
        check_form(&item)?;
        let output = output(&item.sig)?;
        let parameters = parameters(&item.sig, options)?;
        check_predicates(options, &parameters)?;
        check_context(&item.sig, options, place.as_ref())?;
        if !in_impl && let Some(found) = find_self(&item) {
            return Err(Error::new(
                found,
                "`Self` stands only in `impl` blocks, and an attribute can't see where it is: write \
                 `#[memoize(in_impl)]` on an associated function without `self`, or `#[memoize(in_trait)]` in the \
                 `impl` of a trait",
            ));
        }
        if has_companions && !in_impl {
            companion::check(&item, place.as_ref())?;
        }
        Ok(Function { item, parameters, in_impl, in_trait, has_companions, output })
    }

    pub(crate) fn name(&self) -> &Ident {
        &self.item.sig.ident
    }

    /// Returns the name without `r#`, as users see it.
    pub(crate) fn plain_name(&self) -> Ident {
        self.name().unraw()
    }

    /// Returns the attributes that set lint levels.
    pub(crate) fn lints(&self) -> impl Iterator<Item = &Attribute> {
        self.item.attrs.iter().filter(|attribute| is_lint(attribute))
    }

    /// Returns the attributes that belong on the function alone.
    pub(crate) fn other_attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.item.attrs.iter().filter(|attribute| !is_lint(attribute))
    }

    /// Returns the `cfg` attributes: all that is generated exists only if the function does.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"))
    }

    /// Returns the attribute that deprecates the function, and so its calls.
    pub(crate) fn deprecation(&self) -> impl Iterator<Item = &Attribute> {
        self.item.attrs.iter().filter(|attribute| attribute.path().is_ident("deprecated"))
    }

    /// Returns the attribute that hides the function from the documentation, and so its companions.
    pub(crate) fn hiding(&self) -> impl Iterator<Item = &Attribute> {
        self.item.attrs.iter().filter(|attribute| {
            let hidden = || attribute.parse_args::<Ident>().is_ok_and(|argument| argument == "hidden");
            attribute.path().is_ident("doc") && hidden()
        })
    }
}

/// Returns whether an attribute sets a lint level.
pub(crate) fn is_lint(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"].iter().any(|name| attribute.path().is_ident(name))
}

fn check_form(item: &Item) -> Result<()> {
    let sig = &item.sig;
    if let Some(token) = &sig.constness {
        return Err(Error::new(token.span(), "a `const fn` can't read files: remove `const` to memoize it"));
    }
    if let Some(abi) = &sig.abi {
        return Err(Error::new(
            abi.span(),
            "an `extern` function can't be memoized: memoize a Rust function, and call that from the extern one",
        ));
    }
    if let Some(variadic) = &sig.variadic {
        return Err(Error::new(variadic.span(), "variadic arguments can't be memoized: take a slice instead"));
    }
    if let Some(token) = &sig.asyncness
        && cfg!(not(feature = "async"))
    {
        return Err(Error::new(
            token.span(),
            "turn on larder's feature `async` in Cargo.toml to memoize an `async fn`",
        ));
    }
    let twice = |attribute: &&Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "memoize");
    if let Some(attribute) = item.attrs.iter().find(twice) {
        return Err(Error::new(attribute.span(), "one `#[memoize]` is enough: put all options into one"));
    }
    for input in &sig.inputs {
        let attributes = match input {
            FnArg::Receiver(receiver) => &receiver.attrs,
            FnArg::Typed(typed) => &typed.attrs,
        };
        if let Some(attribute) = attributes.iter().find(|attribute| attribute.path().is_ident("cfg")) {
            return Err(Error::new(
                attribute.span(),
                "a parameter that is not always there can't be memoized: put the `cfg` on two functions",
            ));
        }
    }
    Ok(())
}

/// Returns the return type.
///
/// # Errors
/// If it borrows, or has no name or no value.
fn output(sig: &Signature) -> Result<Type> {
    let ReturnType::Type(_, ty) = &sig.output else {
        return Ok(syn::parse_quote!(()));
    };
    other_attributes::check_future(ty, sig.ident.span())?;
    let kept = kept_of_result(ty);
    let mut finder = FindUnfit(None);
    finder.visit_type(kept.unwrap_or(ty));
    if let Some((span, message)) = finder.0 {
        return Err(Error::new(span, message));
    }
    let mut finder = FindLocalError(None);
    finder.visit_type(ty);
    match finder.0 {
        Some(span) if sig.asyncness.is_some() => Err(Error::new(
            span,
            "the result of an async function has to be `Send`: write `dyn Error + Send + Sync`, to which `?` converts as well",
        )),
        _ => Ok((**ty).clone()),
    }
}

/// Returns the type in `Ok`, if this looks like a `Result`. An error is not stored, so its type may be any.
fn kept_of_result(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(kept) => Some(kept),
        _ => None,
    }
}

fn parameters(sig: &Signature, options: &Options) -> Result<Vec<Parameter>> {
    let mut parameters = Vec::new();
    for (index, input) in sig.inputs.iter().enumerate() {
        let parameter = match input {
            FnArg::Receiver(receiver) => Parameter {
                ident: Ident::new("self", receiver.self_token.span()),
                name: "self".to_owned(),
                ty: None,
                counts: true,
                keyed_by: None,
                has_impl_trait: false,
            },
            FnArg::Typed(typed) => {
                let (ident, name) = match &*typed.pat {
                    Pat::Ident(pat) if pat.subpat.is_none() && pat.by_ref.is_none() => {
                        (pat.ident.clone(), pat.ident.unraw().to_string())
                    }
                    _ => (format_ident!("__larder_argument_{index}"), format!("argument {index}")),
                };
                Parameter {
                    ident,
                    name,
                    ty: Some((*typed.ty).clone()),
                    counts: true,
                    keyed_by: None,
                    has_impl_trait: has_impl_trait(&typed.ty),
                }
            }
        };
        parameters.push(parameter);
    }
    for ignored in &options.ignore {
        named(&mut parameters, ignored, "to ignore")?.counts = false;
    }
    for keyed in &options.key {
        let parameter = named(&mut parameters, &keyed.argument, "to make a key of")?;
        if !parameter.counts {
            let message =
                format!("`{}` is ignored, so it is no part of the key: take it out of one of them", keyed.argument);
            return Err(Error::new(keyed.argument.span(), message));
        }
        if parameter.keyed_by.replace(keyed.expr.clone()).is_some() {
            return Err(Error::new(keyed.argument.span(), format!("`{}` has two keys here", keyed.argument)));
        }
    }
    for (parameter, input) in parameters.iter().zip(&sig.inputs) {
        check_mutability(parameter, input)?;
    }
    Ok(parameters)
}

/// Returns the parameter of this name.
fn named<'p>(parameters: &'p mut [Parameter], name: &Ident, purpose: &str) -> Result<&'p mut Parameter> {
    if let Some(index) = parameters.iter().position(|parameter| name.unraw() == parameter.name) {
        return Ok(&mut parameters[index]);
    }
    let names: Vec<_> = parameters
        .iter()
        .filter(|parameter| parameter.ident.unraw() == parameter.name)
        .map(|parameter| format!("`{}`", parameter.name))
        .collect();
    let message = match names.len() {
        0 if parameters.is_empty() => format!("there is no argument `{name}` {purpose}, nor any other"),
        0 => format!("there is no argument `{name}` {purpose}: give the argument that you mean a name"),
        _ => format!("there is no argument `{name}` {purpose}; there are {}", names.join(", ")),
    };
    Err(Error::new(name.span(), message))
}

fn check_predicates(options: &Options, parameters: &[Parameter]) -> Result<()> {
    for (option, expr) in [("valid", &options.valid), ("store_if", &options.store_if)] {
        if let Some(expr) = expr {
            let names: Vec<&Ident> = parameters.iter().map(|parameter| &parameter.ident).collect();
            predicate::check_names(option, expr, &names)?;
        }
    }
    Ok(())
}

/// Checks that `in_impl` and `in_trait` are given where they are needed, and only there.
fn check_context(sig: &Signature, options: &Options, place: Option<&Place>) -> Result<()> {
    let Some(context) = place.and_then(|place| place.context) else { return Ok(()) };
    let has_self = sig.receiver().is_some();
    let attribute = Span::call_site();
    match (context, options.in_impl.or(options.in_trait)) {
        (Context::Free, Some(said)) => Err(Error::new(said, "this function stands in no `impl` block: leave this out")),
        (Context::TraitImpl, _) if options.in_trait.is_none() => Err(Error::new(
            options.in_impl.unwrap_or(attribute),
            "only a trait's own items may stand in its `impl`, so there is no place for what `#[memoize]` puts beside a \
             method: write `#[memoize(in_trait)]`, and all of it goes into the method",
        )),
        (Context::Impl, None) if !has_self => Err(Error::new(
            attribute,
            "write `#[memoize(in_impl)]` on an associated function without `self`: what stands beside it is made for an \
             `impl` block then",
        )),
        (Context::Trait, None) if !has_self => {
            Err(Error::new(attribute, "write `#[memoize(in_trait)]` on a trait's function without `self`"))
        }
        _ => Ok(()),
    }
}

/// Refuses `&mut` arguments: changes to them would be lost when a result is loaded.
fn check_mutability(parameter: &Parameter, input: &FnArg) -> Result<()> {
    let mut finder = FindMutable(false);
    match input {
        FnArg::Receiver(receiver) => match &receiver.kind {
            ReceiverKind::Reference(_, _, mutability) => finder.0 = mutability.is_some(),
            ReceiverKind::Typed(_, ty) => finder.visit_type(ty),
            _ => {}
        },
        FnArg::Typed(typed) => finder.visit_type(&typed.ty),
    }
    if finder.0 && parameter.counts {
        let name = &parameter.name;
        return Err(Error::new(
            input.span(),
            format!(
                "a call whose result is loaded can't change its `&mut` argument: take and return a value, or write \
                 `ignore({name})` if the changes don't matter"
            ),
        ));
    }
    Ok(())
}

/// Finds a part of a type that can't be stored, and the advice for it.
struct FindUnfit(Option<(Span, &'static str)>);

impl<'ast> Visit<'ast> for FindUnfit {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.0.get_or_insert((
            reference.span(),
            "a result that borrows can't be stored and given to a later process: return an owned value, such as \
             `String` for `&str` or `Vec<T>` for `&[T]`",
        ));
    }

    fn visit_type_impl_trait(&mut self, impl_trait: &'ast TypeImplTrait) {
        self.0.get_or_insert((
            impl_trait.span(),
            "an `impl Trait` result has no type that can be stored: return a named type, such as `Vec<T>` for an \
             iterator",
        ));
    }

    fn visit_type_never(&mut self, never: &'ast syn::TypeNever) {
        self.0.get_or_insert((never.span(), "a function that never returns has no result to keep"));
    }
}

/// Finds a `dyn Error` that has to stay on its thread.
struct FindLocalError(Option<Span>);

impl<'ast> Visit<'ast> for FindLocalError {
    fn visit_type_trait_object(&mut self, object: &'ast syn::TypeTraitObject) {
        let is = |bound: &TypeParamBound, name: &str| matches!(bound, TypeParamBound::Trait(bound) if bound.path.segments.last().is_some_and(|last| last.ident == name));
        let has = |name| object.bounds.iter().any(|bound| is(bound, name));
        if has("Error") && !has("Send") {
            self.0.get_or_insert(object.span());
        }
    }
}

/// Finds a mutable reference or view, but not in the parameters of closures and function pointers.
struct FindMutable(bool);

impl<'ast> Visit<'ast> for FindMutable {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.0 |= reference.mutability.is_some();
        visit::visit_type_reference(self, reference);
    }

    fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
        self.0 |= is_mutable_view(&segment.ident.to_string());
        visit::visit_path_segment(self, segment);
    }

    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &'ast syn::ParenthesizedGenericArguments) {}
}

fn has_impl_trait(ty: &Type) -> bool {
    struct Find(bool);
    impl<'ast> Visit<'ast> for Find {
        fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut find = Find(false);
    find.visit_type(ty);
    find.0
}

/// Finds `Self`, except in items within the function.
fn find_self(item: &Item) -> Option<Span> {
    struct Find(Option<Span>);
    impl<'ast> Visit<'ast> for Find {
        fn visit_ident(&mut self, ident: &'ast Ident) {
            if ident == "Self" {
                self.0.get_or_insert(ident.span());
            }
        }
        fn visit_item(&mut self, _: &'ast syn::Item) {}
    }
    let mut find = Find(None);
    find.visit_signature(&item.sig);
    if find.0.is_none()
        && mentions(item.body.clone().into(), &|ident| ident == "Self")
        && let Ok(block) = syn::parse2::<Block>(item.body.clone().into())
    {
        find.visit_block(&block);
    }
    find.0
}
