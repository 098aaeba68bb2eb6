//! The tree over the journal: it comes back as it was after any stop, proves entries, and shows whoever changes the folder.
//! The attacker here writes what they like (chain, tree, files), and now and then has the store's own keys.

use std::{path::PathBuf, sync::Arc};

use keyreeve_core::{
    SecretBytes,
    model::{Algorithm, KeyFormat, KeyMaterial, KeySpec, Lsn, ObjectType, State},
    ports::{
        crypto::{Generated, ParsedKey},
        store::{Store as _, TreeProof, TreeQuery},
    },
    record::Change,
};
use keyreeve_store::{
    Store,
    audit::{
        AddCheckpoint, Checkpoint, Examination, LogKeys, Note, NoteKey, Outside, Witness, WitnessKey,
        cosignature, examine, is_consistent, is_included,
    },
    disk::{Disk, OpenMode, read_file},
    journal::{Journal, Sha256},
};
use keyreeve_testkit::{disk::FaultyDisk, random::Random};
use serde_json::json;

use crate::{Bench, crypto, put, records};

const DIR: &str = "/data";

pub(crate) struct Signer {
    pub(crate) key: Arc<dyn ParsedKey>,
    secret: SecretBytes,
}

impl Signer {
    fn copy(&self) -> Self {
        Self { key: self.key.clone(), secret: SecretBytes::copy_from(self.secret.expose()) }
    }

    pub(crate) fn new() -> Self {
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let Ok(Generated::Pair { private, .. }) = crypto().generate(&spec) else { panic!("a pair") };
        let secret = SecretBytes::copy_from(private.bytes.expose());
        let material = KeyMaterial { format: KeyFormat::Pkcs8, bytes: private.bytes };
        let key = crypto().parse(ObjectType::PrivateKey, Some(&spec), &material).unwrap();
        Self { key, secret }
    }

    fn keys(&self, store: &Store) -> LogKeys {
        LogKeys::derive(&*crypto(), store.id(), &*self.key, &self.secret).unwrap()
    }

    /// Opens the store of a bench, which keeps its tree by hand.
    pub(crate) fn open(&self, bench: &mut Bench) -> Store {
        bench.options.background = false;
        let store = bench.open();
        store.start_checkpoints(self.keys(&store)).unwrap();
        store
    }
}

fn sha256() -> Sha256 {
    let crypto = crypto();
    Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts))
}

fn checkpoint(proof: &TreeProof) -> Checkpoint {
    Checkpoint::parse(&Note::parse(proof.checkpoint.as_bytes()).unwrap().text).unwrap()
}

fn examined(disk: &FaultyDisk, outside: Outside<'_>) -> Examination {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    examine(&disk, &PathBuf::from(DIR), &crypto(), outside).unwrap()
}

/// Entries of several kinds: objects that live, and names.
fn live(store: &Store, count: u128) {
    for id in 0..count {
        let id = id * 10 + 1;
        put(store, vec![Change::Put(records::object(id, State::PreActive, &["a"]))]);
        put(store, vec![Change::Put(records::object(id, State::Active, &["KRVFRAME"]))]);
        put(store, vec![]);
        put(store, vec![Change::Put(records::realm(id, "r")), Change::Delete(records::realm(id, "").key())]);
    }
}

#[test]
fn every_entry_is_proven_by_a_checkpoint_and_checkpoints_follow_from_one_another() {
    let (mut bench, signer) = (Bench::created(), Signer::new());
    let store = signer.open(&mut bench);
    live(&store, 3);
    let early = checkpoint(&store.prove(TreeQuery::Checkpoint).unwrap());
    assert_eq!(early.size, 12);
    live(&store, 90);
    for lsn in [1, 12, 13, 255, 256, 257, 372] {
        let proof = store.prove(TreeQuery::Inclusion(Lsn(lsn))).unwrap();
        let checkpoint = checkpoint(&proof);
        let (index, leaf) = proof.leaf.unwrap();
        assert_eq!((index, checkpoint.size), (lsn - 1, 372));
        let top = (checkpoint.size, &checkpoint.root);
        assert!(is_included(&sha256(), (&leaf, index), &proof.hashes, top), "{lsn}");
    }
    let proof = store.prove(TreeQuery::Consistency(12)).unwrap();
    let late = checkpoint(&proof);
    assert!(is_consistent(&sha256(), (12, &early.root), (late.size, &late.root), &proof.hashes));
    assert!(store.prove(TreeQuery::Inclusion(Lsn(373))).is_err());
    assert!(store.prove(TreeQuery::Inclusion(Lsn(0))).is_err());
    assert!(store.prove(TreeQuery::Consistency(373)).is_err());
    let tile = |level, index, width| store.prove(TreeQuery::Tile { level, index, width });
    assert_eq!(tile(0, 0, 256).unwrap().hashes.len(), 256);
    assert_eq!(tile(0, 1, 100).unwrap().hashes.len(), 100);
    assert!(tile(0, 1, 117).is_err() && tile(0, 2, 1).is_err() && tile(1, 0, 2).is_err());
    assert!(tile(9, 0, 1).is_err() && tile(0, 0, 0).is_err());
}

