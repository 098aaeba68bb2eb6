//! Restoring a store from a backup target into a new data folder, as it was last or at a point in time.
//!
//! `archive` finds the way to a state, `gap` what is missing behind it, `detour` leads round what is damaged, and `load` fills an engine with it;
//! `state` lets the cell choose the key tree; `merging` goes over two states by the rules of `point_in_time`; `reset` begins the new timeline; `check` opens
//! everything. `folder` is the data folder meanwhile, `first_start` what happens before the store serves anybody.
//!
//! INVARIANT: a restore changes nothing at the target, and no cell. Only the first start claims and writes.

mod archive;
#[cfg(test)]
mod broken;
mod check;
mod detour;
mod drill;
mod first_start;
mod folder;
mod gap;
mod load;
mod merging;
mod point_in_time;
mod reset;
mod state;
mod timeline;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use keyreeve_core::{
    Error, ErrorKind,
    model::{Lsn, Time},
    ports::{
        cell::{Cell, CellEntry},
        clock::Clock,
    },
    record::{IndexKind, Record, RecordKey},
};
use serde::Serialize;
use uuid::Uuid;

pub use self::{
    archive::PointInTime,
    check::Verified,
    detour::Damage,
    drill::DrillReport,
    point_in_time::{Line, Lines, Preview},
};
use self::{
    archive::{Archive, End, Way},
    folder::Folder,
    state::{Epoch, State},
};
pub(crate) use self::{
    first_start::{Base, Begin, Unclaimed, begin, claim_targets},
    folder::{base, is_unfinished},
    load::{Loading, add, index_all, settle},
};
use crate::{
    backup::{
        BackupError, FullPoint, anchor::ANCHOR_PATH, full::Fulls, keys::RootArchiveKeys, shipper::ROOT_PATH,
        targets::Target,
    },
    disk::parent,
    engines::{Engine, embedded::EmbeddedEngine, memory::MemoryEngine},
    faults::{Fault, breaks},
    index::{Index, checkpoint::Checkpoint},
    journal::Identity,
    options::{EngineChoice, StoreError, StoreOptions},
    rebuild::{RebuildPart, RebuildProgress},
    recovery::{self, StoreFile},
    sealing::{RootFile, RootKey, Unlock, cells::FileCell},
};

/// What is to be restored.
pub struct Plan<'a> {
    /// Where the backups are.
    pub from: &'a dyn Target,
    /// Which state.
    pub to: PointInTime,
    /// Keep what was made after that.
    pub keep_new: bool,
    /// Where the epoch key is, if not in the target's own cell: a file, or the address of another target.
    pub cell: Option<String>,
}

/// What was restored, or would be.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The store.
    pub store: Uuid,
    /// The timeline that begins.
    pub timeline: u32,
    /// The last entry that the state holds.
    pub lsn: Lsn,
    /// When it was written.
    pub time: Time,
    /// The last entry that the archive holds: the new timeline goes on behind it.
    pub head: Lsn,
    /// The full backup that the newest state began with, by its entry; none where it began with an empty store.
    pub full: Option<Lsn>,
    /// Entries that were replayed behind a full backup.
    pub replayed: u64,
    /// The generation of the epoch key that was found; 0 where nothing was ever sealed.
    pub generation: u64,
    /// What was verified.
    pub verified: Verified,
    /// What is damaged at the target and was gone round: nothing is lost by it, but this target needs care.
    pub damaged: Vec<Damage>,
    /// What point-in-time recovery takes back and leaves.
    pub preview: Preview,
    /// How long it took.
    pub durations: Durations,
}

/// How long the longest parts of a restore took, in milliseconds by the store's clock.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Durations {
    /// Reading full backups and replaying entries.
    pub load_ms: u64,
    /// Making the secondary indexes.
    pub index_ms: u64,
    /// Verifying.
    pub verify_ms: u64,
}

