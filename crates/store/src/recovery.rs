//! Making a store's folder, and opening one after whatever happened: files, lock, engine, and catching the index up
//! from the journal. How a torn journal is told from a damaged one is `crate::journal`'s business.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use keyreeve_core::{
    model::{Lsn, PlaceKind, Time},
    ports::{
        cell::{Cell, CellEntry},
        store::DrawnIds,
    },
    record::{Record, RecordKey},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    destroy::places_on_record,
    disk::{Disk, DiskLock, parent, read_file, replace_file},
    engines::{Engine, EngineError, embedded::EmbeddedEngine},
    index::{
        Index,
        applier::{Applier, Message},
        checkpoint::Checkpoint,
        encoding,
    },
    journal::{self, Identity, Journal, JournalError, Position, Writer},
    marks::Marks,
    options::{EngineChoice, StoreError, StoreOptions},
    rebuild::Rebuild,
    restore::{self, Begin, Unclaimed},
    sealing::{
        Place, ROOT_BYTES_MAX, RootFile, RootKeeper, Unlock, UnlockError,
        cells::{FileCell, MachineCell},
        tree::KeyTree,
    },
};

const FORMAT: u32 = 1;
/// Bounds what a damaged file makes us read.
const FILE_BYTES_MAX: usize = 64 * 1024;
const PROGRESS_ENTRIES: u64 = 100_000;

/// The content of DIR/store.json: which store this is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreFile {
    format: u32,
    store: Uuid,
    created: Time,
    /// From 1; a restored store begins a new one.
    timeline: u32,
    /// Where a restored store's journal begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begin: Option<Begin>,
    /// Until a restored store has claimed its targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unclaimed: Option<Unclaimed>,
}

impl StoreFile {
    /// Of a store that was restored.
    pub(crate) fn restored(
        store: Uuid,
        timeline: u32,
        created: Time,
        begin: Begin,
        unclaimed: Unclaimed,
    ) -> Self {
        Self { format: FORMAT, store, created, timeline, begin: Some(begin), unclaimed: Some(unclaimed) }
    }

    /// The same, once the targets are claimed.
    pub(crate) fn claimed(&self) -> Self {
        Self { unclaimed: None, ..self.clone() }
    }

    /// Where the journal begins; none where the store was not restored.
    pub(crate) fn begin(&self) -> Option<Begin> {
        self.begin
    }

    /// Where a restored store came from, until its targets are claimed.
    pub(crate) fn unclaimed(&self) -> Option<&Unclaimed> {
        self.unclaimed.as_ref()
    }