#[test]
fn the_tree_goes_on_after_a_stop_and_after_its_tiles_are_lost() {
    let (mut bench, signer) = (Bench::created(), Signer::new());
    let store = signer.open(&mut bench);
    live(&store, 70);
    let before = checkpoint(&store.prove(TreeQuery::Checkpoint).unwrap());
    store.close().unwrap();
    drop(store);
    for lost in [None, Some("/data/tree/tile/0/001.p/24"), Some("/data/tree/checkpoint")] {
        if let Some(lost) = lost {
            bench.disk.remove(&PathBuf::from(lost)).unwrap();
        }
        let store = signer.open(&mut bench);
        let after = checkpoint(&store.prove(TreeQuery::Checkpoint).unwrap());
        assert_eq!(after, before, "{lost:?}");
        store.close().unwrap();
    }
    let found = examined(&bench.disk, Outside::default());
    assert_eq!((found.wrong.as_slice(), found.unwitnessed, found.covered), (&[][..], 0, 280));
}

#[test]
fn a_journal_that_is_not_the_one_that_was_signed_for_is_not_gone_on_with() {
    let (mut bench, signer) = (Bench::created(), Signer::new());
    let store = signer.open(&mut bench);
    live(&store, 2);
    store.close().unwrap();
    drop(store);
    let house = House::of(&bench, signer.copy());
    let mut entries = house.entries.clone();
    let at = entries[2].windows(7).position(|bytes| bytes == b"[::1]:5").unwrap();
    entries[2][at + 6] = b'6';
    let disk = house.disk_with(&entries, &mut Random::new(1), Tree::Kept);
    disk.remove(&PathBuf::from("/data/tree/tile/0/000.p/8")).unwrap();
    let mut bench = Bench::on(disk);
    bench.options.background = false;
    let store = bench.open();
    store.start_checkpoints(signer.keys(&store)).unwrap();
    assert!(store.prove(TreeQuery::Checkpoint).is_err());
    assert!(bench.failures.lock()[0].contains("signed a checkpoint"), "{:?}", bench.failures.lock());
}

/// What an attacker does with the tree.
#[derive(Clone, Copy, Debug)]
enum Tree {
    Kept,
    Removed,
    Forged,
    /// Signed anew by the store's own keys: the attacker has got hold of them.
    Signed,
}

/// A folder, taken apart.
struct House {
    root: Vec<u8>,
    store: Vec<u8>,
    header: Vec<u8>,
    entries: Vec<Vec<u8>>,
    tree: Vec<(PathBuf, Vec<u8>)>,
    anchor: Vec<u8>,
    /// The checkpoint that was kept elsewhere, cosigned by the witness.
    note: Vec<u8>,
    witness: NoteKey,
    signer: Signer,
    forged: Signer,
    id: uuid::Uuid,
}

fn bytes(disk: &FaultyDisk, path: &str) -> Vec<u8> {
    read_file(disk, &PathBuf::from(path), 1 << 20).unwrap()
}

fn write(disk: &FaultyDisk, path: &str, bytes: &[u8]) {
    let path = PathBuf::from(path);
    let dirs: Vec<_> = path.ancestors().skip(1).filter(|dir| dir.starts_with(DIR)).collect();
    dirs.iter().rev().for_each(|dir| disk.create_dir(dir).unwrap());
    disk.open(&path, OpenMode::CreateNew).unwrap().write_at(0, bytes).unwrap();
}