/// Restores into the empty or new folder of `options`, which opens as a store then.
///
/// # Errors
/// `Exists` and `NotEmpty` for the folder, `Unlock` for the root key, `Backup` for the target, `Restore` where a key does
/// not come back. The folder is not a store then; the restore can be run again into it.
pub fn restore(options: &StoreOptions, unlock: &Unlock, plan: &Plan<'_>) -> Result<Report, StoreError> {
    let folder = Folder::begin(options)?;
    let source = Source::open(options, unlock, plan)?;
    let restored = source.restored(options, plan, true)?;
    let Restored { state, end, timeline, .. } = &restored;
    let identity = Identity { store: source.store.into_bytes(), timeline: *timeline };
    let now = options.clock.now();
    let journal = recovery::journal(options);
    journal.create_behind(identity, end.lsn, end.hash, u64::try_from(now.0).unwrap_or(0))?;
    let point =
        FullPoint { store: source.store, timeline: *timeline, lsn: end.lsn, hash: end.hash, time: now };
    let rows = state.engine.snapshot()?;
    let keys = source.keys(options);
    Fulls { target: &*base(options)?, crypto: options.crypto.clone(), keys: &keys }.write(
        point,
        &*rows,
        &mut |_| Ok(()),
    )?;
    drop(rows);
    let position = journal.open(options.journal, None, end.lsn)?.writer.position();
    let checkpoint = Checkpoint { identity, position };
    settle(&*state.engine, checkpoint.encode().map_err(StoreError::Restore)?).map_err(StoreError::Restore)?;
    folder.write("root.json", &source.root_file)?;
    let unclaimed = Unclaimed { from: plan.from.address().to_owned(), cell: plan.cell.clone() };
    let begin = Begin { lsn: end.lsn.0, timeline: source.head.timeline };
    let file = StoreFile::restored(source.store, *timeline, now, begin, unclaimed);
    folder.finish(&file.to_bytes(options)?)?;
    Ok(restored.report)
}

/// What `restore` would do; everything is opened for it. Works in the folder of `options`, which must be empty or new, and leaves it as a restore that
/// was cut off does: restore into it, or remove it.
///
/// # Errors
/// As [`restore`].
pub fn preview(options: &StoreOptions, unlock: &Unlock, plan: &Plan<'_>) -> Result<Report, StoreError> {
    let _folder = Folder::begin(options)?;
    Ok(Source::open(options, unlock, plan)?.restored(options, plan, false)?.report)
}

/// Gives the records of the base of a restored store.
///
/// # Errors
/// Where the base is damaged.
pub(crate) fn load_base(
    options: &StoreOptions,
    file: &StoreFile,
    root: &RootKey,
    loading: &mut Loading,
) -> Result<(), BackupError> {
    let place = file.place();
    let keys =
        Arc::new(RootArchiveKeys { crypto: options.crypto.clone(), store: place.store, root: root.clone() });
    let base = base(options)?;
    let archive = Archive::read(&*base, place.store, options.crypto.clone(), keys)?;
    archive.give(&Way::full(place.timeline, file.base()), loading, &mut |_, _| {}).map(drop)
}

/// Opens the cell that a plan names: a file, or the cell of a target.
///
/// # Errors
/// `Backup` where it is neither.
pub(crate) fn open_cell(options: &StoreOptions, place: &str) -> Result<Arc<dyn Cell>, StoreError> {
    let path = Path::new(place);
    if options.disk.open(path, crate::disk::OpenMode::Read).is_ok() {
        return Ok(Arc::new(FileCell::new(options.disk.clone(), options.crypto.clone(), path.to_owned())));
    }
    let target = options.opener().open(place).map_err(BackupError::from)?;
    Ok(target.former_cell().map_err(BackupError::from)?)
}

/// A target that is restored from, with the keys that open it. Holds secrets.
struct Source<'a> {
    store: Uuid,
    root: RootKey,
    root_file: Vec<u8>,
    archive: Archive<'a>,
    head: Way,
}

/// A state that was put together, and what is to be told of it.
struct Restored {
    state: State,
    end: End,
    timeline: u32,
    report: Report,
}

/// What one way gave. Holds secrets.
struct Whole {
    state: State,
    full: Option<Lsn>,
    end: End,
    entries: Vec<CellEntry>,
    epoch: Option<Epoch>,
    /// The state of a point in time.
    then: Option<End>,
    preview: Preview,
    verified: Verified,
}

impl<'a> Source<'a> {
    fn open(options: &StoreOptions, unlock: &Unlock, plan: &Plan<'a>) -> Result<Self, StoreError> {
        let crypto = &options.crypto;
        let missing = || BackupError::Mismatch {
            target: plan.from.address().to_owned(),
            what: format!("it holds no {ROOT_PATH}, so no backup of a store"),
        };
        let (root_file, _) = plan.from.get(ROOT_PATH).map_err(BackupError::from)?.ok_or_else(missing)?;
        let file = RootFile::parse(&**crypto, &root_file)?;
        let store = file.store();
        let root = file.unlock(&**crypto, store, unlock)?;
        let keys = Arc::new(RootArchiveKeys { crypto: crypto.clone(), store, root: root.clone() });
        let archive = Archive::read(plan.from, store, crypto.clone(), keys)?;
        let head = archive.head()?;
        Ok(Self { store, root, root_file, archive, head })
    }

