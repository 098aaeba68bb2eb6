//! A cell in a file: two slots, made once at full length and from then on only overwritten in place.
//!
//! Never written beside itself and renamed: that would leave the old bytes on the medium. What a file system or a drive
//! copies under us (snapshots, copy on write, wear levelling) cannot be seen from here; certificates say so.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    ports::{
        cell::{Cell, CellEntry},
        crypto::Crypto,
    },
};

use parking_lot::Mutex;
use uuid::Uuid;

use super::slot::{SLOT_LEN, decode_slot, encode_slot};
use crate::{
    disk::{Disk, DiskFile, OpenMode, parent, read_file, replace_file},
    faults::{Fault, breaks},
};

const SLOTS: u64 = 2;
const FILE_LEN: u64 = SLOTS * SLOT_LEN as u64;

/// A cell in a file that nothing else may copy or keep.
pub(crate) struct FileCell {
    disk: Arc<dyn Disk>,
    crypto: Arc<dyn Crypto>,
    path: PathBuf,
    /// Where it stays, where that is known.
    home: Mutex<Option<Home>>,
}

/// The place where a cell stays, and by what it is known again: a file system that is mounted anew may bear another number.
struct Home {
    mount: Mount,
    /// The store and the newest generation that were last found there.
    held: Option<(Uuid, u64)>,
}

/// A file system, and the folder where it is mounted.
#[derive(PartialEq, Eq)]
struct Mount {
    file_system: String,
    point: PathBuf,
}

impl Mount {
    /// Where this path lies, where that is known.
    fn of(disk: &dyn Disk, path: &Path) -> Option<Self> {
        let dir = disk.resolve(parent(path));
        let file_system = disk.file_system(&dir)?;
        let is_same = |above: &&Path| disk.file_system(above).as_ref() == Some(&file_system);
        let point = dir.ancestors().take_while(is_same).last()?.to_owned();
        Some(Self { file_system, point })
    }
}

impl FileCell {
    /// Names the cell at `path`; touches nothing.
    pub(crate) fn new(disk: Arc<dyn Disk>, crypto: Arc<dyn Crypto>, path: PathBuf) -> Self {
        Self { disk, crypto, path, home: Mutex::new(None) }
    }

    /// As `new`, outside of the folder that it must be able to forget. It stays on the file system where it lies now: one
    /// that is not mounted later is out of reach, not empty.
    ///
    /// # Errors
    /// `Invalid` where the path lies in that folder: whoever copies the folder would copy the epoch key with it.
    pub(crate) fn outside(
        disk: Arc<dyn Disk>,
        crypto: Arc<dyn Crypto>,
        path: PathBuf,
        dir: &Path,
    ) -> Result<Self> {
        if disk.resolve(&path).starts_with(disk.resolve(dir)) {
            let public = format!(
                "the cell {} lies in {}: a copy of that folder would bring destroyed keys back; choose a place outside",
                path.display(),
                dir.display()
            );
            return Err(Error::new(ErrorKind::Invalid, public));
        }
        let home = Mount::of(&*disk, &path).map(|mount| Home { mount, held: None });
        Ok(Self { home: Mutex::new(home), ..Self::new(disk, crypto, path) })
    }

    fn failed(&self, doing: &str) -> impl Fn(io::Error) -> Error {
        let public = format!("cannot {doing} the cell {}", self.path.display());
        move |error| Error::new(ErrorKind::Unavailable, format!("{public}: {error}"))
    }

