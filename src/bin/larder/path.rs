//! `larder path`: where things are.

use std::io::Write;

use crate::failure::Failure;
use crate::output::write_json;
use crate::place::Place;
use crate::select;

/// Prints the folder of the cache, or of one function.
pub(crate) fn path(place: &Place, function: Option<&str>, out: &mut dyn Write) -> Result<(), Failure> {
    let cache = place.look()?;
    let path = match function {
        None => cache.path().to_owned(),
        Some(function) => select::function(place, &cache.functions()?, function)?.path.clone(),
    };
    if place.json {
        return write_json(out, &path);
    }
    Ok(writeln!(out, "{}", path.display())?)
}