    fn keys(&self, options: &StoreOptions) -> RootArchiveKeys {
        RootArchiveKeys { crypto: options.crypto.clone(), store: self.store, root: self.root.clone() }
    }

    /// Puts the wanted state together and verifies it. `write`: also all that begins the new timeline.
    fn restored(&self, options: &StoreOptions, plan: &Plan<'_>, write: bool) -> Result<Restored, StoreError> {
        let failed = StoreError::Restore;
        let wanted =
            self.archive.on_a_whole_way(&self.head, |_| Ok(self.archive.at(&self.head, plan.to)?))?;
        let mut durations = Durations::default();
        let whole = self.archive.on_a_whole_way(&self.head, |way| {
            self.whole(options, plan, (way, &wanted), write, &mut durations)
        })?;
        let Whole { state, full, end, entries, epoch, then, preview, verified } = whole;
        let anchored = self.archive.anchor.as_ref().map_or(0, |anchor| anchor.timeline);
        let of_cells = entries.iter().map(|entry| (entry.timeline, "cell"));
        let seen = of_cells.chain([(self.archive.timeline_max(), "archive"), (anchored, ANCHOR_PATH)]);
        let timeline = timeline::next(options, plan.from, &state, (self.head.timeline, seen))?;
        if write {
            let seen = entries.iter().map(|entry| entry.generation).max().unwrap_or(0);
            let domain = options.disk.file_system(parent(&options.cell));
            let machine = reset::Machine { timeline, now: options.clock.now(), domain };
            let changes = reset::reset(&state, epoch.as_ref(), &machine, seen).map_err(failed)?;
            state.change(changes).map_err(failed)?;
        }
        let reached = then.unwrap_or(end);
        let report = Report {
            store: self.store,
            timeline,
            lsn: Lsn(reached.lsn.0),
            time: reached.time,
            head: Lsn(end.lsn.0),
            full,
            replayed: end.replayed + then.map_or(0, |then| then.replayed),
            generation: epoch.map_or(0, |epoch| epoch.generation),
            verified,
            damaged: self.archive.damages(),
            preview,
            durations,
        };
        Ok(Restored { state, end, timeline, report })
    }

    fn tell(&self, options: &StoreOptions, part: RebuildPart, done: u64, total: u64) {
        (options.on_rebuild)(RebuildProgress { part, done, total });
    }

    /// The newest state by one way, brought back to the wanted one, with all of it opened.
    fn whole(
        &self,
        options: &StoreOptions,
        plan: &Plan<'_>,
        (way, wanted): (&Way, &Way),
        write: bool,
        durations: &mut Durations,
    ) -> Result<Whole, StoreError> {
        let failed = StoreError::Restore;
        let (state, end, records) = self.load(options, way, recovery::open_engine(options)?, durations)?;
        let (cell, entries) = self.cell_entries(options, plan, &state)?;
        let epoch = match state.head().map_err(failed)? {
            None => None,
            Some(_) => Some(state.choose_epoch(&cell, &entries).map_err(failed)?),
        };
        let sealer = state.sealer(&self.root, epoch.as_ref()).map_err(failed)?;
        let (mut then, mut preview) = (None, Preview::default());
        if plan.to != PointInTime::Latest {
            let scratch = Scratch::open(options)?;
            let watch = Watch::start(options);
            then = Some(self.archive.on_a_whole_way(wanted, |way| {
                let (end, _) = self.archive.load(way, &*scratch.engine, &mut |_, _| {})?;
                let damaged = |error| BackupError::damaged(&way.begin(), error);
                check::decode_all(&*scratch.engine).map_err(damaged)?;
                Ok(end)
            })?);
            durations.load_ms += watch.ms();
            preview =
                merging::merge(&*scratch.engine, &state, &*sealer, plan.keep_new, write).map_err(failed)?;
            scratch.remove()?;
        }
        let skip = write && !breaks(Fault::CountersFromPast);
        let watch = Watch::start(options);
        let mut sealed = |done| self.tell(options, RebuildPart::Sealed, done, records);
        let verified = check::verify_all(&state, &*sealer, skip, &mut sealed).map_err(failed)?;
        durations.verify_ms += watch.ms();
        let full = way.full.map(|lsn| Lsn(lsn.0));
        Ok(Whole { state, full, end, entries, epoch, then, preview, verified })
    }

