//! Letting a group use a cache.

use super::{Layout, own};
use crate::access;
use crate::atomic::create_private_folder;

impl Layout {
    /// Notes who may use the cache, whose root is there; if it is to be shared, or is already, opens to the group what this
    /// user made before. Last comes the folder of drafts, which tells from then on that the cache is shared.
    pub(crate) fn share(&self, asked: bool) {
        let (root, drafts) = (self.root(), self.drafts());
        let is_shared = access::note(root, &drafts, asked);
        if !is_shared || (access::is_open_to_others(root) && access::is_open_to_others(&drafts)) {
            return;
        }
        access::open_to_others(root, true);
        own::files_of(root).iter().for_each(|file| access::open_to_others(file, false));
        own::walk(&self.functions(), &mut access::open_to_others);
        // If it can't be made, opening the cache says so.
        let _ = create_private_folder(&drafts);
        access::open_to_others(&drafts, true);
    }
}
