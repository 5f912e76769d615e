//! The function, taken apart and checked.

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::spanned::Spanned as _;
use syn::visit::Visit;
use syn::{
    Attribute, Error, FnArg, GenericParam, Ident, ItemFn, Pat, ReceiverKind, Result, ReturnType, Signature, Type,
    TypeImplTrait, TypeReference,
};

use crate::options::Options;

/// A function that can be memoized.
pub(crate) struct Function {
    pub(crate) item: ItemFn,
    pub(crate) parameters: Vec<Parameter>,
    /// Stands in an `impl` block.
    pub(crate) in_impl: bool,
    pub(crate) output: Type,
}

/// One parameter, `self` included.
pub(crate) struct Parameter {
    /// What the wrapper calls it.
    pub(crate) ident: Ident,
    /// What the user calls it.
    pub(crate) name: String,
    /// `None` for `self`.
    pub(crate) ty: Option<Type>,
    /// Whether the result depends on it.
    pub(crate) counts: bool,
    /// Declared as `impl Trait`.
    pub(crate) is_impl_trait: bool,
}

impl Function {
    pub(crate) fn parse(tokens: TokenStream, options: &Options) -> Result<Self> {
        let item: ItemFn = syn::parse2(tokens).map_err(|error| {
            Error::new(error.span(), format!("`#[memoize]` stands on a function with a body; {error}"))
        })?;
        check_form(&item.sig)?;
        let output = output(&item.sig)?;
        let parameters = parameters(&item.sig, options)?;
        let in_impl = options.in_impl.is_some() || item.sig.receiver().is_some();
        if !in_impl {
            let mut finder = FindSelf(None);
            finder.visit_item_fn(&item);
            if let Some(found) = finder.0 {
                return Err(Error::new(
                    found.span(),
                    "`Self` stands only in `impl` blocks, and an attribute can't see where it is: write \
                     `#[memoize(in_impl)]` on an associated function without `self`",
                ));
            }
        }
        Ok(Function { item, parameters, in_impl, output })
    }

    pub(crate) fn name(&self) -> &Ident {
        &self.item.sig.ident
    }

    /// The attributes that belong on everything that is made of the function.
    pub(crate) fn lints(&self) -> impl Iterator<Item = &Attribute> {
        self.item.attrs.iter().filter(|attribute| is_lint(attribute))
    }

    /// The attributes that belong on the function alone.
    pub(crate) fn other_attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.item.attrs.iter().filter(|attribute| !is_lint(attribute))
    }
}

fn is_lint(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"].iter().any(|name| attribute.path().is_ident(name))
}

fn check_form(sig: &Signature) -> Result<()> {
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
    Ok(())
}

/// The return type; one that borrows or has no name is refused.
fn output(sig: &Signature) -> Result<Type> {
    let ReturnType::Type(_, ty) = &sig.output else {
        return Ok(syn::parse_quote!(()));
    };
    let mut finder = FindUnfit(None);
    finder.visit_type(ty);
    match finder.0 {
        Some(Unfit::Reference(span)) => Err(Error::new(
            span,
            "a result that borrows can't be stored and given to a later process: return an owned value, such as \
             `String` for `&str` or `Vec<T>` for `&[T]`",
        )),
        Some(Unfit::ImplTrait(span)) => Err(Error::new(
            span,
            "an `impl Trait` result has no type that can be stored: return a named type, such as `Vec<T>` for an \
             iterator",
        )),
        None => Ok((**ty).clone()),
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
                is_impl_trait: false,
            },
            FnArg::Typed(typed) => {
                let (ident, name) = match &*typed.pat {
                    Pat::Ident(pat) if pat.subpat.is_none() && pat.by_ref.is_none() => {
                        (pat.ident.clone(), pat.ident.to_string())
                    }
                    _ => (format_ident!("__larder_argument_{index}"), format!("argument {index}")),
                };
                Parameter {
                    ident,
                    name,
                    ty: Some((*typed.ty).clone()),
                    counts: true,
                    is_impl_trait: matches!(&*typed.ty, Type::ImplTrait(_)),
                }
            }
        };
        parameters.push(parameter);
    }
    for ignored in &options.ignore {
        match parameters.iter_mut().find(|parameter| *ignored == parameter.name) {
            Some(parameter) => parameter.counts = false,
            None => {
                let names: Vec<_> = parameters.iter().map(|parameter| format!("`{}`", parameter.name)).collect();
                return Err(Error::new(
                    ignored.span(),
                    format!("there is no argument `{ignored}` to ignore; there are {}", names.join(", ")),
                ));
            }
        }
    }
    for (parameter, input) in parameters.iter().zip(&sig.inputs) {
        check_mutability(parameter, input)?;
    }
    Ok(parameters)
}

/// What a function does to a `&mut` argument would be lost when its result is loaded.
fn check_mutability(parameter: &Parameter, input: &FnArg) -> Result<()> {
    let mutable = match input {
        FnArg::Receiver(receiver) => match &receiver.kind {
            ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
            ReceiverKind::Typed(_, ty) => is_mutable_reference(ty),
            _ => false,
        },
        FnArg::Typed(typed) => is_mutable_reference(&typed.ty),
    };
    if mutable && parameter.counts {
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

fn is_mutable_reference(ty: &Type) -> bool {
    matches!(ty, Type::Reference(TypeReference { mutability: Some(_), .. }))
}

/// The names of a function's type and const parameters.
pub(crate) fn type_parameters(sig: &Signature) -> (Vec<&Ident>, Vec<&Ident>) {
    let (mut types, mut constants) = (Vec::new(), Vec::new());
    for parameter in &sig.generics.params {
        match parameter {
            GenericParam::Type(parameter) => types.push(&parameter.ident),
            GenericParam::Const(parameter) => constants.push(&parameter.ident),
            _ => {}
        }
    }
    (types, constants)
}

enum Unfit {
    Reference(proc_macro2::Span),
    ImplTrait(proc_macro2::Span),
}

/// Finds a part of a type that can't be stored.
struct FindUnfit(Option<Unfit>);

impl<'ast> Visit<'ast> for FindUnfit {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.0.get_or_insert(Unfit::Reference(reference.span()));
    }

    fn visit_type_impl_trait(&mut self, impl_trait: &'ast TypeImplTrait) {
        self.0.get_or_insert(Unfit::ImplTrait(impl_trait.span()));
    }
}

/// Finds `Self`, but for that of items within the function.
struct FindSelf(Option<Ident>);

impl<'ast> Visit<'ast> for FindSelf {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        if ident == "Self" {
            self.0.get_or_insert(ident.clone());
        }
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}