/// The note with the cosignature of a witness that sees the log for the first time, and who that is.
fn cosigned(note: &[u8], logs: &[String]) -> (Vec<u8>, NoteKey) {
    let (crypto, disk) = (crypto(), FaultyDisk::new());
    disk.create_dir(&PathBuf::from("/witness")).unwrap();
    let key = WitnessKey::from_seed(&*crypto, "w.example", &SecretBytes::copy_from(&[5; 32])).unwrap();
    let verifier = key.verifier().clone();
    let witness = Witness::new(key, &crypto, (Arc::new(disk), &PathBuf::from("/witness")));
    let asked = AddCheckpoint { old: 0, proof: Vec::new(), note: Note::parse(note).unwrap() };
    let logs: Vec<_> = logs.iter().map(|log| NoteKey::parse(log).unwrap()).collect();
    let line = witness.add_checkpoint(&logs, asked.to_text().as_bytes(), 1_700_000_000).unwrap().unwrap();
    let mut note = asked.note;
    note.signatures.push(cosignature(line.as_bytes(), &note, &verifier, &*crypto).unwrap());
    (note.to_text().into_bytes(), verifier)
}

impl House {
    fn of(bench: &Bench, signer: Signer) -> Self {
        let disk = &bench.disk;
        let journal = Journal::new(Arc::new(disk.clone()), "/data/journal", sha256());
        let mut entries = Vec::new();
        let mut bench = Bench::on(disk.crash(0));
        let store = signer.open(&mut bench);
        // Of an earlier timeline: it names the signer and no frame, since frames are laid out anew here.
        let said = json!({
            "store": store.id(), "timeline": 0, "generation": 0, "lsn": 1, "hash": "00".repeat(32), "time": 0,
        });
        let anchor = keyreeve_store::signed::sign("anchor", said, &*signer.key).unwrap().into_bytes();
        let until = keyreeve_store::journal::Lsn(store.published().0);
        let mut reader = journal.read(keyreeve_store::journal::Lsn(1), until).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            entries.extend(frame.entries().map(|(_, entry)| entry.to_vec()));
        }
        let tree = ["checkpoint", "keys.json"].map(|name| format!("/data/tree/{name}"));
        let edge = format!("/data/tree/tile/0/000.p/{}", entries.len());
        let tree = tree.into_iter().chain([edge]).map(|path| (path.clone().into(), bytes(disk, &path)));
        let (note, witness) =
            cosigned(&bytes(disk, "/data/tree/checkpoint"), &store.checkpoint_keys().unwrap());
        Self {
            root: bytes(disk, "/data/root.json"),
            store: bytes(disk, "/data/store.json"),
            header: bytes(disk, "/data/journal/00000000000000000001.krj")[..128].to_vec(),
            tree: tree.collect(),
            anchor,
            note,
            witness,
            signer,
            forged: Signer::new(),
            id: store.id(),
            entries,
        }
    }

    /// A folder whose journal holds these entries, renumbered and chained, in frames and segments as the seed has it.
    fn disk_with(&self, entries: &[Vec<u8>], random: &mut Random, tree: Tree) -> FaultyDisk {
        let disk = FaultyDisk::new();
        write(&disk, "/data/store.json", &self.store);
        write(&disk, "/data/root.json", &self.root);
        for (path, content) in self.segments(entries, random) {
            write(&disk, &path, &content);
        }
        match tree {
            Tree::Removed => {}
            Tree::Kept => {
                self.tree.iter().for_each(|(path, bytes)| write(&disk, path.to_str().unwrap(), bytes));
            }
            Tree::Forged | Tree::Signed => {
                let signer = if matches!(tree, Tree::Signed) { &self.signer } else { &self.forged };
                let mut bench = Bench::on(disk.clone());
                bench.options.background = false;
                // What the store itself would make of it, under keys of the attacker's, or its own.
                if let Ok(store) = Store::open(&bench.options, &crate::key_file()) {
                    let keys = LogKeys::derive(&*crypto(), self.id, &*signer.key, &signer.secret);
                    store.start_checkpoints(keys.unwrap()).unwrap();
                    let _ = store.prove(TreeQuery::Checkpoint);
                    let _ = store.close();
                }
            }
        }
        disk
    }

    fn segments(&self, entries: &[Vec<u8>], random: &mut Random) -> Vec<(String, Vec<u8>)> {
        let hash = |bytes: &[u8]| crypto().sha256(&[bytes]);
        let mut segments: Vec<(String, Vec<u8>)> = Vec::new();
        let (mut at, mut previous) = (0_usize, [0; 32]);
        while at < entries.len() || segments.is_empty() {
            if segments.is_empty() || random.one_in(8) {
                let mut header = self.header.clone();
                header[40..48].copy_from_slice(&(at as u64 + 1).to_le_bytes());
                header[56..88].copy_from_slice(&previous);
                previous = hash(&header[..96]);
                header[96..].copy_from_slice(&previous);
                segments.push((format!("/data/journal/{:020}.krj", at + 1), header));
            }
            if entries.is_empty() {
                break;
            }
            let count = (1 + random.below(3) as usize).min(entries.len() - at);
            let mut frame = b"KRVFRAME".to_vec();
            frame.extend_from_slice(&[0; 8]);
            frame.extend_from_slice(&(at as u64 + 1).to_le_bytes());
            frame.extend_from_slice(&(count as u32).to_le_bytes());
            frame.extend_from_slice(&[0; 4]);
            frame.extend_from_slice(&(at as u64).to_le_bytes());
            frame.extend_from_slice(&9_u64.to_le_bytes());
            frame.extend_from_slice(&previous);
            for entry in &entries[at..at + count] {
                at += 1;
                let mut entry = entry.clone();
                entry[1..9].copy_from_slice(&(at as u64).to_le_bytes());
                frame.extend_from_slice(&(entry.len() as u32).to_le_bytes());
                frame.extend_from_slice(&entry);
            }
            let len = frame.len() as u32 + 36;
            frame[8..12].copy_from_slice(&len.to_le_bytes());
            previous = hash(&frame);
            frame.extend_from_slice(&previous);
            frame.extend_from_slice(b"KRVE");
            segments.last_mut().unwrap().1.extend_from_slice(&frame);
        }
        segments
    }

    fn examined(&self, disk: &FaultyDisk) -> Examination {
        let witnesses = std::slice::from_ref(&self.witness);
        examined(
            disk,
            Outside {
                anchor: Some(&self.anchor),
                checkpoint: Some(&self.note),
                witnesses,
                ..Outside::default()
            },
        )
    }
}