    /// The file's bytes.
    pub(crate) fn to_bytes(&self, options: &StoreOptions) -> Result<Vec<u8>, StoreError> {
        let path = || options.dir.join("store.json");
        let damaged =
            |error: serde_json::Error| StoreError::Damaged { path: path(), what: error.to_string() };
        let mut bytes = serde_json::to_vec_pretty(self).map_err(damaged)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    pub(crate) fn place(&self) -> Place {
        Place { store: self.store, timeline: self.timeline }
    }

    /// The entry behind which the journal begins; 0 where the store was not restored.
    pub(crate) fn base(&self) -> journal::Lsn {
        journal::Lsn(self.begin.map_or(0, |begin| begin.lsn))
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity { store: self.store.into_bytes(), timeline: self.timeline }
    }
}

/// A store that was opened, before its threads run.
pub(crate) struct Recovered {
    pub(crate) lock: Box<dyn DiskLock>,
    pub(crate) file: StoreFile,
    pub(crate) root: RootKeeper,
    pub(crate) journal: Journal,
    pub(crate) writer: journal::Writer,
    pub(crate) index: Arc<Index>,
    pub(crate) applier: Applier,
    pub(crate) marks: Arc<Marks>,
    pub(crate) last: Lsn,
}

/// Makes the folder with its files and an empty journal.
///
/// INVARIANT: store.json comes last: a folder without one is no store yet, and may be made anew. The journal comes
/// first: it refuses where there are entries, before the root key of these entries is overwritten.
pub(crate) fn create(options: &StoreOptions, unlocks: &[Unlock]) -> Result<(), StoreError> {
    let StoreOptions { dir, disk, crypto, cell, .. } = options;
    // Before there is anything: a store that does not open would be in the way of the next try.
    FileCell::outside(disk.clone(), crypto.clone(), cell.clone(), dir).map_err(StoreError::KeyTree)?;
    disk.create_dir(dir).map_err(StoreError::io("create", dir))?;
    disk.sync_dir(parent(dir)).map_err(StoreError::io("sync", parent(dir)))?;
    let _lock = disk.lock(&dir.join("lock"))?;
    let store_path = dir.join("store.json");
    if read_if_there(&**disk, &store_path, FILE_BYTES_MAX)?.is_some() {
        return Err(StoreError::Exists(dir.clone()));
    }
    if restore::is_unfinished(&**disk, dir)? {
        return Err(StoreError::Unfinished(dir.clone()));
    }
    let now = options.clock.now();
    let mut id = [0; 16];
    crypto.fill(&mut id).map_err(|error| UnlockError::Failed(error.to_string()))?;
    let store = uuid::Builder::from_random_bytes(id).into_uuid();
    let file = StoreFile { format: FORMAT, store, created: now, timeline: 1, begin: None, unclaimed: None };
    let (root, _) = RootFile::create(&**crypto, store, unlocks)?;
    journal(options).create(file.identity(), u64::try_from(now.0).unwrap_or(0))?;
    let root_path = dir.join("root.json");
    replace_file(&**disk, &root_path, &root.to_bytes(&**crypto)?)
        .map_err(StoreError::io("write", &root_path))?;
    replace_file(&**disk, &store_path, &file.to_bytes(options)?).map_err(StoreError::io("write", &store_path))
}

/// Locks the folder and unlocks its root key.
pub(crate) fn open_root(
    options: &StoreOptions,
    unlock: &Unlock,
) -> Result<(Box<dyn DiskLock>, StoreFile, RootKeeper), StoreError> {
    let StoreOptions { dir, disk, crypto, .. } = options;
    // Looked for before the lock, which would leave a file in a folder that is none of ours.
    read_store_file(options)?;
    let lock = disk.lock(&dir.join("lock"))?;
    let file = read_store_file(options)?;
    let root_file = read_root_file(options)?;
    if root_file.store() != file.store {
        let what = "root.json beside it belongs to another store: one of the two is damaged".to_owned();
        return Err(StoreError::Damaged { path: options.dir.join("store.json"), what });
    }
    let root = root_file.unlock(&**crypto, file.store, unlock)?;
    let (path, disk, crypto) = (dir.join("root.json"), disk.clone(), crypto.clone());
    Ok((lock, file.clone(), RootKeeper::new(path, disk, crypto, file.store, (root_file, root))))
}

/// Reads the root key's file, of a store.
pub(crate) fn read_root(options: &StoreOptions) -> Result<RootFile, StoreError> {
    read_store_file(options)?;
    read_root_file(options)
}

fn read_root_file(options: &StoreOptions) -> Result<RootFile, StoreError> {
    let lost = || UnlockError::Damaged("it is missing".into());
    let bytes = read_if_there(&*options.disk, &options.dir.join("root.json"), ROOT_BYTES_MAX)?;
    let bytes = bytes.ok_or_else(lost)?;
    Ok(RootFile::parse(&*options.crypto, &bytes)?)
}

fn read_store_file(options: &StoreOptions) -> Result<StoreFile, StoreError> {
    let path = options.dir.join("store.json");
    match read_if_there(&*options.disk, &path, FILE_BYTES_MAX)? {
        Some(bytes) => parse_store_file(&path, &bytes),
        None if restore::is_unfinished(&*options.disk, &options.dir)? => {
            Err(StoreError::Unfinished(options.dir.clone()))
        }
        None => Err(StoreError::Missing(options.dir.clone())),
    }
}

/// Locks and reads the folder, opens journal and engine, and catches the index up.
pub(crate) fn open(options: &StoreOptions, unlock: &Unlock) -> Result<Recovered, StoreError> {
    let (lock, file, root) = open_root(options, unlock)?;
    let engine = open_engine(options)?;
    let checkpoint = checkpoint(&*engine, file.identity())?;
    let position = |checkpoint: &Checkpoint| checkpoint.position;
    let (journal, writer) = open_journal(options, &file, known(options, checkpoint.as_ref(), &file))?;
    let (base, end) = (file.base(), writer.position());
    let checkpoint = match checkpoint {
        None if end.last() == journal::Lsn(0) => {
            engine.clear()?;
            None
        }
        None => {
            let rebuild = Rebuild { options, file: &file, root: root.root(), journal: &journal, end };
            rebuild.run(&*engine).inspect_err(|error| say_what_is_kept(options, error))?;
            Some(Checkpoint { identity: file.identity(), position: end })
        }
        known => known,
    };
    let position = checkpoint.as_ref().map(position);
    let index = Arc::new(Index::new(engine, options.cache_bytes_max));
    let marks = Arc::new(Marks::new());
    let start = checkpoint.unwrap_or(Checkpoint { identity: file.identity(), position: end });
    let mut applier = Applier::new(index.clone(), start);
    catch_up(&journal, &index, &mut applier, &marks, (position, base), end)?;
    let last = Lsn(end.last().0);
    Ok(Recovered { lock, file, root, journal, writer, index, applier, marks, last })
}

/// The key tree with the cell that its epoch key came from.
pub(crate) struct OpenTree {
    pub(crate) tree: Arc<KeyTree>,
    pub(crate) cell: Arc<dyn Cell>,
    /// How many shares gave the epoch key.
    pub(crate) threshold: u8,
}

/// The key tree that is on record, under the epoch key in the machine's cell; or one that is still to be made.
pub(crate) fn open_tree(
    options: &StoreOptions,
    place: Place,
    index: &Arc<Index>,
) -> Result<OpenTree, StoreError> {
    let StoreOptions { dir, cell, disk, crypto, clock, .. } = options;
    let failed = StoreError::KeyTree;
    let domain = disk.file_system(parent(cell));
    let cell = FileCell::outside(disk.clone(), crypto.clone(), cell.clone(), dir).map_err(failed)?;
    let cell: Arc<dyn Cell> = Arc::new(cell);
    let machine =
        MachineCell { cell: cell.clone(), place, crypto: crypto.clone(), clock: clock.clone(), domain };
    let machine = Arc::new(machine);
    let tree = Arc::new(KeyTree::new(crypto.clone(), place, index.clone(), machine.clone()));
    let mut threshold = 1;
    if let Some(Record::Tree(head)) = index.get(&RecordKey::Tree).map_err(failed)?.as_deref() {
        let key;
        (key, threshold) =
            machine.epoch_key(head.generation, || other_cells(options, index)).map_err(failed)?;
        tree.open(head, &key).map_err(failed)?;
    }
    Ok(OpenTree { tree, cell, threshold })
}

/// What the cells of backup targets hold, as far as they can be reached.
fn other_cells(options: &StoreOptions, index: &Index) -> Vec<CellEntry> {
    let opener = options.opener();
    let read = |place: &str| Some(opener.open(place).ok()?.former_cell().ok()?.read().unwrap_or_default());
    let places = places_on_record(index).unwrap_or_default();
    let cells = places.iter().filter(|place| place.kind == PlaceKind::Target && place.has_cell);
    cells.filter_map(|place| read(&place.name)).flatten().collect()
}

pub(crate) fn journal(options: &StoreOptions) -> Journal {
    let crypto = options.crypto.clone();
    let sha256 = Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts));
    Journal::new(options.disk.clone(), options.dir.join("journal"), sha256)
}

