//! Functions in `impl` blocks and traits without the required option.

use larder::memoize;

#[derive(serde::Serialize)]
struct Model(u8);

impl Model {
    #[memoize]
    fn new(n: u8) -> u8 {
        n
    }

    #[memoize]
    fn named_self(n: u8) -> u8 {
        Self(n).0
    }
}

trait Shape {
    fn area(&self) -> u8;
    fn unit(n: u8) -> u8;

    #[memoize]
    fn provided(n: u8) -> u8 {
        n
    }
}

impl Shape for Model {
    #[memoize]
    fn area(&self) -> u8 {
        self.0
    }

    #[memoize(in_impl)]
    fn unit(n: u8) -> u8 {
        n
    }
}

#[memoize(in_impl)]
fn free(n: u8) -> u8 {
    n
}

#[memoize(in_trait)]
fn free_too(n: u8) -> u8 {
    n
}

impl Model {
    #[memoize(in_impl, in_trait)]
    fn both(n: u8) -> u8 {
        n
    }
}

// No errors for correct code, whatever surrounds it: "impl X for Y {", 'x', '"', r#"impl"#.
mod inner {
    /* impl /* nested */ { */
    #![allow(dead_code)]
    use larder::memoize;
    const TEXT: &str = "impl A for B { \" {";
    fn lifetimes<'a>(text: &'a str) -> impl Iterator<Item = char> + use<'a> {
        #[memoize]
        fn nested(n: char) -> char {
            n
        }
        text.chars().map(nested)
    }
    impl super::Model {
        fn method<T>() -> u8
        where
            T: for<'a> Fn(&'a u8),
        {
            #[memoize]
            fn nested(n: u8) -> u8 {
                n
            }
            nested(1)
        }
    }
}

fn main() {
    Model::new(1) + Model::named_self(1) + <Model as Shape>::provided(1) + Model(1).area() + Model::unit(1);
    free(1) + free_too(1) + Model::both(1);
}
