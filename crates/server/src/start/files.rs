//! Files and folders that only their owner reads. Not here: what is in them.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::error::StartError;

/// Makes a folder, and those above it, that only the owner enters; one that is there stays as it is.
pub(super) fn make_dir(dir: &Path) -> Result<(), StartError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(StartError::io("make the folder", dir))
}

/// Writes a file that only the owner reads, in place of one that is there.
pub(super) fn write_secret(file: &Path, content: &[u8]) -> Result<(), StartError> {
    write(file, content, 0o600)
}

/// Writes a file that everybody may read who gets to its folder.
pub(super) fn write_public(file: &Path, content: &[u8]) -> Result<(), StartError> {
    write(file, content, 0o644)
}

fn write(file: &Path, content: &[u8], mode: u32) -> Result<(), StartError> {
    let failed = |error| StartError::io("write", file)(error);
    let mut opened =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(file).map_err(failed)?;
    // A file that was there has kept its own mode until here, and is empty.
    opened.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
    opened.write_all(content).map_err(failed)?;
    opened.sync_all().map_err(failed)
}
