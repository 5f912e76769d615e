//! Implements the traits of serde's serializers that differ only in their names.

/// Implements traits for the elements of a sequence, a tuple or a variant: each element is passed to the method `$own`
/// of the type, and the end to its method `finish`.
macro_rules! elements {
    ($type:ty, $error:ty, $own:ident: $($trait:ident::$method:ident),* $(,)?) => {$(
        impl serde::ser::$trait for $type {
            type Ok = ();
            type Error = $error;

            #[inline]
            fn $method<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> std::result::Result<(), $error> {
                self.$own(value)
            }

            #[inline]
            fn end(self) -> std::result::Result<(), $error> {
                self.finish()
            }
        }
    )*};
}

/// Implements the traits for named fields: each field is passed to the method `field` of the type, and the end to its
/// method `finish`.
macro_rules! fields {
    ($type:ty, $error:ty) => {
        $crate::text::serde_traits::fields!($type, $error: SerializeStruct, SerializeStructVariant);
    };
    ($type:ty, $error:ty: $($trait:ident),*) => {$(
        impl serde::ser::$trait for $type {
            type Ok = ();
            type Error = $error;

            #[inline]
            fn serialize_field<T: serde::Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> std::result::Result<(), $error> {
                self.field(name, value)
            }

            #[inline]
            fn end(self) -> std::result::Result<(), $error> {
                self.finish()
            }
        }
    )*};
}

pub(crate) use {elements, fields};
