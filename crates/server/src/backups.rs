//! Protecting the store while it runs: backups when asked for and on schedule, pruning, drills, and what is remembered of
//! them. Shipping to registered targets goes on by itself, in the store. Not here: what a backup is (store).

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyreeve_core::access::{Action, Caller};
use keyreeve_core::engine::Engine;
use keyreeve_core::model::Time;
use keyreeve_core::operations::recovery::administered;
use keyreeve_core::operations::server::{Note, PutServerData, server_data};
use keyreeve_core::ports::store::Store as _;
use keyreeve_core::{Error, ErrorKind, Result};
use keyreeve_store::Store;
use keyreeve_store::backup::targets::{Target, TargetError};
use keyreeve_store::backup::{
    Acknowledge, BackupError, BackupKind, BackupOptions, BackupReport, PrunePlan, Retention, Schedule,
};
use keyreeve_store::engines::EngineError;
use keyreeve_store::engines::embedded::EmbeddedEngine;
use keyreeve_store::restore::DrillReport;
use parking_lot::{Mutex, MutexGuard, RwLock};
use serde::{Deserialize, Serialize};
use tracing::{error, info};

use crate::authn::request_id;
use crate::doctor::{self, Facts};
use crate::memory::Memory;

/// The server's own data that remembers the last times.
const RECORD: &str = "backups";
/// After a failure the schedule waits so long, in milliseconds, before it tries again.
const RETRY_MS: i64 = 10 * 60 * 1000;
/// So long a request waits for another to end.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// How the store is protected.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When a change is answered.
    pub acknowledge: Acknowledge,
    /// Bytes that a full backup writes in a second, on average.
    pub bytes_per_second_max: Option<NonZeroU64>,
    /// When full backups and drills run.
    pub schedule: Schedule,
    /// What is kept at each target.
    pub retention: Retention,
}

/// When something last ended well.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Last {
    /// A full backup.
    pub full: Option<Time>,
    /// A drill.
    pub drill: Option<Time>,
}

/// A backup that is asked for.
pub struct Wanted {
    /// Address of the target.
    pub to: String,
    /// None: full where the target holds no full backup of this timeline.
    pub kind: Option<BackupKind>,
    /// Whether a target may be registered for it: who asks may, and others approved it where they must.
    pub may_register: bool,
    /// Whether a new target gets a cell.
    pub cell: bool,
    /// Also where another data folder of this store holds the target.
    pub take_over: bool,
}

/// A backup that was made.
pub struct Made {
    /// Canonical address of the target.
    pub target: String,
    /// The target was registered by it.
    pub is_new: bool,
    /// What was written.
    pub report: BackupReport,
}

/// Makes backups of one store.
pub struct Backups {
    engine: Arc<Engine>,
    store: Arc<Store>,
    settings: RwLock<Settings>,
    /// Held while a backup, a pruning or a drill is under way: pruning takes from a drill what that reads. It holds the
    /// file that drills restore into.
    work: Mutex<PathBuf>,
    running: AtomicBool,
    memory: Memory,
    /// The schedule rests until then.
    not_before: Mutex<Option<Time>>,
}

impl Backups {
    /// Over this store; drills restore into the file `scratch`, which they make and remove. How this process's memory
    /// stands is for doctor.
    pub fn new(
        engine: Arc<Engine>,
        store: Arc<Store>,
        settings: Settings,
        (scratch, memory): (PathBuf, Memory),
    ) -> Self {
        let (running, not_before) = (AtomicBool::new(false), Mutex::new(None));
        let settings = RwLock::new(settings);
        Self { engine, store, settings, work: Mutex::new(scratch), running, memory, not_before }
    }

    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// When a change is answered.
    pub fn acknowledge(&self) -> Acknowledge {
        self.settings().acknowledge
    }

    /// Goes on by other settings.
    pub fn set(&self, settings: Settings) {
        *self.settings.write() = settings;
    }

    fn settings(&self) -> Settings {
        *self.settings.read()
    }

    /// Whether what an address stands for is a registered target. Reads nothing there.
    pub fn knows(&self, address: &str) -> bool {
        let Ok(target) = self.store.open_target(address) else { return false };
        self.store.targets().iter().any(|known| known.address == target.address())
    }

