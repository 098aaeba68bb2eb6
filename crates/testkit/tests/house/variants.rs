//! Deliberately broken surroundings, to prove that the checks of this house would notice: a disk that skips syncs loses
//! what was acknowledged, and a cell that keeps an old epoch key brings destroyed keys back. Each stands beside the same
//! check over honest surroundings, where nothing is lost and nothing comes back. Rules that are broken inside the store are
//! crates/store/src/faults.rs.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keyreeve_core::{
    SecretBytes,
    engine::Engine,
    operations::{
        decrypt::Decrypt,
        destroy::Destroy,
        encrypt::{Encrypt, Form},
    },
    ports::store::Store as _,
    record::{Record, RecordKey},
    request::Reference,
};
use keyreeve_store::{
    EngineChoice, Store, StoreOptions,
    backup::targets::{KnownTargets, Targets as _},
    disk::{Disk, DiskFile, DiskLock, LockError, OpenMode},
    engines::memory::MemoryEngine,
    restore::{Plan, PointInTime, restore},
};
use keyreeve_testkit::disk::FaultyDisk;

use super::{
    bench::{House, active_key, engine, system, unlock},
    crashes::{Site, Work},
};

const CELL: &str = "/data.cell";
const TARGET: &str = "/backups/keys";

/// What a disk does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Syncs are answered and not done.
    SkipSync,
    /// Syncs of a cell's file are answered and not done.
    SkipCellSync,
    /// What is overwritten in a cell stays, though it is read back as overwritten.
    KeepCell,
}

/// What cells pretend to hold.
type Pretended = Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>;

/// A disk with one fault.
struct BrokenDisk {
    disk: FaultyDisk,
    fault: Fault,
    pretended: Pretended,
}

impl BrokenDisk {
    fn new(disk: &FaultyDisk, fault: Fault) -> Self {
        Self { disk: disk.clone(), fault, pretended: Arc::default() }
    }
}

