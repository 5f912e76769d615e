pub use crate::helpers::hidden::original as public;
