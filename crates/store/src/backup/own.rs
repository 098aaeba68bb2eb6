//! Where a backup target must not lie: in, around or upon what it protects. Not here: what else a target must be.

use std::{path::Path, path::PathBuf, sync::Arc};

use keyreeve_core::{Error, ErrorKind, Result};

use crate::disk::Disk;

/// What a store has on its own machine.
pub(crate) struct Own {
    pub(crate) disk: Arc<dyn Disk>,
    /// The data folder.
    pub(crate) dir: PathBuf,
    /// The machine's cell.
    pub(crate) cell: PathBuf,
}

impl Own {
    /// Makes sure that a target lies apart; links are followed. Buckets do.
    ///
    /// # Errors
    /// `InvalidField` with the reason.
    pub(crate) fn check_apart(&self, address: &str) -> Result<()> {
        let Some(folder) = address.strip_prefix("file://") else { return Ok(()) };
        let target = self.disk.resolve(Path::new(folder));
        let (dir, cell) = (self.disk.resolve(&self.dir), self.disk.resolve(&self.cell));
        let its_cell = target.with_added_extension("cell");
        let what = if target.starts_with(&dir) {
            "it lies in the data folder, and would be lost with it"
        } else if dir.starts_with(&target) {
            "the data folder lies in it: a copy of the target would be one of the data folder too"
        } else if cell.starts_with(&target) {
            "this machine's epoch key lies in it: a copy of the target would bring destroyed keys back"
        } else if its_cell.starts_with(&dir) || its_cell.starts_with(&cell) {
            "its own epoch key would lie upon this machine's"
        } else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::InvalidField,
            format!("{address} is no place for a target: {what}; choose another"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn a_target_lies_neither_in_nor_around_nor_upon_what_it_protects() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let path = |path: &str| root.join(path);
        std::fs::create_dir_all(path("data/index")).unwrap();
        std::os::unix::fs::symlink(path("data"), path("link")).unwrap();
        let disk = Arc::new(RealDisk);
        let own = Own { disk, dir: path("data"), cell: path("cells/here.cell") };
        let check = |target: &str| own.check_apart(&format!("file://{}", path(target).display()));
        for wrong in ["data", "data/backup", "data/x/../backup", "", "cells", "link/backup", "cells/here"] {
            let refused = check(wrong).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidField, "{wrong}");
            assert!(refused.public().contains("choose another"), "{refused}");
        }
        for good in ["data2", "backup", "cells/there", "data/../backup"] {
            check(good).unwrap();
        }
        own.check_apart("s3://bucket/data").unwrap();
    }
}
