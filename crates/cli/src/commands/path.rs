//! `larder path`: prints the folder of the cache, or of one function.

use std::io::Write;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::streams::write_json;
use crate::select;

/// Prints the folder of the cache, or of one function.
pub(crate) fn path(context: &Context, function: Option<&str>, out: &mut dyn Write) -> Result<(), Failure> {
    let cache = context.open_to_read()?;
    let path = match function {
        None => cache.path().to_owned(),
        Some(function) => select::function(context, &cache.functions()?, function)?.path.clone(),
    };
    if context.json {
        return write_json(out, &path);
    }
    Ok(writeln!(out, "{}", path.display())?)
}
