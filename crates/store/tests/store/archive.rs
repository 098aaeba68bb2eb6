//! What lies at a backup target, and somebody who writes there: without a secret, and with the keys of the store to read it.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use keyreeve_core::{
    model::State,
    ports::store::{Store as _, TreeQuery},
    record::Change,
};
use keyreeve_store::{
    Store,
    audit::{Examination, Outside, examine_archive},
    backup::{
        BackupKind, BackupOptions,
        targets::{KnownTargets, PutIf, Target, Targets as _},
    },
};
use keyreeve_testkit::{disk::FaultyDisk, random::Random};

use crate::{Bench, audit::Signer, crypto, key_file, put, records};

type Objects = BTreeMap<String, Vec<u8>>;

fn target(disk: &FaultyDisk) -> Arc<dyn Target> {
    KnownTargets::new(Arc::new(disk.clone()), crypto()).open("/backup").unwrap()
}

fn objects(target: &dyn Target) -> Objects {
    let listed = target.list("").unwrap().into_iter();
    listed.map(|listed| (listed.path.clone(), target.get(&listed.path).unwrap().unwrap().0)).collect()
}

/// Objects that come to life, and entries that change nothing.
fn live(store: &Store, ids: Range<u128>) {
    for id in ids {
        put(store, vec![Change::Put(records::object(id + 1, State::PreActive, &["a"]))]);
        put(store, vec![Change::Put(records::object(id + 1, State::Active, &["KRVFRAME"]))]);
        put(store, vec![]);
    }
}

/// Whether a file says the same still: white space around JSON, and the case of hexadecimal digits, say nothing.
fn says_the_same(path: &str, one: &[u8], other: &[u8]) -> bool {
    let told = |bytes: &[u8]| bytes.trim_ascii().to_ascii_lowercase();
    one == other || path.ends_with(".json") && told(one) == told(other)
}

/// A target as a store left it, as it was half way, and what was kept elsewhere.
struct Archive {
    objects: Objects,
    earlier: Objects,
    anchor: Vec<u8>,
    checkpoint: Vec<u8>,
    /// The last entry of the full backup.
    full: u64,
}

impl Archive {
    fn new() -> Self {
        let (mut bench, signer, disk) = (Bench::created(), Signer::new(), FaultyDisk::new());
        bench.options.targets = Some(Arc::new(KnownTargets::new(Arc::new(disk.clone()), crypto())));
        let store = signer.open(&mut bench);
        store.start_signing(signer.key.clone());
        store.register_target("/backup", true, false).unwrap();
        let target = target(&disk);
        let full = store.backup(&target, BackupKind::Full, BackupOptions::default()).unwrap().lsn.0;
        let keep = |at| {
            store.prove(TreeQuery::Checkpoint).unwrap();
            bench.clock.set(at);
            store.keep().unwrap();
        };
        live(&store, 0..50);
        keep(20_000);
        live(&store, 50..120);
        keep(40_000);
        let earlier = objects(&*target);
        live(&store, 120..200);
        keep(60_000);
        keep(80_000);
        let checkpoint = store.prove(TreeQuery::Checkpoint).unwrap().checkpoint.into_bytes();
        let anchor = store.anchor(&*signer.key).unwrap();
        Self { objects: objects(&*target), earlier, anchor, checkpoint, full }
    }

    fn examined(&self, objects: &Objects, is_opened: bool) -> Examination {
        let target = target(&FaultyDisk::new());
        for (path, bytes) in objects {
            target.put(path, bytes, PutIf::Always).unwrap();
        }
        let outside =
            Outside { anchor: Some(&self.anchor), checkpoint: Some(&self.checkpoint), ..Outside::default() };
        let key = is_opened.then(key_file);
        examine_archive(&*target, &crypto(), key.as_ref(), outside, &mut |_| {}).unwrap().0
    }

    /// Whether removing an object is what pruning does, or leaves what is kept elsewhere to tell all that it told.
    fn is_spare(&self, path: &str) -> bool {
        let last = path.rsplit('/').next().and_then(|name| name.split('-').nth(1)?.parse::<u64>().ok());
        matches!(path, "anchor.json" | "checkpoint.txt")
            || path.ends_with(".krm")
            || path.ends_with(".krp") && last.is_some_and(|last| last <= self.full)
    }
}

