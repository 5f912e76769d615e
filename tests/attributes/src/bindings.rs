//! Attributes that make a function callable from other languages.

mod python {
    use larder::memoize;
    use pyo3::prelude::*;

    #[pyfunction]
    #[memoize(companion = false)]
    fn above(n: u8) -> u8 {
        n
    }

    #[memoize(companion = false)]
    #[pyfunction]
    #[pyo3(name = "other", signature = (n, m = 3))]
    fn below(n: u8, m: u8) -> PyResult<u8> {
        Ok(n + m)
    }

    #[pyclass]
    #[derive(serde::Serialize)]
    struct Number(u8);

    #[pymethods]
    impl Number {
        #[new]
        fn new(n: u8) -> Self {
            Number(n)
        }

        #[memoize]
        fn get(&self) -> u8 {
            self.0
        }
    }

    #[pymodule]
    mod declared {
        #[pymodule_export]
        use super::{Number, above, below};
    }

    #[pymodule]
    fn filled(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add_function(wrap_pyfunction!(above, module)?)?;
        module.add_function(wrap_pyfunction!(below, module)?)
    }
}

mod web {
    use larder::memoize;
    use wasm_bindgen::prelude::wasm_bindgen;

    #[memoize]
    #[wasm_bindgen]
    pub fn below(n: u8) -> u8 {
        n
    }

    #[wasm_bindgen]
    #[derive(serde::Serialize)]
    pub struct Number(u8);

    #[wasm_bindgen]
    impl Number {
        pub fn get(&self) -> u8 {
            self.stored()
        }
    }

    impl Number {
        #[memoize]
        fn stored(&self) -> u8 {
            self.0
        }
    }
}

mod node {
    use larder::memoize;
    use napi_derive::napi;

    #[memoize]
    #[napi]
    pub fn below(n: u32) -> u32 {
        n
    }

    #[napi]
    #[derive(serde::Serialize)]
    pub struct Number {
        pub value: u32,
    }

    #[napi]
    impl Number {
        #[napi]
        pub fn get(&self) -> u32 {
            self.stored()
        }
    }

    impl Number {
        #[memoize]
        fn stored(&self) -> u32 {
            self.value
        }
    }
}