impl Disk for BrokenDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let (file, pretended) = (self.disk.open(path, mode)?, self.pretended.clone());
        Ok(Box::new(BrokenFile { file, path: path.to_owned(), fault: self.fault, pretended }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.fault == Fault::SkipSync { Ok(()) } else { self.disk.sync_dir(dir) }
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, LockError> {
        self.disk.lock(path)
    }
}

struct BrokenFile {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    fault: Fault,
    pretended: Pretended,
}

impl BrokenFile {
    fn clings(&self) -> bool {
        self.fault == Fault::KeepCell && self.path == Path::new(CELL)
    }

    fn pretended(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Vec<u8>>> {
        self.pretended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All bytes that are there.
    fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.file.len()?).map_err(io::Error::other)?];
        let read = self.file.read_at(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

impl DiskFile for BrokenFile {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        match self.pretended().get(&self.path) {
            Some(pretended) => {
                let from = usize::try_from(offset).map_err(io::Error::other)?;
                let there = pretended.get(from..).unwrap_or_default();
                let len = there.len().min(bytes.len());
                bytes[..len].copy_from_slice(&there[..len]);
                Ok(len)
            }
            None => self.file.read_at(offset, bytes),
        }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if !self.clings() {
            return self.file.write_at(offset, bytes);
        }
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let there = self.bytes()?;
        let mut pretended = self.pretended();
        let pretended = pretended.entry(self.path.clone()).or_insert_with(|| there.clone());
        pretended[from..from + bytes.len()].copy_from_slice(bytes);
        // What was zero may be written; what was there stays.
        let is_free = there[from..from + bytes.len()].iter().all(|byte| *byte == 0);
        if is_free { self.file.write_at(offset, bytes) } else { Ok(()) }
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.file.preallocate(len)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn sync(&self) -> io::Result<()> {
        match self.fault {
            Fault::SkipSync => Ok(()),
            Fault::SkipCellSync if self.path == Path::new(CELL) => Ok(()),
            _ => self.file.sync(),
        }
    }
}

/// A house whose disk has a fault from now on, or none.
fn house(fault: Option<Fault>) -> (FaultyDisk, StoreOptions) {
    let House { disk, mut options, store, engine, .. } = House::new();
    create(&engine, "before");
    store.close().expect("closes");
    drop((store, engine));
    options.background = false;
    if let Some(fault) = fault {
        options.disk = Arc::new(BrokenDisk::new(&disk, fault));
    }
    (disk, options)
}

fn open(options: &StoreOptions) -> Option<(Arc<Store>, Arc<Engine>)> {
    let mut options = options.clone();
    options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
    let store = Arc::new(Store::open(&options, &unlock()).ok()?);
    let engine = engine(&store, &options);
    Some((store, engine))
}

fn on(disk: FaultyDisk, options: &StoreOptions) -> StoreOptions {
    StoreOptions { disk: Arc::new(disk), ..options.clone() }
}

fn create(engine: &Engine, name: &str) -> Vec<u8> {
    engine.execute(&system(), &active_key(name)).expect("makes a key");
    let (form, plaintext) = (Form::Envelope { context: Vec::new() }, SecretBytes::copy_from(b"secret"));
    let encrypt = Encrypt { key: Reference::text(name), version: None, form, plaintext };
    engine.execute(&system(), &encrypt).expect("encrypts").ciphertext.data
}

fn decrypts(engine: &Engine, name: &str, ciphertext: &[u8]) -> bool {
    let decrypt = Decrypt {
        key: Reference::text(name),
        version: None,
        form: Form::Envelope { context: Vec::new() },
        ciphertext: ciphertext.to_vec(),
        tag: None,
    };
    engine.execute(&system(), &decrypt).is_ok()
}

/// In how many of twenty power failures an acknowledged key is lost.
fn losses(fault: Option<Fault>) -> usize {
    (0..20)
        .filter(|seed| {
            let (disk, options) = house(fault);
            let (store, engine) = open(&options).expect("opens");
            let ciphertext = create(&engine, "acknowledged");
            let crashed = on(disk.crash(*seed), &options);
            drop((store, engine));
            open(&crashed).is_none_or(|(_, engine)| !decrypts(&engine, "acknowledged", &ciphertext))
        })
        .count()
}

#[test]
fn a_skipped_sync_loses_what_was_acknowledged() {
    assert_eq!(losses(None), 0);
    assert!(losses(Some(Fault::SkipSync)) > 0, "nobody would notice");
}

/// In how many of ten power failures of a target, with the machine lost as well, a key that was shipped is lost.
fn shipped_losses(fault: Option<Fault>) -> usize {
    (0..10)
        .filter(|seed| {
            let (target, (_, mut options)) = (FaultyDisk::new(), house(None));
            target.create_dir(Path::new("/backups")).expect("a folder");
            target.sync_dir(Path::new("/")).expect("synced");
            let disk: Arc<dyn Disk> = match fault {
                Some(fault) => Arc::new(BrokenDisk::new(&target, fault)),
                None => Arc::new(target.clone()),
            };
            options.targets = Some(Arc::new(KnownTargets::new(disk, options.crypto.clone())));
            let (store, engine) = open(&options).expect("opens");
            store.register_target(TARGET, true, false).expect("is reached");
            let ciphertext = create(&engine, "shipped");
            store.keep().expect("keeps");
            let crashed: Arc<dyn Disk> = Arc::new(target.crash(*seed));
            let targets = KnownTargets::new(crashed, options.crypto.clone());
            let machine = StoreOptions {
                engine: EngineChoice::Given(Arc::new(MemoryEngine::default())),
                ..on(FaultyDisk::new(), &options)
            };
            let from = targets.open(TARGET).expect("an address");
            let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: None };
            let machine = StoreOptions { targets: Some(Arc::new(targets)), ..machine };
            restore(&machine, &unlock(), &plan).is_err()
                || open(&machine).is_none_or(|(_, engine)| !decrypts(&engine, "shipped", &ciphertext))
        })
        .count()
}

#[test]
fn a_target_that_skips_syncs_loses_what_was_shipped() {
    assert_eq!(shipped_losses(None), 0);
    assert!(shipped_losses(Some(Fault::SkipSync)) > 0, "nobody would notice");
}

/// Whether an old copy of the disk, with the cell as it is now, gives a destroyed key back; after a power loss by this seed,
/// where there is one.
fn comes_back(fault: Option<Fault>, power_loss: Option<u64>) -> bool {
    let (disk, options) = house(fault);
    let (store, engine) = open(&options).expect("opens");
    let ciphertext = create(&engine, "doomed");
    let copy = disk.kill();
    let destroy = Destroy { key: Reference::text("doomed"), deactivate: true, at_once: true };
    engine.execute(&system(), &destroy).expect("may");
    for _ in 0..4 {
        store.keep().expect("keeps");
    }
    let cell = copy.open(Path::new(CELL), OpenMode::Write).expect("is there");
    let left = power_loss.map_or_else(|| disk.clone(), |seed| disk.crash(seed));
    cell.write_at(0, &left.bytes(Path::new(CELL))).expect("is written");
    open(&on(copy, &options)).is_some_and(|(_, engine)| decrypts(&engine, "doomed", &ciphertext))
}

#[test]
fn a_cell_that_keeps_an_old_epoch_key_brings_destroyed_keys_back() {
    assert!(!comes_back(None, None), "old copies are of no use");
    assert!(comes_back(Some(Fault::KeepCell), None), "nobody would notice");
}

#[test]
fn a_cell_that_is_not_synced_brings_destroyed_keys_back_after_a_power_loss() {
    let after = |fault| (0..20).filter(|seed| comes_back(fault, Some(*seed))).count();
    assert_eq!(after(None), 0);
    assert!(after(Some(Fault::SkipCellSync)) > 0, "nobody would notice");
}

/// The same where a sync fails while the key is destroyed, and the program is started again and again until the cell is on
/// record as cleared.
fn comes_back_after_a_failed_sync(count: u64) -> bool {
    let (mut disk, options) = house(None);
    let (store, engine) = open(&options).expect("opens");
    let ciphertext = create(&engine, "doomed");
    let (copy, before) = (disk.kill(), store.generation().expect("reads"));
    let destroy = Destroy { key: Reference::text("doomed"), deactivate: true, at_once: true };
    engine.execute(&system(), &destroy).expect("may");
    disk.fail_sync_at(count);
    // Where it is one of the journal's, the store has failed.
    let _ = store.keep();
    drop((store, engine));
    for _ in 0..4 {
        disk = disk.kill();
        let (store, _engine) = open(&on(disk.clone(), &options)).expect("opens again");
        store.keep().expect("keeps");
        let (generation, places) = (store.generation().expect("reads"), store.places().expect("reads"));
        if generation > before && places.iter().all(|place| place.confirmed == generation) {
            let cell = copy.open(Path::new(CELL), OpenMode::Write).expect("is there");
            cell.write_at(0, &disk.crash(count).bytes(Path::new(CELL))).expect("is written");
            return open(&on(copy, &options))
                .is_some_and(|(_, engine)| decrypts(&engine, "doomed", &ciphertext));
        }
    }
    panic!("sync {count}: its cell is never cleared");
}

#[test]
fn a_cell_that_failed_to_sync_is_not_taken_for_what_it_reads_as() {
    let back: Vec<u64> = (1..=16).filter(|count| comes_back_after_a_failed_sync(*count)).collect();
    assert!(back.is_empty(), "syncs that failed: {back:?}");
}

/// One machine and one target as they are now, and as they were before "key 0" was destroyed; its certificate says what such a
/// copy is good for.
fn before_and_after() -> (Site, Site) {
    let before = Site::new(0);
    let after = before.copy(Work::Destroy);
    let house = after.open(&unlock()).expect("opens");
    let erasure = house.destroy("key 0").expect("may").expect("at once");
    while house.store.keep().expect("keeps") {}
    let certificate = house.store.get(&RecordKey::Certificate(erasure)).expect("reads");
    let Some(Record::Certificate(certificate)) = certificate.as_deref() else { panic!("it is complete") };
    assert!(certificate.text.contains("copyable"), "{}", certificate.text);
    drop(house);
    (before, after)
}

/// Whether a house, if it opens, gives the secret of "key 0".
fn gives(site: &Site) -> bool {
    let paper = &site.paper["key 0"];
    site.open(&unlock()).is_ok_and(|house| house.decrypt("key 0", paper).is_ok())
}

/// A copy of the disks of before, with what one cell holds now.
fn with_cell_of_now(
    before: &Site,
    (now, disk): (&Site, fn(&Site) -> &FaultyDisk),
    cell: &str,
    work: Work,
) -> Site {
    let site = before.copy(work);
    let file = disk(&site).open(Path::new(cell), OpenMode::Write).expect("is there");
    file.write_at(0, &disk(now).bytes(Path::new(cell))).expect("is written");
    site
}

/// Variant machine_imaged: no rule of the program keeps that off, and the certificate says so.
#[test]
fn an_image_of_the_machine_with_its_cell_brings_back_what_was_destroyed_since_and_is_told_of() {
    let (before, after) = before_and_after();
    assert!(!gives(&after) && gives(&before.copy(Work::Create)));
    let without = with_cell_of_now(&before, (&after, |site| &site.machine), CELL, Work::Create);
    assert!(!gives(&without), "without its own cell an image is of no use");
}

/// Variant target_copied_with_cell: no rule of the program keeps that off either.
#[test]
fn a_target_that_is_copied_with_its_cell_brings_back_what_was_destroyed_since_and_is_told_of() {
    let (before, after) = before_and_after();
    let restored = |site: Site| site.restore(Work::Restore).is_ok() && gives(&site);
    assert!(!restored(after.copy(Work::Restore)) && restored(before.copy(Work::Restore)));
    let cell = "/backups/keys.cell";
    let without = with_cell_of_now(&before, (&after, |site| &site.target), cell, Work::Restore);
    assert!(!restored(without), "without its own cell a copy is of no use");
}
