//! Restoring a store from a backup target into a new data folder. Nothing is needed but the target and the root key:
//! the machine that wrote it may be gone. Not here: how a state is put together (store), and the first start (start).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use keyreeve_core::operations::as_of::AsOf;
use keyreeve_store::backup::{BackupError, root_status};
use keyreeve_store::disk::{Disk as _, RealDisk};
use keyreeve_store::restore::{Plan, PointInTime, Report, preview, restore as fill};
use keyreeve_store::{StoreError, Unlock};
use serde_json::{Value, json};

use super::index::{OnProgress, telling};
use super::unlock::{Ask, unlock};
use crate::config::{Config, Data, MemoryLock, UnlockFile};
use crate::memory::protect;
use crate::start::StartError;
use crate::start::files::{check_data_dir, make_dir};
use crate::start::open::{crypto, store_options};

/// What the names of scratch folders begin with. What is in them is sealed as in any data folder.
const SCRATCH_PREFIX: &str = ".keyreeve-preview-";

/// What unlocks the root key, by whatever way it is there. Names files, holds no secret.
pub struct UnlockBy<'a> {
    /// Files that are named one by one.
    pub files: UnlockFile,
    /// The file that KEYREEVE_ROOT_KEY names.
    pub root_key: Option<PathBuf>,
    /// Somebody to be asked, where no file is named.
    pub ask: Option<Ask<'a>>,
}

impl UnlockBy<'_> {
    /// What unlocks the root key that lies at a target. Holds secrets.
    ///
    /// # Errors
    /// Where there is no root key, nothing to unlock it, or a file that cannot be read.
    pub(super) fn unlock_at(
        &self,
        target: &dyn keyreeve_store::backup::targets::Target,
    ) -> Result<Unlock, StartError> {
        protect(MemoryLock::Try)?;
        let status = root_status(target, &*crypto()?).map_err(StoreError::from)?;
        unlock(&self.files, self.root_key.as_deref(), &status.unlocked_by, self.ask)
    }
}

/// What is to be restored.
pub struct Wanted {
    /// Address of the target.
    pub from: String,
    /// A time in RFC 3339 or the LSN of an entry; none: the newest state.
    pub to: Option<String>,
    /// The new data folder.
    pub into: PathBuf,
    /// Only tell what would come of it.
    pub is_preview: bool,
    /// Keep what was made after the point in time.
    pub keep_new: bool,
    /// Where the epoch key is, if not at the target.
    pub cell: Option<String>,
}

/// Restores, or tells what that would do. Gives what was restored, verified, taken back and left. `told` learns how far it has
/// come, for the first time when the root key is unlocked.
///
/// # Errors
/// `Value` for a point in time that is none; where the folder is not new, the target holds no backup, its root key does
/// not open, or a key does not come back.
pub fn restore(wanted: &Wanted, by: &UnlockBy<'_>, told: OnProgress) -> Result<Value, StartError> {
    let to = wanted.to.as_deref().map_or(Ok(PointInTime::Latest), point)?;
    // A preview leaves nothing behind, and nothing where the restore shall go.
    let scratch = wanted.is_preview.then(|| scratch_beside(&wanted.into)).transpose()?;
    let into = scratch.as_ref().map_or(&*wanted.into, |scratch| scratch.path());
    let config = Config { data: Data { dir: into.to_owned() }, ..Config::default() };
    let mut options = store_options(&config, crypto()?);
    options.on_rebuild = telling(told);
    let from = options.opener().open(&wanted.from).map_err(BackupError::from).map_err(StoreError::from)?;
    let unlock = by.unlock_at(&*from)?;
    make_dir(into)?;
    check_data_dir(into)?;
    let plan = Plan { from: &*from, to, keep_new: wanted.keep_new, cell: wanted.cell.clone() };
    let how = if wanted.is_preview { preview } else { fill };
    Ok(report(&how(&options, &unlock, &plan)?, from.address(), &wanted.into))
}

/// A folder that only we read, on the file system that the restore would fill; removed when it is dropped.
fn scratch_beside(into: &Path) -> Result<tempfile::TempDir, StartError> {
    let into = std::path::absolute(into).map_err(StartError::io("find", into))?;
    scratch_in(into.parent().unwrap_or(&into))
}

/// A folder in another that only we read; removed when it is dropped. What others have left that were killed goes before.
pub(super) fn scratch_in(parent: &Path) -> Result<tempfile::TempDir, StartError> {
    sweep(parent);
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(SCRATCH_PREFIX).permissions(Permissions::from_mode(0o700));
    builder.tempdir_in(parent).map_err(StartError::io("make a folder in", parent))
}

/// Removes scratch folders of ours that no process has locked, as a restore does while it fills one.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let (path, lock) = (entry.path(), entry.path().join("lock"));
        let is_scratch = entry.file_name().to_string_lossy().starts_with(SCRATCH_PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        // One without a lock is about to be filled.
        if is_scratch
            && check_data_dir(&path).is_ok()
            && lock.is_file()
            && let Ok(_held) = RealDisk.lock(&lock)
        {
            // What cannot be removed stays until the next time: nothing depends on it.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn point(text: &str) -> Result<PointInTime, StartError> {
    match text.parse() {
        Ok(AsOf::Lsn(lsn)) => Ok(PointInTime::Lsn(lsn)),
        Ok(AsOf::Time(time)) => Ok(PointInTime::Time(time)),
        Err(error) => Err(StartError::Value(format!("{text:?}: {}", error.public()))),
    }
}

fn report(report: &Report, from: &str, into: &Path) -> Value {
    let preview = &report.preview;
    json!({
        "from": from,
        "into": into.to_string_lossy(),
        "store": report.store,
        "timeline": report.timeline,
        "lsn": report.lsn,
        "time": report.time.to_string(),
        "head": report.head,
        "full": report.full,
        "replayed": report.replayed,
        "generation": report.generation,
        "verified": report.verified,
        "damaged": report.damaged,
        "durations": report.durations,
        "appears": preview.appears,
        "disappears": preview.disappears,
        "changes": preview.changes,
        "stays": preview.stays,
    })
}

#[cfg(test)]
mod tests {
    use keyreeve_core::model::{Lsn, Time};

    use super::*;

    #[test]
    fn a_point_in_time_is_a_number_or_a_time() {
        assert_eq!(point("17").unwrap(), PointInTime::Lsn(Lsn(17)));
        assert_eq!(point("1970-01-01T00:00:01.5Z").unwrap(), PointInTime::Time(Time(1500)));
        for wrong in ["", "yesterday", "-1", "2026-01-01"] {
            assert!(matches!(point(wrong), Err(StartError::Value(_))), "{wrong}");
        }
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_another_one_fills_stays() {
        let parent = tempfile::tempdir().unwrap();
        let [left, filled] = [(); 2].map(|()| scratch_in(parent.path()).unwrap().keep());
        let begun = scratch_in(parent.path()).unwrap();
        let foreign = parent.path().join("other");
        fs::create_dir(&foreign).unwrap();
        for dir in [&left, &filled, &foreign] {
            fs::write(dir.join("lock"), []).unwrap();
            fs::create_dir(dir.join("index")).unwrap();
        }
        let held = RealDisk.lock(&filled.join("lock")).unwrap();
        let scratch = scratch_in(parent.path()).unwrap();
        assert!(!left.exists() && filled.exists() && begun.path().exists() && foreign.exists());
        drop((held, begun));
        drop(scratch_in(parent.path()).unwrap());
        assert!(!filled.exists() && scratch.path().exists());
    }
}
