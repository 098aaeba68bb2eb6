//! Files and folders that are ours alone: made so that only their owner reads them, and trusted only where nobody else
//! could have put something into them. Not here: what is in them.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use keyreeve_core::SecretBytes;
use tracing::warn;

use super::error::StartError;

/// Bytes of a passphrase or key file that are read.
const SECRET_BYTES_MAX: usize = 64 << 10;

/// Makes a folder, and those above it, that only the owner enters; one that is there stays as it is, and must be ours.
pub(crate) fn make_dir(dir: &Path) -> Result<(), StartError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(StartError::io("make the folder", dir))?;
    check_ours(dir)
}

/// Refuses a data folder that others may write to, or have: its folder, and what lies in it. One that is not there is
/// nobody's.
pub(crate) fn check_data_dir(dir: &Path) -> Result<(), StartError> {
    let failed = |error| StartError::io("look into", dir)(error);
    check_ours(dir)?;
    let entries = match dir.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        check_ours(&entry.map_err(failed)?.path())?;
    }
    Ok(())
}

/// Reads a file that holds a secret, such as what unlocks the root key. Holds a secret.
pub(crate) fn read_secret(path: &Path) -> Result<SecretBytes, StartError> {
    let failed = |error| StartError::io("read", path)(error);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    // The mode of a terminal says who may send messages to it.
    if !metadata.file_type().is_char_device() {
        check_owner(path, &metadata)?;
        check_writers(path, &metadata)?;
    }
    // Has room to spare: growing would leave a copy behind.
    let mut content = Vec::with_capacity(2 * SECRET_BYTES_MAX);
    file.take(SECRET_BYTES_MAX as u64).read_to_end(&mut content).map_err(failed)?;
    Ok(SecretBytes::new(content))
}

/// Says in the log where others may read a file that unlocks the root key.
pub(super) fn warn_of_readers(path: &Path) {
    let mode = path.metadata().map_or(0, |metadata| metadata.mode() & 0o7777);
    if mode & 0o077 != 0 {
        warn!(
            "others may read {} (its mode is {mode:o}), which unlocks the root key: `chmod go=` it",
            path.display()
        );
    }
}

/// Writes a file that only the owner reads, in place of one that is there.
pub(crate) fn write_secret(file: &Path, content: &[u8]) -> Result<(), StartError> {
    write(file, content, 0o600)
}

/// Writes a file that everybody may read whom the umask lets and who gets to its folder, in place of one that is there.
pub(crate) fn write_public(file: &Path, content: &[u8]) -> Result<(), StartError> {
    write(file, content, 0o644)
}

/// Writes beside the file's place and renames: whole or not at all, and never through a link.
fn write(file: &Path, content: &[u8], mode: u32) -> Result<(), StartError> {
    let failed = |error| StartError::io("write", file)(error);
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new()
        .prefix(".keyreeve-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(failed)?;
    beside.write_all(content).and_then(|()| beside.as_file().sync_all()).map_err(failed)?;
    beside.persist(file).map_err(|error| failed(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Refuses what belongs to others, and a folder that they may write to. A link counts with what it leads to.
fn check_ours(path: &Path) -> Result<(), StartError> {
    let failed = |error| StartError::io("look at", path)(error);
    for metadata in [path.symlink_metadata(), path.metadata()] {
        let metadata = match metadata {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata.map_err(failed)?,
        };
        check_owner(path, &metadata)?;
        if metadata.is_dir() {
            check_writers(path, &metadata)?;
        }
    }
    Ok(())
}

/// Root may do everything anyway, so that what is root's is trusted.
fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), StartError> {
    let us = rustix::process::geteuid().as_raw();
    match metadata.uid() {
        0 => Ok(()),
        uid if uid == us => Ok(()),
        uid => Err(StartError::NotOurs { path: path.to_owned(), uid, us }),
    }
}

fn check_writers(path: &Path, metadata: &Metadata) -> Result<(), StartError> {
    match metadata.mode() & 0o7777 {
        mode if mode & 0o022 == 0 => Ok(()),
        mode => Err(StartError::OthersWrite { path: path.to_owned(), mode }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{lchown, symlink};

    use super::*;

    /// The user that owns nothing.
    const NOBODY: u32 = 65534;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// Gives a file away; says aloud where only root can.
    fn given_away(path: &Path) -> bool {
        let given = lchown(path, Some(NOBODY), None).is_ok();
        if !given {
            eprintln!("NOT TESTED: only root can give {} to another user", path.display());
        }
        given
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("data");
        make_dir(&dir).unwrap();
        assert_eq!(dir.metadata().unwrap().mode() & 0o777, 0o700);
        for (mode, refused) in [(0o755, false), (0o750, false), (0o775, true), (0o702, true), (0o1777, true)]
        {
            set_mode(&dir, mode);
            for checked in [make_dir(&dir), check_data_dir(&dir)] {
                assert_eq!(matches!(checked, Err(StartError::OthersWrite { .. })), refused, "{mode:o}");
                assert_eq!(checked.is_err(), refused, "{mode:o}");
            }
        }
        set_mode(&dir, 0o700);
        std::fs::create_dir(dir.join("journal")).unwrap();
        set_mode(&dir.join("journal"), 0o777);
        let refused = check_data_dir(&dir).unwrap_err().to_string();
        assert!(refused.contains("data/journal") && refused.contains("chmod"), "{refused}");
    }

    #[test]
    fn a_folder_of_another_user_is_refused_with_all_that_lies_in_it() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("data");
        make_dir(&dir).unwrap();
        let (link, file) = (place.path().join("link"), dir.join("root.key"));
        symlink(&dir, &link).unwrap();
        std::fs::write(&file, "key").unwrap();
        check_data_dir(&link).unwrap();
        for given in [&link, &file, &dir] {
            if !given_away(given) {
                return;
            }
            let refused = check_data_dir(&link).unwrap_err();
            assert!(matches!(&refused, StartError::NotOurs { uid: NOBODY, .. }), "{refused}");
            lchown(given, Some(0), None).unwrap();
        }
        check_data_dir(&link).unwrap();
        check_data_dir(&place.path().join("missing")).unwrap();
    }

    #[test]
    fn what_unlocks_is_read_where_nobody_else_could_have_written_it() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("passphrase");
        std::fs::write(&file, "secret").unwrap();
        for (mode, refused) in [(0o600, false), (0o644, false), (0o660, true), (0o602, true)] {
            set_mode(&file, mode);
            let read = read_secret(&file);
            assert_eq!(matches!(read, Err(StartError::OthersWrite { .. })), refused, "{mode:o}");
            assert_eq!(read.is_ok_and(|secret| secret.expose() == b"secret"), !refused, "{mode:o}");
        }
        set_mode(&file, 0o600);
        if given_away(&file) {
            assert!(matches!(read_secret(&file), Err(StartError::NotOurs { .. })));
        }
    }

    #[test]
    fn a_file_is_replaced_and_what_a_link_leads_to_is_not() {
        let place = tempfile::tempdir().unwrap();
        let (file, target) = (place.path().join("ca.pem"), place.path().join("target"));
        std::fs::write(&target, "precious").unwrap();
        symlink(&target, &file).unwrap();
        write_secret(&file, b"new").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
        let metadata = file.symlink_metadata().unwrap();
        assert!(metadata.is_file() && metadata.mode() & 0o777 == 0o600);
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(place.path().read_dir().unwrap().count(), 2, "nothing is left beside");
    }
}
