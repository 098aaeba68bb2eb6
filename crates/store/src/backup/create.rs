//! What an open store does with backups when it is asked to: full and incremental ones, verifying, pruning. Shipping to
//! registered targets goes on by itself, in `shipper`.

use std::{num::NonZeroU64, ops::ControlFlow, sync::Arc};

use keyreeve_core::{Error, model::Time};
use parking_lot::{Mutex, MutexGuard};

use super::{
    BackupError, Catalogue, FullBackup, FullPoint, Progress, PrunePlan, Retention, Verification,
    archive::Archive,
    claim::Claim,
    full::Fulls,
    manifest::Manifest,
    pace::Pace,
    prune::carry_out,
    shipper::{ROOT_PATH, Shipping},
    targets::{PutIf, Target, TargetError},
    verify::{VerifyWith, verify},
};
use crate::{
    Store,
    failure::unavailable,
    index::{checkpoint::Checkpoint, read_secondary, told},
    journal::{JournalError, Lsn},
    rebuild::RebuildProgress,
    work::WorkKind,
};

/// What kind of backup is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupKind {
    /// The state as it is now, whole.
    Full,
    /// The journal since the last backup.
    Incremental,
}

/// How a backup is made.
#[derive(Default)]
pub struct BackupOptions<'a> {
    /// At most so many bytes are written in a second, on average; none: no limit.
    pub bytes_per_second_max: Option<NonZeroU64>,
    /// Told how far it has come, each few MiB and while it waits for the rate; `Break` stops it, and the next one goes on from there.
    pub progress: Option<&'a mut dyn FnMut(Progress) -> ControlFlow<()>>,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// What was asked for.
    pub kind: BackupKind,
    /// The last entry that is in it.
    pub lsn: Lsn,
    /// What was written; rows are those of a full backup.
    pub progress: Progress,
}

/// One backup or pruning at a time: pruning must not take the chunks of a backup that has no manifest yet.
#[derive(Default)]
pub(crate) struct Busy(Mutex<()>);

impl Busy {
    fn take(&self) -> Result<MutexGuard<'_, ()>, BackupError> {
        let busy = || unavailable("another backup, or pruning, is under way: try again when it has ended");
        Ok(self.0.try_lock().ok_or_else(busy)?)
    }
}

impl Store {
    /// Makes a backup at a target, which it claims. No epoch key is written: only a registered target has a cell.
    ///
    /// The server goes on at full speed meanwhile: a full backup is the state at one entry, `BackupReport::lsn`, which
    /// holds all that was answered before the call.
    ///
    /// # Errors
    /// `Fenced` and `Mismatch` where the target is another's; `Stopped`; `Target`; `Other` where a backup is under way.
    pub fn backup(
        &self,
        target: &Arc<dyn Target>,
        kind: BackupKind,
        mut options: BackupOptions<'_>,
    ) -> Result<BackupReport, BackupError> {
        let shared = self.targets.shared();
        let _busy = shared.busy.take()?;
        let work = self.works.begin(WorkKind::Backup);
        let claim = Claim::acquire(target.clone(), shared.source.claimant, false)?;
        let mut progress = Progress::default();
        let pace = Pace { clock: shared.clock.clone(), bytes_per_second_max: options.bytes_per_second_max };
        let mut step = |now: Progress| {
            let written = now.bytes_written.saturating_sub(progress.bytes_written);
            progress = now;
            match kind {
                BackupKind::Full => work.tell("writing records", now.rows, None),
                BackupKind::Incremental => work.tell("shipping bytes of the journal", now.bytes, None),
            }
            let mut check = || {
                shared.failure.check()?;
                match options.progress.as_mut().map(|told| told(now)) {
                    Some(ControlFlow::Break(())) => Err(BackupError::Stopped),
                    _ if shared.is_stopping() => Err(BackupError::Stopped),
                    _ => Ok(()),
                }
            };
            let mut checked = Ok(());
            pace.wait(written, || {
                checked = check();
                checked.is_ok()
            });
            checked?;
            claim.check()?;
            check()
        };
        let lsn = match kind {
            BackupKind::Full => full(shared, &**target, &mut step)?.point.lsn,
            BackupKind::Incremental => self.ship(target, &mut step)?,
        };
        claim.check()?;
        put_root_file(shared, &**target)?;
        Ok(BackupReport { kind, lsn, progress })
    }

    /// Opens a target, registered or not; touches nothing.
    ///
    /// # Errors
    /// `Address`.
    pub fn open_target(&self, address: &str) -> Result<Arc<dyn Target>, TargetError> {
        self.targets.open_target(address)
    }

    /// The kind of backup that a target wants next: a full one where it holds none of this timeline.
    ///
    /// # Errors
    /// `Target`.
    pub fn next_kind(&self, target: &dyn Target) -> Result<BackupKind, BackupError> {
        let source = &self.targets.shared().source;
        let fulls = Catalogue::read(target, &source.pieces.crypto)?.fulls;
        let ours =
            |full: &FullBackup| full.is_whole && full.manifest.point.timeline == source.claimant.timeline;
        Ok(if fulls.iter().any(ours) { BackupKind::Incremental } else { BackupKind::Full })
    }

