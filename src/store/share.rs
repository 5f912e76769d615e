//! Letting a group use a cache.

use crate::store::layout::Layout;
use crate::store::owned_files;
use crate::sys::atomic_file::create_private_folder;
use crate::sys::permissions;

impl Layout {
    /// Notes who may use the cache, whose root is there; if it is to be shared, or is already, opens to the group what this
    /// user made before. Last comes the folder of drafts, which tells from then on that the cache is shared.
    pub(crate) fn share(&self, asked: bool) {
        let (root, temps) = (self.root(), self.temps());
        let is_shared = permissions::note(root, &temps, asked);
        if !is_shared || (permissions::is_open_to_others(root) && permissions::is_open_to_others(&temps)) {
            return;
        }
        permissions::open_to_others(root, true);
        owned_files::files_of(root).iter().for_each(|file| permissions::open_to_others(file, false));
        owned_files::walk(&self.functions(), &mut permissions::open_to_others);
        // If it can't be made, opening the cache says so.
        let _ = create_private_folder(&temps);
        permissions::open_to_others(&temps, true);
    }
}