    /// The file, where there is one.
    fn open(&self, mode: OpenMode) -> Result<Option<Box<dyn DiskFile>>> {
        let opened = self.disk.open(&self.path, mode);
        // Looked at afterwards: it may have been taken away just before.
        self.check_home(opened.as_deref().ok())?;
        match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some).map_err(self.failed("open")),
        }
    }

    /// Makes sure that the cell is where it was: on the same file system, or on one that is mounted in the same folder and
    /// holds what was last found there.
    ///
    /// INVARIANT: what lies in the folder that the cell's file system was mounted on is never taken for the cell, be it a copy.
    fn check_home(&self, file: Option<&dyn DiskFile>) -> Result<()> {
        let mut home = self.home.lock();
        let Some(home) = &mut *home else { return Ok(()) };
        let now = Mount::of(&*self.disk, &self.path);
        if now.as_ref() == Some(&home.mount) {
            return Ok(());
        }
        if let (Some(now), Some(file), Some(_)) = (now, file, home.held)
            && now.point == home.mount.point
            && self.read_slots(file)?.iter().flatten().any(|entry| Some(known_by(entry)) == home.held)
        {
            tracing::info!(cell = %self.path.display(), "the cell's file system was mounted anew: it holds what it held");
            home.mount = now;
            return Ok(());
        }
        let public = format!(
            "the cell {} is not on the file system where it was when this server started: mount that again, or restart \
             the server",
            self.path.display()
        );
        Err(Error::new(ErrorKind::Unavailable, public))
    }

    /// Keeps in mind what the cell holds now.
    fn found<'a>(&self, entries: impl IntoIterator<Item = &'a CellEntry>) {
        if let Some(home) = &mut *self.home.lock() {
            home.held = entries.into_iter().max_by_key(|entry| entry.generation).map(known_by);
        }
    }

    /// The file at its full length, made where it is missing. One that a crash left short is completed.
    fn open_or_create(&self) -> Result<Box<dyn DiskFile>> {
        let file = match self.open(OpenMode::Write)? {
            Some(file) => file,
            None => self.disk.open(&self.path, OpenMode::CreateNew).map_err(self.failed("make"))?,
        };
        let len = file.len().map_err(self.failed("read"))?;
        if len > FILE_LEN {
            let public =
                format!("{} is no cell: it has {len} bytes, a cell has {FILE_LEN}", self.path.display());
            return Err(Error::new(ErrorKind::Unavailable, public));
        }
        file.preallocate(FILE_LEN).and_then(|()| file.sync()).map_err(self.failed("make"))?;
        // Also where the file was there: whoever made it may not have come this far.
        self.disk.sync_dir(parent(&self.path)).map_err(self.failed("make"))?;
        Ok(file)
    }

    fn read_slots(&self, file: &dyn DiskFile) -> Result<[Option<CellEntry>; SLOTS as usize]> {
        let read = |slot| Ok(decode_slot(&*self.crypto, self.read_slot(file, slot)?.expose()));
        Ok([read(0)?, read(1)?])
    }

    fn read_slot(&self, file: &dyn DiskFile, slot: u64) -> Result<SecretBytes> {
        let mut bytes = vec![0; SLOT_LEN];
        let read = file.read_at(slot * SLOT_LEN as u64, &mut bytes);
        let bytes = SecretBytes::new(bytes);
        read.map(|_| bytes).map_err(self.failed("read"))
    }

    /// Overwrites a slot, durably, and reads it back.
    fn write_slot(&self, file: &dyn DiskFile, slot: u64, bytes: &[u8]) -> Result<()> {
        if breaks(Fault::RenameCell) {
            let mut whole =
                read_file(&*self.disk, &self.path, FILE_LEN as usize).map_err(self.failed("read"))?;
            whole[slot as usize * SLOT_LEN..][..SLOT_LEN].copy_from_slice(bytes);
            return replace_file(&*self.disk, &self.path, &whole).map_err(self.failed("write"));
        }
        file.write_at(slot * SLOT_LEN as u64, bytes)
            .and_then(|()| file.sync())
            .map_err(self.failed("write"))?;
        if self.crypto.equal(self.read_slot(file, slot)?.expose(), bytes) {
            return Ok(());
        }
        let public = format!("the cell {} gives back something else than was written", self.path.display());
        Err(Error::new(ErrorKind::Unavailable, public))
    }
}

impl Cell for FileCell {
    fn read(&self) -> Result<Vec<CellEntry>> {
        match self.open(OpenMode::Read)? {
            None => Ok(Vec::new()),
            Some(file) => {
                let entries: Vec<_> = self.read_slots(&*file)?.into_iter().flatten().collect();
                self.found(&entries);
                Ok(entries)
            }
        }
    }

    // INVARIANT: the slot of the generation to keep is not written, not even with the same bytes, before another one holds
    // that: a write that the power cuts off may leave neither.
    fn put(&self, entry: &CellEntry, keep: u64) -> Result<()> {
        let bytes = encode_slot(&*self.crypto, entry);
        let bytes = bytes.ok_or_else(|| Error::internal("an epoch key has another length than 32 bytes"))?;
        let file = self.open_or_create()?;
        let slots = self.read_slots(&*file)?;
        let holds =
            |generation| move |slot: &Option<CellEntry>| slot.as_ref().map(|e| e.generation) == generation;
        let others = || (0..SLOTS).zip(&slots).filter(|(_, slot)| !holds(Some(keep))(slot));
        let chosen = others().find(|(_, slot)| holds(Some(entry.generation))(slot));
        let chosen =
            chosen.or_else(|| others().find(|(_, slot)| holds(None)(slot))).or_else(|| others().next());
        // Where both slots hold it, one of them can go.
        let chosen = chosen.map_or(1, |(slot, _)| slot);
        self.write_slot(&*file, chosen, bytes.expose())?;
        // After a failed sync the medium may hold something else than we read, such as an older key: what reads as the
        // generation to keep is written once more, now that the other slot holds it.
        if entry.generation == keep {
            let copies =
                (0..SLOTS).zip(&slots).filter(|(slot, held)| *slot != chosen && holds(Some(keep))(held));
            copies
                .map(|(slot, _)| slot)
                .try_for_each(|slot| self.write_slot(&*file, slot, bytes.expose()))?;
        }
        self.found([entry]);
        Ok(())
    }

    // Also what reads as zeros is overwritten: after a failed sync the medium may hold something else than we read.
    fn erase_except(&self, generation: Option<u64>) -> Result<()> {
        let Some(file) = self.open(OpenMode::Write)? else { return Ok(()) };
        let slots = self.read_slots(&*file)?;
        for (slot, entry) in (0..SLOTS).zip(&slots) {
            if entry.is_none() || entry.as_ref().map(|entry| entry.generation) != generation {
                self.write_slot(&*file, slot, &[0; SLOT_LEN])?;
            }
        }
        self.found(slots.iter().flatten().filter(|entry| Some(entry.generation) == generation));
        Ok(())
    }

