use std::io::Write;

use crate::args::KeyPrefix;
use crate::failure::Failure;
use crate::place::Place;

pub(crate) fn explain(_: &Place, _: &KeyPrefix, _: Option<&KeyPrefix>, _: &mut dyn Write) -> Result<(), Failure> {
    Err(Failure::Failed("to be written".to_owned()))
}