fn read_if_there(disk: &dyn Disk, path: &Path, bytes_max: usize) -> Result<Option<Vec<u8>>, StoreError> {
    match read_file(disk, path, bytes_max) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(StoreError::io("read", path)),
    }
}

pub(crate) fn parse_store_file(path: &Path, bytes: &[u8]) -> Result<StoreFile, StoreError> {
    let damaged = |what: String| StoreError::Damaged { path: path.to_owned(), what };
    let file: StoreFile = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    match file.format {
        FORMAT => Ok(file),
        format => Err(damaged(format!("it has format {format}, this program knows format {FORMAT}"))),
    }
}

pub(crate) fn open_engine(options: &StoreOptions) -> Result<Arc<dyn Engine>, StoreError> {
    match &options.engine {
        EngineChoice::Given(engine) => Ok(engine.clone()),
        EngineChoice::Embedded => open_embedded(options),
    }
}

fn open_embedded(options: &StoreOptions) -> Result<Arc<dyn Engine>, StoreError> {
    let dir = options.dir.join("index");
    options.disk.create_dir(&dir).map_err(StoreError::io("create", &dir))?;
    let path = embedded_path(options);
    // Where even that cannot be read, nothing can.
    let readable = |engine: EmbeddedEngine| engine.checkpoint().map(|_| engine);
    match EmbeddedEngine::open(&path).and_then(readable) {
        Err(error @ (EngineError::Damaged { .. } | EngineError::Rotten { .. })) => {
            let kept = EmbeddedEngine::aside(&path);
            tracing::warn!(%error, kept = %kept.display(), "the index is made anew from the journal; it is kept until that is done");
            EmbeddedEngine::set_aside(&path)?;
            Ok(Arc::new(EmbeddedEngine::open(&path)?))
        }
        opened => {
            let engine = opened?;
            // A load that has not ended has no checkpoint: what was put aside for it is needed no more.
            if engine.checkpoint()?.is_some() {
                EmbeddedEngine::remove(&EmbeddedEngine::aside(&path))?;
            }
            Ok(Arc::new(engine))
        }
    }
}

