include!("../../calls.rs");
