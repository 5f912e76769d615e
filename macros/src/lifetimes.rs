//! Names for elided lifetimes: a `Call<'larder, T>` lives as long as the arguments that it holds.

use syn::visit_mut::{self, VisitMut};
use syn::{
    AngleBracketedGenericArguments, GenericArgument, Lifetime, ParenthesizedGenericArguments, PathArguments,
    PathSegment, Type, TypeFnPtr, TypeReference, parse_quote,
};

/// Returns that lifetime.
pub(crate) fn lifetime() -> Lifetime {
    parse_quote!('larder)
}

/// Names the elided lifetimes in a parameter's type.
pub(crate) fn name_elided(ty: &Type) -> Type {
    let mut ty = ty.clone();
    NameElided.visit_type_mut(&mut ty);
    ty
}

struct NameElided;

impl VisitMut for NameElided {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        reference.lifetime.get_or_insert_with(lifetime);
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, name: &mut Lifetime) {
        if name.ident == "_" {
            *name = lifetime();
        }
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        visit_mut::visit_type_mut(self, ty);
        // In parentheses, as `&impl A + 'larder` would be ambiguous.
        if let Type::ImplTrait(impl_trait) = ty {
            impl_trait.bounds.push(parse_quote!('larder));
            *ty = parse_quote!((#ty));
        } else if let Type::Paren(outer) = ty
            && let Type::Paren(inner) = &*outer.elem
        {
            *ty = Type::Paren(inner.clone());
        }
    }

    fn visit_path_segment_mut(&mut self, segment: &mut PathSegment) {
        visit_mut::visit_path_segment_mut(self, segment);
        if let PathArguments::AngleBracketed(AngleBracketedGenericArguments { args, .. }) = &mut segment.arguments
            && hides_lifetime(&segment.ident.to_string())
            && !args.iter().any(|argument| matches!(argument, GenericArgument::Lifetime(_)))
        {
            args.insert(0, parse_quote!('larder));
        }
    }

    // Their elided lifetimes are their own.
    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {}
}

/// Returns whether a type is usually written without the lifetime that it has. An attribute can't resolve types, so it
/// knows the common ones by name.
fn hides_lifetime(name: &str) -> bool {
    let is_view = |kind: &str| name.strip_prefix(kind).is_some_and(is_dimension);
    is_view("ArrayView") || is_view("ArrayViewMut") || name == "Cow" || name == "CowArray"
}

/// Returns whether this is one of `ndarray`'s mutable views.
pub(crate) fn is_mutable_view(name: &str) -> bool {
    name.strip_prefix("ArrayViewMut").is_some_and(is_dimension)
}

/// Returns whether this ends the name of one of `ndarray`'s views: `ArrayView1`, `ArrayViewD`, `ArrayView<A, D>`.
fn is_dimension(text: &str) -> bool {
    ["", "0", "1", "2", "3", "4", "5", "6", "D"].contains(&text)
}