#[test]
fn an_archive_is_good_and_covered_to_its_end() {
    let archive = Archive::new();
    for is_opened in [false, true] {
        let found = archive.examined(&archive.objects, is_opened);
        assert_eq!((found.wrong.as_slice(), found.is_signer_known), (&[][..], true));
        assert_eq!((found.unwitnessed, found.entries.1), (0, found.covered));
    }
    assert!(archive.objects.contains_key("t1/tree/tile/0/001"), "{:?}", archive.objects.keys());
}

#[test]
fn whoever_changes_an_archive_is_caught_without_a_secret() {
    let archive = Archive::new();
    let note = String::from_utf8_lossy(&archive.objects["t1/tree/checkpoint"]);
    let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
    let is_former_edge = |path: &str| {
        let width = path.split_once(".p/").map(|(_, width)| width.parse::<u64>().unwrap());
        width.is_some_and(|width| (0..8).all(|level| (size >> (8 * level)) % 256 != width))
    };
    // Who may write there is no part of the history; and what the leaves' entries are, only the entries tell.
    let paths: Vec<&String> = archive
        .objects
        .keys()
        .filter(|path| !matches!(path.as_str(), "claim.json" | "swap.lock" | "t1/tree/begin.json"))
        .filter(|path| !is_former_edge(path))
        .collect();
    let rounds = if std::env::var_os("KEYREEVE_LONG").is_some() { 100_000 } else { 2_000 };
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let mut objects = archive.objects.clone();
        let path = paths[random.below(paths.len() as u64) as usize];
        let bytes = objects.get_mut(path).unwrap();
        let how = match random.below(10) {
            0 if !archive.is_spare(path) => {
                objects.remove(path);
                "removed"
            }
            1 => {
                bytes.truncate(random.below(bytes.len() as u64) as usize);
                "cut short"
            }
            2 => {
                bytes.push(random.below(256) as u8);
                "made longer"
            }
            3 => {
                let other = paths[random.below(paths.len() as u64) as usize];
                let (here, there) = (objects[path].clone(), objects[other].clone());
                objects.insert(path.clone(), there);
                objects.insert(other.clone(), here);
                "swapped"
            }
            4 => {
                objects = archive.earlier.clone();
                "put back to an earlier state"
            }
            _ => {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << random.below(8);
                "changed in place"
            }
        };
        let is_same = |(path, bytes): (&String, &Vec<u8>)| {
            objects.get(path).is_some_and(|other| says_the_same(path, bytes, other))
        };
        if archive.objects.iter().all(is_same) {
            continue;
        }
        let found = archive.examined(&objects, false);
        assert!(found.wrong_count > 0, "seed {seed}: {path} was {how}, and nobody saw it");
    }
}

/// Whoever knows the format writes hashes that fit, but has no key: the sealed entries give them away.
#[test]
fn a_piece_with_hashes_that_fit_is_caught_once_it_is_opened() {
    let archive = Archive::new();
    let pieces: Vec<&String> = archive.objects.keys().filter(|path| path.ends_with(".krp")).collect();
    let hash = |bytes: &[u8]| crypto().sha256(&[bytes]);
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let mut objects = archive.objects.clone();
        let path = pieces[random.below(pieces.len() as u64) as usize];
        let mut bytes = objects.remove(path).unwrap();
        let at = 284 + random.below(bytes.len() as u64 - 284) as usize;
        bytes[at] ^= 1 << random.below(8);
        let changes = 284 + u64::from_be_bytes(bytes[172..180].try_into().unwrap()) as usize;
        let sums = [hash(&bytes[284..changes]), hash(&bytes[changes..])];
        bytes[180..212].copy_from_slice(&sums[0]);
        bytes[220..252].copy_from_slice(&sums[1]);
        let sum = hash(&bytes[..252]);
        bytes[252..284].copy_from_slice(&sum);
        let (before, _) = path.rsplit_once('-').unwrap();
        objects.insert(format!("{before}-{}.krp", hex::encode(hash(&bytes))), bytes);
        assert!(archive.examined(&objects, true).wrong_count > 0, "seed {seed}: byte {at} of {path}");
    }
}

/// A leaf is told with its entry once entries are opened.
#[test]
fn an_entry_that_is_not_its_leaf_is_told_with_its_number() {
    let archive = Archive::new();
    let mut objects = archive.objects.clone();
    objects.get_mut("t1/tree/tile/0/001").unwrap()[32 * 9] ^= 1;
    let found = archive.examined(&objects, true);
    let lsn = 256 + 9 + 1;
    assert!(found.wrong.iter().any(|wrong| wrong.lsn == lsn && wrong.what.contains("leaf")), "{found:?}");
}