/// Changes entries among the first `covered`, of which some are another sequence then. Tells how.
fn mutated(entries: &[Vec<u8>], covered: usize, random: &mut Random) -> (&'static str, Vec<Vec<u8>>) {
    let mut entries = entries.to_vec();
    let any = |random: &mut Random| random.below(covered as u64) as usize;
    let how = match random.below(6) {
        0 => {
            let at = any(random);
            let byte = [0]
                .into_iter()
                .chain(9..entries[at].len())
                .nth(random.below(entries[at].len() as u64 - 8) as usize);
            entries[at][byte.unwrap()] ^= 1 << random.below(8);
            "edit"
        }
        1 => {
            entries.remove(any(random));
            "drop"
        }
        2 => {
            let (a, b) = (any(random), any(random));
            let without_number = |entry: &Vec<u8>| (entry[0], entry[9..].to_vec());
            if without_number(&entries[a]) == without_number(&entries[b]) {
                entries[a][0] ^= 4;
            }
            entries.swap(a, b);
            "reorder"
        }
        3 => {
            entries.truncate(any(random));
            "truncate"
        }
        4 => {
            let at = any(random);
            entries.truncate(at);
            let mut other = records_entry(&entries, random);
            while entries.len() <= covered {
                entries.push(other.clone());
                *other.last_mut().unwrap() ^= 3;
            }
            "fork"
        }
        _ => {
            let at = any(random);
            let other = records_entry(&entries, random);
            entries.insert(at, other);
            "insert"
        }
    };
    (how, entries)
}

/// An entry that nobody has written.
fn records_entry(entries: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut entry = entries.first().cloned().unwrap_or_else(|| vec![2; 60]);
    entry.extend_from_slice(&random.below(u64::MAX).to_le_bytes());
    entry
}

fn house() -> (House, usize) {
    let (mut bench, signer) = (Bench::created(), Signer::new());
    let store = signer.open(&mut bench);
    live(&store, 5);
    store.close().unwrap();
    drop(store);
    let mut house = House::of(&bench, signer);
    let covered = house.entries.len();
    // What comes later is not covered.
    for _ in 0..4 {
        house.entries.push(house.entries[2].clone());
    }
    (house, covered)
}

#[test]
fn whoever_changes_what_a_checkpoint_covers_is_caught() {
    let (house, covered) = house();
    let found = house.examined(&house.disk_with(&house.entries, &mut Random::new(0), Tree::Kept));
    assert_eq!((found.wrong.as_slice(), found.unwitnessed, found.is_signer_known), (&[][..], 4, true));
    assert_eq!(found.witnessed_at, Some(1_700_000_000));
    let rounds = if std::env::var_os("KEYREEVE_LONG").is_some() { 100_000 } else { 3_000 };
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let (how, entries) = mutated(&house.entries, covered, &mut random);
        let tree = match random.below(20) {
            0 => Tree::Forged,
            1 => Tree::Signed,
            2..=6 => Tree::Removed,
            _ => Tree::Kept,
        };
        let disk = house.disk_with(&entries, &mut random, tree);
        let found = house.examined(&disk);
        // That the folder's own signatures are gone is told too, and is not what it is caught by.
        let gone =
            found.wrong.iter().filter(|wrong| wrong.what.starts_with("tree/checkpoint is missing")).count();
        assert!(found.wrong_count > gone as u64, "seed {seed}: {how}, {tree:?} was not seen");
    }
}