    /// Makes a backup; the first one to a target registers it.
    ///
    /// # Errors
    /// What keeps it from being made, in words for an administrator.
    pub fn back_up(&self, wanted: &Wanted) -> Result<Made> {
        let _work = self.begin()?;
        let target = self.store.open_target(&wanted.to).map_err(at_target)?;
        let is_new = !self.store.targets().iter().any(|known| known.address == target.address());
        if is_new && !wanted.may_register {
            let public = format!("{} is no registered target any more: ask again", target.address());
            return Err(Error::new(ErrorKind::Conflict, public));
        }
        if is_new {
            self.store.register_target(target.address(), wanted.cell, wanted.take_over)?;
        }
        let kind = match wanted.kind {
            Some(kind) => kind,
            None => self.store.next_kind(&*target).map_err(BackupError::refusal)?,
        };
        let options =
            BackupOptions { bytes_per_second_max: self.settings().bytes_per_second_max, progress: None };
        let report = self.store.backup(&target, kind, options).map_err(BackupError::refusal)?;
        if kind == BackupKind::Full {
            self.remember(|last, now| last.full = Some(now))?;
        }
        Ok(Made { target: target.address().to_owned(), is_new, report })
    }

    /// Removes what a retention lets go, or tells what that would be. Entries stay for as long as is configured, whoever asks.
    ///
    /// # Errors
    /// What keeps it from being done, in words for an administrator.
    pub fn prune(&self, from: &str, retention: Retention, is_dry_run: bool) -> Result<PrunePlan> {
        let _work = self.begin()?;
        let target = self.store.open_target(from).map_err(at_target)?;
        let entries_days_min = retention.entries_days_min.max(self.settings().retention.entries_days_min);
        let retention = Retention { entries_days_min, ..retention };
        self.store.prune_backups(&target, retention, is_dry_run).map_err(BackupError::refusal)
    }

    /// Proves that restoring works: restores from a target, or from every registered one, into a scratch file, opens
    /// everything there and compares it with the running store. What differs is in the reports.
    ///
    /// # Errors
    /// What would keep a restore from going well, in words for an administrator.
    pub fn drill(&self, from: Option<&str>) -> Result<Vec<DrillReport>> {
        let scratch = self.begin()?;
        let addresses = match from {
            Some(address) => vec![address.to_owned()],
            None => self.store.targets().into_iter().map(|target| target.address).collect(),
        };
        if addresses.is_empty() {
            let public = "no target is registered: make a backup first, or name where one is";
            return Err(Error::new(ErrorKind::WrongState, public));
        }
        let drill = |address: &String| {
            let target = self.store.open_target(address).map_err(at_target)?;
            EmbeddedEngine::remove(&scratch).map_err(of_scratch)?;
            let engine = EmbeddedEngine::open(&scratch).map_err(of_scratch)?;
            let report = self.store.drill(&*target as &dyn Target, Arc::new(engine));
            EmbeddedEngine::remove(&scratch).map_err(of_scratch).and(report)
        };
        let reports = addresses.iter().map(drill).collect::<Result<Vec<_>>>()?;
        if reports.iter().all(|report| report.differences.is_empty()) {
            self.remember(|last, now| last.drill = Some(now))?;
        }
        Ok(reports)
    }