    fn address(&self) -> String {
        self.path.display().to_string()
    }
}

fn known_by(entry: &CellEntry) -> (Uuid, u64) {
    (entry.store, entry.generation)
}

#[cfg(test)]
mod tests {
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;
    use crate::{
        disk::RealDisk,
        faults::{Harm, assert_noticed},
    };

    struct Bench {
        dir: tempfile::TempDir,
        cell: FileCell,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("cell");
            let cell = FileCell::new(Arc::new(RealDisk), Arc::new(SoftwareCrypto::new()), path);
            Self { dir, cell }
        }

        fn put(&self, generation: u64, keep: u64) {
            let key = SecretBytes::new(vec![generation as u8; 32]);
            let store = Uuid::from_u128(5);
            self.cell
                .put(&CellEntry { store, timeline: 1, generation, threshold: 1, share: 1, key }, keep)
                .unwrap();
        }

        fn generations(&self) -> Vec<u64> {
            let mut generations: Vec<u64> = self.cell.read().unwrap().iter().map(|e| e.generation).collect();
            generations.sort_unstable();
            generations
        }

        fn slot(&self, slot: usize) -> Vec<u8> {
            let bytes = std::fs::read(self.dir.path().join("cell")).unwrap();
            assert_eq!(bytes.len() as u64, FILE_LEN);
            bytes[slot * SLOT_LEN..][..SLOT_LEN].to_vec()
        }

        fn damage(&self, at: usize) {
            let path = self.dir.path().join("cell");
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[at] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// Variant inplace_cell of the model.
    #[test]
    fn the_slot_of_the_key_in_force_is_never_written() {
        let bench = Bench::new();
        bench.put(1, 0);
        let in_force = bench.slot(0);
        bench.put(2, 1);
        bench.put(3, 1);
        bench.put(3, 1);
        assert!(bench.slot(0) == in_force);
        assert_eq!(bench.generations(), [1, 3]);
        // Also not with itself: the copy goes beside it.
        bench.put(1, 1);
        assert!(bench.slot(0) == in_force);
        assert_eq!(bench.generations(), [1, 1]);
    }

    #[test]
    fn a_cell_that_is_renamed_over_leaves_the_old_key_on_the_medium() {
        assert_noticed(Fault::RenameCell, Harm::Back, || {
            let bench = Bench::new();
            bench.put(1, 0);
            // The blocks of the file, whatever its name comes to mean.
            let medium = bench.dir.path().join("medium");
            std::fs::hard_link(bench.dir.path().join("cell"), &medium).unwrap();
            bench.put(2, 1);
            bench.cell.erase_except(Some(2)).unwrap();
            assert_eq!(bench.generations(), [2]);
            let found = std::fs::read(medium).unwrap().windows(32).any(|bytes| bytes == [1; 32]);
            found.then_some(Harm::Back)
        });
    }

    #[test]
    fn what_is_erased_is_zeros_in_the_same_place() {
        let bench = Bench::new();
        bench.put(1, 0);
        bench.put(2, 1);
        bench.cell.erase_except(Some(2)).unwrap();
        assert!(bench.slot(0) == [0; SLOT_LEN]);
        assert_eq!(bench.generations(), [2]);
        bench.cell.erase_except(None).unwrap();
        assert!(bench.slot(1) == [0; SLOT_LEN]);
        assert!(Bench::new().cell.erase_except(None).is_ok(), "a cell that was never written holds nothing");
    }

    #[test]
    fn a_damaged_slot_is_left_out_and_erased_all_the_same() {
        for at in [0, 9, 37, 40, 71, 103, 104, SLOT_LEN - 1] {
            let bench = Bench::new();
            bench.put(7, 0);
            bench.damage(at);
            assert!(bench.generations().is_empty(), "byte {at}");
            bench.cell.erase_except(Some(7)).unwrap();
            assert!(bench.slot(0) == [0; SLOT_LEN], "byte {at}");
        }
    }

    #[test]
    fn a_file_that_is_no_cell_is_left_alone() {
        let bench = Bench::new();
        std::fs::write(bench.dir.path().join("cell"), vec![7; FILE_LEN as usize + 1]).unwrap();
        let key = SecretBytes::new(vec![1; 32]);
        let entry = CellEntry { store: Uuid::nil(), timeline: 1, generation: 1, threshold: 1, share: 1, key };
        assert_eq!(bench.cell.put(&entry, 0).unwrap_err().kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn a_cell_must_lie_outside_of_what_it_forgets() {
        let crypto = Arc::new(SoftwareCrypto::new());
        let outside = |cell: &str| {
            FileCell::outside(Arc::new(RealDisk), crypto.clone(), cell.into(), Path::new("/data/keys"))
                .is_ok()
        };
        assert!(outside("/data/keys.cell") && outside("/data/keys/../cell"));
        assert!(!outside("/data/keys/cell") && !outside("/data/./keys/a/b") && !outside("/data/keys"));
    }
}