#[test]
fn what_comes_after_the_checkpoint_is_counted_and_not_vouched_for() {
    let (house, covered) = house();
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let mut entries = house.entries.clone();
        let at = covered + random.below(4) as usize;
        entries.truncate(at + 1);
        let found = house.examined(&house.disk_with(&entries, &mut random, Tree::Kept));
        assert_eq!((found.wrong.as_slice(), found.unwitnessed), (&[][..], (at + 1 - covered) as u64));
    }
}

#[test]
fn a_byte_that_was_changed_in_place_is_caught() {
    let (house, covered) = house();
    let rounds = if std::env::var_os("KEYREEVE_LONG").is_some() { 20_000 } else { 500 };
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let mut segments = house.segments(&house.entries[..covered], &mut random);
        let segment = random.below(segments.len() as u64) as usize;
        let content = &mut segments[segment].1;
        let at = random.below(content.len() as u64) as usize;
        content[at] ^= 1 << random.below(8);
        let disk = FaultyDisk::new();
        write(&disk, "/data/store.json", &house.store);
        segments.iter().for_each(|(path, content)| write(&disk, path, content));
        house.tree.iter().for_each(|(path, bytes)| write(&disk, path.to_str().unwrap(), bytes));
        assert!(house.examined(&disk).wrong_count > 0, "seed {seed}: byte {at} of segment {segment}");
    }
}

#[test]
fn an_anchor_holds_the_frame_that_it_names_too() {
    let (mut bench, signer) = (Bench::created(), Signer::new());
    let store = signer.open(&mut bench);
    live(&store, 1);
    let earlier = bench.disk.crash(0);
    live(&store, 1);
    let anchor = store.anchor(&*signer.key).unwrap();
    store.close().unwrap();
    let outside = Outside { anchor: Some(&anchor), ..Outside::default() };
    let found = examined(&bench.disk, outside);
    assert!(found.is_signer_known && found.wrong.iter().all(|wrong| wrong.what.contains("no legal move")));
    let rolled_back = examined(&earlier, outside);
    assert!(
        rolled_back.wrong.iter().any(|wrong| wrong.lsn == 4 && wrong.what.contains("had come to entry 8"))
    );
}

/// Whoever takes the folder's signatures away and cuts the journal off has not made it good.
#[test]
fn a_folder_without_its_checkpoint_is_not_good_whatever_else_is_known() {
    let (house, covered) = house();
    for entries in [&house.entries[..], &house.entries[..covered], &house.entries[..2]] {
        let disk = house.disk_with(entries, &mut Random::new(0), Tree::Removed);
        let found = examined(&disk, Outside { anchor: Some(&house.anchor), ..Outside::default() });
        assert!(found.is_signer_known && found.covered == 0);
        assert_eq!(found.wrong_count, 1, "{:?}", found.wrong);
        assert!(found.wrong[0].what.starts_with("tree/checkpoint is missing"), "{:?}", found.wrong);
    }
}

#[test]
fn illegal_moves_and_missing_certificates_are_told_where_they_are() {
    let (mut bench, signer) = (Bench::created(), Signer::new());
    let store = signer.open(&mut bench);
    put(&store, vec![Change::Put(records::object(1, State::Compromised, &["a"]))]);
    put(&store, vec![Change::Put(records::object(1, State::Active, &["a"]))]);
    put(&store, vec![Change::Put(records::object(2, State::Active, &["b"]))]);
    put(&store, vec![Change::Put(records::object(2, State::Destroyed, &["b"]))]);
    store.close().unwrap();
    let found = examined(&bench.disk, Outside::default());
    assert!(!found.is_signer_known);
    let told: Vec<_> = found.wrong.iter().map(|wrong| (wrong.lsn, wrong.what.as_str())).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].0 == 2 && told[0].1.contains("no legal move"), "{told:?}");
    assert!(told[1].0 == 4 && told[1].1.contains("without an erasure"), "{told:?}");
}
