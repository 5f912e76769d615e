//! Creates the folders of a cache, and finds its root.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::store::layout::Layout;
use crate::store::names::{CACHEDIR_TAG, GITIGNORE, GITIGNORE_FILE, TAG_FILE, VERSION_FOLDER};
use crate::store::{orphaned_temps, owned_files, root};
use crate::sys::atomic_file::FileKind;
use crate::sys::private_folder::create_private_folder;
use crate::sys::{atomic_file, cross_device, permissions};

impl Layout {
    /// Returns the layout of the cache that is, or will be, in this folder. If the folder has other files, the cache
    /// gets a subfolder of its own.
    pub(crate) fn within(folder: &Path) -> Result<Self> {
        let layout = Layout::at(folder)?;
        Layout::at(&root::choose(&layout.root)?)
    }

    /// Returns the root of the cache that a function's folder belongs to; `None` if it is in no cache.
    pub(crate) fn root_of(folder: &Path) -> Option<&Path> {
        let is_functions = |ancestor: &&Path| ancestor.file_name().is_some_and(|name| name == VERSION_FOLDER);
        let roots = || folder.ancestors().filter(is_functions).filter_map(Path::parent);
        // A folder named like the version folder may belong to something else, or to a module of that name. So the tag
        // decides. Without one, the root must have stored functions.
        let is_tagged = |root: &&Path| owned_files::is_tagged(root).unwrap_or(false);
        let has_function = |root: &&Path| owned_files::has_function(&owned_files::functions_of(root), &mut 1000);
        roots().find(is_tagged).or_else(|| roots().find(has_function))
    }

    /// Creates the folders, with permissions for the users who may use the cache. `shared`: a group may use it.
    pub(crate) fn create_for(&self, shared: bool) -> Result<()> {
        let heir = permissions::Heir::of(&self.root);
        self.create_root().map_err(permissions::explain)?;
        heir.inherits();
        self.share(shared);
        self.create().map_err(permissions::explain)
    }

    /// Creates the root.
    pub(crate) fn create_root(&self) -> Result<()> {
        create_private_folder(&self.root).map_err(|error| {
            if self.root.exists() && !self.root.is_dir() {
                Error::new(ErrorKind::InvalidInput, "this is a file; a cache needs a folder").at(&self.root)
            } else {
                error
            }
        })
    }

    /// Creates the folders and files that every cache has.
    pub(crate) fn create(&self) -> Result<()> {
        self.create_root()?;
        self.create_temps()?;
        let missing = [(TAG_FILE, CACHEDIR_TAG), (GITIGNORE_FILE, GITIGNORE)];
        // Existing files belong to the user and stay unchanged.
        let mut missing = missing.map(|(name, content)| (self.root.join(name), content)).into_iter().peekable();
        while missing.next_if(|(path, _)| path.exists()).is_some() {}
        // A tag or ignore file would also hide the other files in the folder.
        if missing.peek().is_some() && root::may_be_hidden(&self.root)? {
            for (path, content) in missing.filter(|(path, _)| !path.exists()) {
                atomic_file::write(&self.temp_folder_for(&self.root), &path, FileKind::CacheFile, content.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Returns whether the tag hides other files than the cache.
    pub(crate) fn hides_others(&self) -> bool {
        owned_files::is_tagged(&self.root).unwrap_or(false) && root::may_be_hidden(&self.root).is_ok_and(|alone| !alone)
    }

    /// Creates the folder for temporary files. A symbolic link under that name may lead anywhere, so it is not used.
    pub(crate) fn create_temps(&self) -> Result<()> {
        let temps = self.temps();
        if fs::symlink_metadata(&temps).is_ok_and(|metadata| metadata.file_type().is_symlink()) {
            cross_device::note(&temps);
            return Ok(());
        }
        cross_device::forget(&temps);
        create_private_folder(&temps)
    }

    /// Returns the folder for temporary files whose target is in `folder`: the cache's folder for them, or `folder`
    /// itself if files can't be renamed from there.
    pub(crate) fn temp_folder_for(&self, folder: &Path) -> PathBuf {
        let chosen = cross_device::choose(self.temps(), folder);
        if chosen == folder && cross_device::is_untidied(folder) {
            orphaned_temps::collect_in(folder);
        }
        chosen
    }
}