fn embedded_path(options: &StoreOptions) -> PathBuf {
    options.dir.join("index").join("index.sqlite")
}

/// Says, where an index cannot be made anew, that the damaged one is still there.
pub(crate) fn say_what_is_kept(options: &StoreOptions, error: &StoreError) {
    let kept = EmbeddedEngine::aside(&embedded_path(options));
    if !kept.exists() {
        return;
    }
    let kept = kept.display();
    match error {
        StoreError::Index(EngineError::Full { .. }) => tracing::error!(
            %kept,
            "there is no space for another index beside the damaged one: make space, or move that one to another disk"
        ),
        _ => {
            tracing::error!(%kept, "the damaged index is kept: keep it, too, until the journal is whole again")
        }
    }
}

/// How far the journal is known to have come: as the index tells, or a damaged one that waits to be made anew.
pub(crate) fn known(
    options: &StoreOptions,
    checkpoint: Option<&Checkpoint>,
    file: &StoreFile,
) -> Option<Position> {
    let aside = || match options.engine {
        EngineChoice::Given(_) => None,
        EngineChoice::Embedded => {
            let aside = EmbeddedEngine::checkpoint_aside(&embedded_path(options))?;
            Checkpoint::decode(&aside).filter(|aside| aside.identity == file.identity())
        }
    };
    checkpoint.map(|known| known.position).or_else(|| aside().map(|known| known.position))
}

/// How far the index has come in the journal of this store; none where it is another's.
pub(crate) fn checkpoint(engine: &dyn Engine, identity: Identity) -> Result<Option<Checkpoint>, StoreError> {
    let Some(bytes) = engine.checkpoint()? else {
        return Ok(None);
    };
    let checkpoint = Checkpoint::decode(&bytes).filter(|checkpoint| checkpoint.identity == identity);
    if checkpoint.is_none() {
        tracing::warn!("the index belongs to another store or format; it is made anew from the journal");
    }
    Ok(checkpoint)
}

/// Opens the journal of a store for writing. `known`: how far its index has come, which is never cut off.
pub(crate) fn open_journal(
    options: &StoreOptions,
    file: &StoreFile,
    known: Option<Position>,
) -> Result<(Journal, Writer), StoreError> {
    let journal = journal(options);
    let synced = known.map_or(file.base(), |known| known.last());
    let opened = journal.open(options.journal, known, synced).map_err(|error| match error {
        JournalError::Damaged { file, offset, lsn, what } if known.is_some() => {
            let index = options.dir.join("index");
            let what = format!(
                "{what} (as {} tells, which has come to entry {synced}: whoever removes that folder gives up what is \
                 missing)",
                index.display()
            );
            JournalError::Damaged { file, offset, lsn, what }
        }
        error => error,
    })?;
    if opened.writer.identity() != file.identity() {
        let what = "the journal beside it belongs to another store".to_owned();
        return Err(StoreError::Damaged { path: options.dir.join("store.json"), what });
    }
    Ok((journal, opened.writer))
}

/// Brings the entries between `from` (or those behind the base) and `end` into the index.
fn catch_up(
    journal: &Journal,
    index: &Index,
    applier: &mut Applier,
    marks: &Marks,
    (from, base): (Option<Position>, journal::Lsn),
    end: Position,
) -> Result<(), StoreError> {
    let mut reader = match from {
        Some(position) => journal.read_from(position, end.last())?,
        None => journal.read(base.plus(1), end.last())?,
    };
    from.into_iter().for_each(|position| marks.add(position));
    let mut entries = 0;
    while let Some(frame) = reader.next_frame()? {
        let mut published = Vec::new();
        for (lsn, bytes) in frame.entries() {
            let lsn = Lsn(lsn.0);
            let (changes, used) = encoding::decode_effects(lsn, bytes).map_err(StoreError::CatchUp)?;
            index.uses.add(used.map(|used| (lsn, used)));
            if !changes.is_empty() {
                published
                    .push(index.publish(lsn, changes, &DrawnIds::default()).map_err(StoreError::CatchUp)?);
            }
            entries += 1;
            if entries % PROGRESS_ENTRIES == 0 {
                tracing::info!(
                    entries,
                    lsn = lsn.0,
                    until = end.last().0,
                    "catching the index up from the journal"
                );
            }
        }
        marks.add(frame.end);
        applier.take(Message::new(index, published, frame.end)).map_err(StoreError::CatchUp)?;
    }
    if entries > 0 || from.is_none() {
        applier.flush().map_err(StoreError::CatchUp)?;
        tracing::info!(entries, lsn = end.last().0, "the index has caught up with the journal");
    }
    Ok(())
}
