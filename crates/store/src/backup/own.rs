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
    /// Makes sure that a target lies apart from these and from the other targets; links are followed. `others`: their
    /// addresses.
    ///
    /// # Errors
    /// `InvalidField` with the reason.
    pub(crate) fn check_apart<'a>(
        &self,
        address: &str,
        others: impl IntoIterator<Item = &'a str>,
    ) -> Result<()> {
        let lies = self.lies(address);
        let [target, its_cell] = &lies;
        let (dir, cell) = (self.disk.resolve(&self.dir), self.disk.resolve(&self.cell));
        let what = if target.starts_with(&dir) {
            "it lies in the data folder, and would be lost with it".to_owned()
        } else if dir.starts_with(target) {
            "the data folder lies in it: a copy of the target would be one of the data folder too".to_owned()
        } else if cell.starts_with(target) {
            "this machine's epoch key lies in it: a copy of the target would bring destroyed keys back"
                .to_owned()
        } else if its_cell.starts_with(&dir) || its_cell.starts_with(&cell) {
            "its own epoch key would lie upon this machine's".to_owned()
        } else if let Some(other) = others.into_iter().find(|other| meet(&lies, &self.lies(other))) {
            format!(
                "it and the target {other} lie in each other, so that a copy of one holds the epoch key of the other"
            )
        } else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::InvalidField,
            format!("{address} is no place for a target: {what}; choose another"),
        ))
    }

    /// Where a target and its cell lie, so that one can be told to lie in another: a folder, or a bucket and a prefix.
    /// Where the folder is a link, the cell lies beside the link, not beside what it leads to.
    fn lies(&self, address: &str) -> [PathBuf; 2] {
        [address.to_owned(), format!("{address}.cell")].map(|address| match address.strip_prefix("file://") {
            Some(path) => self.disk.resolve(Path::new(path)),
            None => address.into(),
        })
    }
}

/// Whether one of two targets lies in the other, with its cell or without, or both have one cell.
fn meet(one: &[PathBuf; 2], other: &[PathBuf; 2]) -> bool {
    let within =
        |one: &[PathBuf; 2], other: &[PathBuf; 2]| one.iter().any(|path| path.starts_with(&other[0]));
    within(one, other) || within(other, one) || one[1] == other[1]
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
        let address = |target: &str| format!("file://{}", path(target).display());
        let check =
            |target: &str| own.check_apart(&address(target), [&*address("other/keys"), "s3://bucket/keys"]);
        std::fs::create_dir_all(path("other/keys/t1")).unwrap();
        std::os::unix::fs::symlink(path("other"), path("another")).unwrap();
        // The folder is elsewhere, its cell beside the link, or the other way round.
        std::fs::create_dir_all(path("srv/keys")).unwrap();
        let links = [
            ("srv/keys", "data/out"),
            ("srv/keys", "other/keys/out"),
            ("other/keys.cell", "srv/one.cell"),
            ("other/keys", "srv/two"),
            ("cells/here.cell", "srv/three.cell"),
            ("data", "srv/four"),
        ];
        for (at, link) in links {
            std::os::unix::fs::symlink(path(at), path(link)).unwrap();
        }
        for file in ["cells/here.cell", "other/keys.cell"] {
            std::fs::create_dir_all(path(file).parent().unwrap()).unwrap();
            std::fs::write(path(file), []).unwrap();
        }
        let by_the_machine = [
            "data",
            "data/backup",
            "data/x/../backup",
            "",
            "cells",
            "link/backup",
            "cells/here",
            "data/out",
            "srv/three",
            "srv/four",
        ];
        let by_the_other = [
            "other",
            "other/keys",
            "other/keys/t1",
            "other/keys.cell",
            "another/keys/x",
            "other/keys/out",
            "srv/one",
            "srv/two",
        ];
        for wrong in by_the_machine.into_iter().chain(by_the_other) {
            let refused = check(wrong).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidField, "{wrong}");
            assert!(refused.public().contains("choose another"), "{refused}");
        }
        for good in
            ["data2", "srv/keys", "backup", "cells/there", "data/../backup", "other/keys2", "other/key"]
        {
            check(good).unwrap();
        }
        let check = |target: &str| own.check_apart(target, ["s3://bucket/keys"]);
        for wrong in ["s3://bucket/keys/near", "s3://bucket/keys", "s3://bucket/keys.cell"] {
            assert!(check(wrong).unwrap_err().public().contains("s3://bucket/keys lie"), "{wrong}");
        }
        for good in ["s3://bucket/data", "s3://bucket/keys2", "s3://bucket2/keys/near"] {
            check(good).unwrap();
        }
    }
}