    /// Verifies all there is at a target with this store's keys.
    ///
    /// # Errors
    /// `Target`: what is wrong there is in the result.
    pub fn verify_backup(
        &self,
        target: &dyn Target,
        told: &mut dyn FnMut(RebuildProgress),
    ) -> Result<Verification, BackupError> {
        let pieces = &self.targets.shared().source.pieces;
        let with = VerifyWith { crypto: pieces.crypto.clone(), keys: Some(pieces.keys.clone()) };
        verify(target, &with, told)
    }

    /// Removes what a target need not keep any more, or only tells what that would be.
    ///
    /// # Errors
    /// `Fenced` and `Mismatch` where the target is another's; `Target`; `Other` where a backup is under way.
    pub fn prune_backups(
        &self,
        target: &Arc<dyn Target>,
        retention: Retention,
        is_dry_run: bool,
    ) -> Result<PrunePlan, BackupError> {
        let shared = self.targets.shared();
        let _busy = shared.busy.take()?;
        let claim = Claim::resume(target.clone(), shared.source.claimant)?;
        let catalogue = Catalogue::read(&**target, &shared.source.pieces.crypto)?;
        let needed = self.eraser.read_back_from(target.address())?;
        let plan = PrunePlan::new(&catalogue, retention, needed.map(|lsn| Lsn(lsn.0)), shared.clock.now());
        if !is_dry_run {
            let work = self.works.begin(WorkKind::Prune);
            let total = plan.removed.len() as u64;
            carry_out(&plan, &**target, &|done| {
                work.tell("removing objects", done, Some(total));
                claim.check()
            })?;
            if let Some(shipper) = self.targets.find(target.address()) {
                shipper.look_again();
            }
        }
        Ok(plan)
    }

    /// Ships what is durable and not there yet; gives the last entry that is.
    fn ship(
        &self,
        target: &Arc<dyn Target>,
        step: &mut dyn FnMut(Progress) -> Result<(), BackupError>,
    ) -> Result<Lsn, BackupError> {
        let source = &self.targets.shared().source;
        let (until, mut progress) = (source.last(), Progress::default());
        if let Some(shipper) = self.targets.find(target.address()) {
            shipper.keep_until(until, &mut |bytes| {
                // Not as written: the shipper has a rate of its own, which it keeps to.
                progress.bytes += bytes;
                step(progress)
            })?;
            return Ok(until);
        }
        let claim = Claim::resume(target.clone(), source.claimant)?;
        let mut archive = Archive::open(source.clone(), target.clone(), claim)?;
        while let Some(bytes) = archive.ship_next(until)? {
            progress.bytes += bytes;
            progress.bytes_written += bytes;
            step(progress)?;
        }
        Ok(archive.last())
    }
}

/// Writes the state that the engine has by now, which holds at least all that was published before.
fn full(
    shared: &Shipping,
    target: &dyn Target,
    step: &mut dyn FnMut(Progress) -> Result<(), BackupError>,
) -> Result<Manifest, BackupError> {
    let snapshot = shared.index.snapshot(|| shared.failure.check())?;
    let empty = || unavailable("the store is empty: there is nothing to back up");
    read_secondary(&*snapshot)?;
    let checkpoint = snapshot.checkpoint().map_err(told)?.ok_or_else(empty)?;
    let checkpoint =
        Checkpoint::decode(&checkpoint).ok_or_else(|| Error::internal("the index has no checkpoint"))?;
    let claimant = shared.source.claimant;
    let lsn = checkpoint.position.last();
    // INVARIANT: of the frame that ends with the entry, since the next piece continues that. The index may have come
    // further in the chain: behind a marker, or behind a segment's header.
    let unread = || Error::internal(format!("entry {lsn} of the journal cannot be read"));
    let hash = shared.source.hash_at(lsn)?.ok_or_else(unread)?;
    let time = time_of(shared, lsn)?;
    let point = FullPoint { store: claimant.store, timeline: claimant.timeline, lsn, hash, time };
    let pieces = &shared.source.pieces;
    Fulls { target, crypto: pieces.crypto.clone(), keys: &*pieces.keys }.write(point, &*snapshot, step)
}

/// When the frame that ends with an entry was written; now, where the journal does not hold it any more: what happens
/// after the backup is later in any case.
fn time_of(shared: &Shipping, lsn: Lsn) -> Result<Time, BackupError> {
    let source = &shared.source;
    let reader = match source.marks.before(lsn) {
        Some(position) => source.journal.read_from(position, lsn),
        None => source.journal.read(lsn, lsn),
    };
    let mut time = shared.clock.now();
    let mut reader = match reader {
        Err(JournalError::Pruned { .. }) => return Ok(time),
        reader => reader?,
    };
    while let Some(frame) = reader.next_frame()? {
        time = Time(i64::try_from(frame.time_ms).map_err(Error::internal)?);
    }
    Ok(time)
}

/// Whoever restores needs the wrapped root key too.
fn put_root_file(shared: &Shipping, target: &dyn Target) -> Result<(), BackupError> {
    let bytes = (shared.root_file)()?;
    if target.get(ROOT_PATH)?.is_none_or(|(there, _)| there != bytes) {
        target.put(ROOT_PATH, &bytes, PutIf::Always)?;
    }
    Ok(())
}
