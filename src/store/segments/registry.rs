//! The segments of all functions that this process has used. All open caches share them, so that a process appends to one
//! segment of a function.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::store::segments::function_segments::FunctionSegments;
use crate::sys::fork::per_process::PerProcess;

/// The segments of each function, by the function's folder.
static FUNCTIONS: PerProcess<RwLock<HashMap<PathBuf, Arc<FunctionSegments>>>> = PerProcess::new();

/// Returns the segments of the function with this folder.
pub(crate) fn segments_of(function: &Path) -> Arc<FunctionSegments> {
    let functions = FUNCTIONS.get();
    if let Some(known) = functions.read().unwrap_or_else(PoisonError::into_inner).get(function) {
        return known.clone();
    }
    let mut functions = functions.write().unwrap_or_else(PoisonError::into_inner);
    functions.entry(function.to_owned()).or_insert_with(|| Arc::new(FunctionSegments::of(function))).clone()
}

/// Returns the segments of the functions under this folder that this process has used.
pub(crate) fn known_under(folder: &Path) -> Vec<Arc<FunctionSegments>> {
    let functions = FUNCTIONS.get().read().unwrap_or_else(PoisonError::into_inner);
    functions.iter().filter(|(path, _)| path.starts_with(folder)).map(|(_, known)| known.clone()).collect()
}

/// Completes the segments under this folder that this process appends to, and closes all of them.
pub(crate) fn close_under(folder: &Path) {
    let closed: Vec<_> = {
        let mut functions = FUNCTIONS.get().write().unwrap_or_else(PoisonError::into_inner);
        functions.extract_if(|path, _| path.starts_with(folder)).map(|(_, known)| known).collect()
    };
    closed.iter().for_each(|known| known.complete_own());
}