    /// Loads the state at the end of a way, with its index rows; also how many records it has.
    fn load(
        &self,
        options: &StoreOptions,
        way: &Way,
        engine: Arc<dyn Engine>,
        durations: &mut Durations,
    ) -> Result<(State, End, u64), StoreError> {
        let watch = Watch::start(options);
        let mut entries = |done, total| self.tell(options, RebuildPart::Entries, done, total);
        let (end, put) = self.archive.load(way, &*engine, &mut entries)?;
        durations.load_ms += watch.ms();
        let watch = Watch::start(options);
        let mut indexed = |done| self.tell(options, RebuildPart::Records, done, put);
        let records = index_all(&*engine, &mut indexed).map_err(StoreError::Restore)?;
        durations.index_ms += watch.ms();
        let index = Arc::new(Index::new(engine.clone(), options.cache_bytes_max));
        let (crypto, lsn) = (options.crypto.clone(), Lsn(end.lsn.0));
        Ok((State { store: self.store, crypto, engine, index, lsn }, end, records))
    }

    /// The cell that is asked, and what the cells hold that can be reached: the one that the plan names, or the target's own; and, where that is one
    /// share of several, those of all other targets on record.
    fn cell_entries(
        &self,
        options: &StoreOptions,
        plan: &Plan<'_>,
        state: &State,
    ) -> Result<(String, Vec<CellEntry>), StoreError> {
        let cell = match &plan.cell {
            Some(place) => open_cell(options, place)?,
            None => plan.from.former_cell().map_err(BackupError::from)?,
        };
        let ours = |entry: &CellEntry| entry.store == self.store;
        let held = read_cell(&*cell).map_err(StoreError::Restore)?;
        let mut entries: Vec<_> = held.into_iter().filter(ours).collect();
        if entries.iter().any(|entry| entry.threshold > 1) {
            for name in target_names(state).map_err(StoreError::Restore)? {
                let read = options.opener().open(&name).and_then(|target| target.former_cell());
                match read.map_err(Error::internal).and_then(|cell| cell.read()) {
                    Ok(more) => entries.extend(more.into_iter().filter(ours)),
                    Err(error) => tracing::warn!(%error, target = name, "its share cannot be read"),
                }
            }
        }
        Ok((cell.address(), entries))
    }
}

/// What a cell holds. One that cannot be read is no fault of the backup that is restored.
fn read_cell(cell: &dyn Cell) -> Result<Vec<CellEntry>, Error> {
    cell.read().map_err(|error| match error.kind() {
        ErrorKind::Unavailable => error,
        _ => Error::new(ErrorKind::Unavailable, "the cell with the epoch key cannot be read").because(error),
    })
}

/// The targets on record that may hold an epoch key.
fn target_names(state: &State) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    state.each(IndexKind::Place, |hit| {
        let name = String::from_utf8_lossy(&hit.value).into_owned();
        if let Some(Record::Place(place)) = state.get(&RecordKey::Place(name))?.as_deref()
            && place.has_cell
            && place.lost.is_none()
            && place.kind == keyreeve_core::model::PlaceKind::Target
        {
            names.insert(place.name.clone());
        }
        Ok(())
    })?;
    Ok(names)
}

/// Takes time by the store's clock.
struct Watch<'a> {
    clock: &'a dyn Clock,
    begun: Time,
}

impl<'a> Watch<'a> {
    fn start(options: &'a StoreOptions) -> Self {
        Self { clock: &*options.clock, begun: options.clock.now() }
    }

    fn ms(&self) -> u64 {
        u64::try_from(self.clock.now().0.saturating_sub(self.begun.0)).unwrap_or(0)
    }
}

/// An engine for the time of a restore.
struct Scratch {
    engine: Arc<dyn Engine>,
    path: Option<std::path::PathBuf>,
}

impl Scratch {
    fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        match options.engine {
            EngineChoice::Given(_) => Ok(Self { engine: Arc::new(MemoryEngine::default()), path: None }),
            EngineChoice::Embedded => {
                let path = options.dir.join("index").join("then.sqlite");
                EmbeddedEngine::remove(&path)?;
                Ok(Self { engine: Arc::new(EmbeddedEngine::open(&path)?), path: Some(path) })
            }
        }
    }

    fn remove(self) -> Result<(), StoreError> {
        drop(self.engine);
        Ok(self.path.map_or(Ok(()), |path| EmbeddedEngine::remove(&path))?)
    }
}