    /// When what is scheduled last ended well.
    ///
    /// # Errors
    /// The store's.
    pub fn last(&self) -> Result<Last> {
        match server_data(&self.engine, RECORD) {
            Ok((data, _)) => serde_json::from_slice(&data).map_err(Error::internal),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Last::default()),
            Err(error) => Err(error),
        }
    }

    /// Judges the present set-up.
    ///
    /// # Errors
    /// The store's.
    pub fn examine(&self) -> Result<doctor::Report> {
        let root = self.store.root_status();
        let now = self.engine.clock().now();
        let later = Time(now.0.saturating_add(doctor::WARNED_DAYS * 86_400_000));
        Ok(doctor::judge(&Facts {
            places: self.store.places()?,
            targets: self.store.targets(),
            misplaced: self.store.misplaced_targets()?,
            troubles: self.store.troubles(),
            rollback: self.store.rollback_check(),
            unlocks: root.unlocked_by,
            retired: root.retired,
            acknowledge: self.settings().acknowledge,
            index_damage: self.store.index_damage(),
            is_full: self.store.is_full(),
            reserve_bytes: self.store.reserve_bytes(),
            memory: self.memory.clone(),
            last: self.last()?,
            administered: administered(&self.engine, now, later)?,
            now,
            grade: self.store.grade()?,
        }))
    }

    /// Runs what the schedule says in a thread of its own, where something is due and none is at it.
    pub fn go_on_if_due(self: &Arc<Self>) {
        let rests = self.not_before.lock().is_some_and(|time| self.now() < time);
        if rests || self.work.is_locked() || self.store.targets().is_empty() {
            return;
        }
        let is_due = self.last().is_ok_and(|last| {
            let due = self.settings().schedule.due(self.now(), last.full, last.drill);
            due.full || due.drill
        });
        if is_due && !self.running.swap(true, Ordering::AcqRel) {
            let this = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                let ended = this.run_due();
                let wait = ended.is_err().then(|| Time(this.now().0.saturating_add(RETRY_MS)));
                *this.not_before.lock() = wait;
                if let Err(cause) = ended {
                    error!(%cause, "what the backup schedule asks for failed; it is tried again in ten minutes");
                }
                this.running.store(false, Ordering::Release);
            });
        }
    }

    /// Waits for what is under way.
    fn begin(&self) -> Result<MutexGuard<'_, PathBuf>> {
        let busy = || {
            let public = "another backup, pruning or drill is under way: try again when it has ended";
            Error::new(ErrorKind::Conflict, public)
        };
        self.work.try_lock_for(WAIT_MAX).ok_or_else(busy)
    }

    /// Does what is due, at each target, whatever becomes of the others.
    fn run_due(&self) -> Result<()> {
        let last = self.last()?;
        let due = self.settings().schedule.due(self.now(), last.full, last.drill);
        let mut ended = Ok(());
        for target in self.store.targets() {
            if due.full {
                ended = ended.and(self.back_up_and_prune(&target.address));
            }
        }
        if due.drill {
            ended = ended.and(self.drill_on_record());
        }
        ended
    }

    fn back_up_and_prune(&self, to: &str) -> Result<()> {
        let kind = Some(BackupKind::Full);
        let made = self.back_up(&Wanted {
            to: to.to_owned(),
            kind,
            may_register: false,
            cell: false,
            take_over: false,
        })?;
        self.record(format!("full backup to {to}, up to entry {}", made.report.lsn))?;
        let plan = self.prune(to, self.settings().retention, false)?;
        if !plan.removed.is_empty() {
            self.record(format!("pruned {} objects of {to}", plan.removed.len()))?;
        }
        Ok(())
    }

    fn drill_on_record(&self) -> Result<()> {
        let reports = self.drill(None)?;
        for report in &reports {
            self.record(told(report))?;
        }
        match reports.iter().find(|report| !report.differences.is_empty()) {
            Some(bad) => Err(Error::new(ErrorKind::CryptoFailed, told(bad))),
            None => Ok(()),
        }
    }

    fn record(&self, detail: String) -> Result<()> {
        info!(detail, "scheduled");
        let note = Note { action: Action::Backup, detail, denied: false };
        self.engine.execute(&Caller::system(request_id(&self.engine)?), &note)
    }

    fn remember(&self, change: impl FnOnce(&mut Last, Time)) -> Result<()> {
        let mut last = self.last()?;
        change(&mut last, self.now());
        let data = serde_json::to_vec(&last).map_err(Error::internal)?;
        let put = PutServerData { name: RECORD.into(), data, secret: None };
        self.engine.execute(&Caller::system(request_id(&self.engine)?), &put)
    }

    fn now(&self) -> Time {
        self.engine.clock().now()
    }
}

/// How a drill went, for the record.
pub fn told(report: &DrillReport) -> String {
    let DrillReport { target, lsn, compared, differences, .. } = report;
    match differences.as_slice() {
        [] => format!("drill from {target} up to entry {lsn}: all {compared} records are what is here"),
        [first, more @ ..] => format!(
            "drill from {target} up to entry {lsn}: of {compared} records and the target's objects, these are not what is \
             here: {first}, and {} more",
            more.len()
        ),
    }
}

fn of_scratch(error: EngineError) -> Error {
    Error::new(ErrorKind::Unavailable, format!("nothing can be restored beside the index: {error}"))
}

fn at_target(error: TargetError) -> Error {
    BackupError::from(error).refusal()
}

#[cfg(test)]
mod tests;
