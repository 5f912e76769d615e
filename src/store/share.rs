//! Gives a group access to a cache.

use crate::store::layout::Layout;
use crate::store::owned_files;
use crate::sys::permissions;
use crate::sys::private_folder::create_private_folder;

impl Layout {
    /// Records who may use the cache, whose root must exist. If it is or becomes shared, gives the group access to what
    /// this user created before. The folder for temporary files comes last, because its permissions mark the cache as
    /// shared.
    pub(crate) fn share(&self, asked: bool) {
        let (root, temps) = (self.root(), self.temps());
        let is_shared = permissions::note(root, &temps, asked);
        if !is_shared || (permissions::is_open_to_others(root) && permissions::is_open_to_others(&temps)) {
            return;
        }
        permissions::open_to_others(root, true);
        owned_files::files_of(root).iter().for_each(|file| permissions::open_to_others(file, false));
        owned_files::walk(&self.functions(), &mut permissions::open_to_others);
        // If it can't be created, opening the cache reports the error.
        let _ = create_private_folder(&temps);
        permissions::open_to_others(&temps, true);
    }
}
