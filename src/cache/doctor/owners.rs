//! Checks whose files are in a cache's folder.

use crate::cache::doctor::diagnosis::{Diagnosis, fault, note};
use crate::store::layout::Layout;
use crate::store::usage_scan::UsageScan;
use crate::text::humanize::count;

/// Returns the entries of other users that this user can't read, and other files of the user that are hidden together
/// with the cache.
pub(super) fn owners(found: &UsageScan, layout: &Layout) -> Vec<Diagnosis> {
    let mut findings = Vec::new();
    if found.closed > 0 {
        findings.push(fault(
            "owners",
            format!(
                "{} of other users can't be read, so their calls are computed",
                count(found.closed, "entry", "entries")
            ),
            "share the cache: `CacheBuilder::shared(true)` or LARDER_SHARED=1, first by the owner of its folder",
        ));
    }
    if layout.hides_others() {
        findings.push(note(
            "hidden",
            format!(
                "other things are in {}, and backups and git leave them out with the cache",
                layout.root().display()
            ),
            "move them elsewhere; or remove CACHEDIR.TAG and .gitignore, which are not made again then",
        ));
    }
    findings
}
