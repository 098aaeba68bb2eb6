//! Places of epoch keys and archives that are not what they should be: out of reach, swapped, struck off, in the wrong
//! place, or in the hands of somebody who wants our memory.

use std::{path::Path, sync::Arc};

use keyreeve_core::{
    ErrorKind, SecretBytes,
    access::Action,
    model::{
        Attestation, ErasedObject, Erasure, ErasureId, KeyId, Lsn, ObjectType, PrincipalId, RealmId, Time,
    },
    ports::{
        seal::SealedMaterial,
        store::{Commit, Store as _},
    },
    record::{Change, EntryDraft, Record, RecordKey},
};
use keyreeve_store::{
    Store,
    backup::{
        Acknowledge, BackupError, Catalogue,
        targets::{KnownTargets, PutIf, Target, TargetError, Targets},
    },
    disk::Disk,
    signed,
};
use keyreeve_testkit::{disk::FaultyDisk, recorder::RecordingDisk};
use uuid::Uuid;

use crate::{Bench, commit_whole, crypto, destroy::signer, key_file, put, records};

const TARGET: &str = "file:///mnt/keys";
const CELL: &str = "/mnt/keys.cell";
const ERASURE: ErasureId = ErasureId(Uuid::from_u128(0xE1));
/// Leaves of one leaf node.
const LEAVES: u64 = 256;

/// A store that is driven by hand, with targets on a disk of their own.
fn bench_at(place: Arc<dyn Disk>) -> Bench {
    let mut bench = Bench::on(FaultyDisk::new());
    bench.options.background = false;
    bench.options.targets = Some(Arc::new(KnownTargets::new(place, crypto())));
    Store::create(&bench.options, key_file()).unwrap();
    bench
}

fn folder(place: &FaultyDisk) -> Arc<dyn Target> {
    KnownTargets::new(Arc::new(place.clone()), crypto()).open(TARGET).unwrap()
}

fn seal(store: &Store, id: u128) -> keyreeve_core::Result<SealedMaterial> {
    store.sealer().seal(&records::binding(id), &SecretBytes::new(vec![7; 32]))
}

fn keep_key(store: &Store, id: u128) -> SealedMaterial {
    let sealed = seal(store, id).unwrap();
    put(store, vec![Change::Put(Record::Material(Arc::new(sealed.clone())))]);
    sealed
}

/// Asks for the destruction of what was sealed.
fn ask(store: &Store, sealed: &SealedMaterial) {
    let object = ErasedObject {
        object: sealed.object,
        key: KeyId(sealed.object.0),
        version: 1,
        object_type: ObjectType::SymmetricKey,
        leaf_index: sealed.leaf_index,
    };
    let erasure = Erasure {
        id: ERASURE,
        realm: RealmId::DEFAULT,
        asked: Time(1),
        principal: PrincipalId::SYSTEM,
        principal_name: "alice".into(),
        scope: "key demo".into(),
        objects: vec![object],
        switched: None,
        switched_at: None,
    };
    let gone = Change::Delete(RecordKey::Material(sealed.object));
    put(store, vec![gone, Change::Put(Record::Erasure(Arc::new(erasure)))]);
}

fn certificate(store: &Store) -> Option<serde_json::Value> {
    match store.get(&RecordKey::Certificate(ERASURE)).unwrap().as_deref() {
        Some(Record::Certificate(stored)) => {
            Some(signed::verify("certificate", stored.text.as_bytes(), &*crypto()).unwrap().value)
        }
        _ => None,
    }
}

fn attested() -> Option<Attestation> {
    let (by, statement) = ("alice".to_owned(), "shredded, ticket 18".to_owned());
    Some(Attestation { by, statement, at: Time(5), generation: 0 })
}

fn happened(store: &Store, action: Action) -> usize {
    let entries = store.journal(Lsn(0), usize::MAX).unwrap();
    entries.iter().filter(|entry| entry.draft.action == action).count()
}

#[test]
fn with_acknowledge_target_no_leaf_is_given_out_before_a_target_gives_its_node_back() {
    let place = RecordingDisk::new();
    let mut bench = bench_at(Arc::new(place.clone()));
    bench.options.archive.acknowledge = Acknowledge::Target;
    let store = bench.open();
    // The server's own beginnings wait for no target: there is none, and nobody is answered.
    keep_key(&store, 1);
    let entry = EntryDraft {
        principal: PrincipalId(Uuid::from_u128(3)),
        ..records::draft(vec![Change::Put(records::realm(9, "r"))])
    };
    let commit = Commit { as_of: Lsn(0), reads: Vec::new(), valid_until: None, entry };
    assert_eq!(commit_whole(&store, commit).unwrap_err().kind(), ErrorKind::Unavailable);

    store.register_target(TARGET, true, false).unwrap();
    place.take_out_of_reach(Some("/mnt"));
    let before = happened(&store, Action::GrowTree);
    let mut given = 0;
    while let Ok(sealed) = seal(&store, 2) {
        assert!(sealed.leaf_index < LEAVES, "what is there already is given out, and nothing else");
        given += 1;
    }
    assert!((1..LEAVES).contains(&given), "{given}");
    for id in 0..3 {
        let refused = seal(&store, id).unwrap_err();
        assert!(
            refused.kind() == ErrorKind::Unavailable && refused.public().contains("backup target"),
            "{refused}"
        );
    }
    place.take_out_of_reach(None);
    assert_eq!(seal(&store, 300).unwrap().leaf_index, LEAVES, "what was held back is what comes");
    assert_eq!(happened(&store, Action::GrowTree), before + 1, "no attempt burns a node");
    let shipped = store.targets()[0].shipped;
    let entries = store.journal(Lsn(0), usize::MAX).unwrap();
    let grown = entries.iter().rev().find(|entry| entry.draft.action == Action::GrowTree).unwrap();
    assert!(shipped >= grown.lsn, "{shipped}, {}", grown.lsn);
}

#[test]
fn a_swapped_medium_is_a_lost_place_that_somebody_must_speak_for() {
    // Noticed before the destruction is asked for, with it, and where the place's claim went with the medium.
    for (noticed_before, claim_is_lost) in [(true, false), (false, false), (false, true)] {
        let place = FaultyDisk::new();
        let bench = bench_at(Arc::new(place.clone()));
        let store = bench.open();
        store.start_signing(signer());
        let (gone, kept) = (keep_key(&store, 1), keep_key(&store, 2));
        store.register_target(TARGET, true, false).unwrap();
        store.keep().unwrap();
        place.remove(Path::new(CELL)).unwrap();
        if claim_is_lost {
            folder(&place).delete("claim.json").unwrap();
        }
        if noticed_before {
            store.keep().unwrap();
        }
        ask(&store, &gone);
        store.keep().unwrap();
        if claim_is_lost {
            assert!(store.targets()[0].trouble.as_deref().unwrap().contains("its claim is gone"));
            assert_eq!(certificate(&store), None);
            store.register_target(TARGET, true, false).unwrap();
        }
        store.keep().unwrap();
        let places = store.places().unwrap();
        let former =
            places.iter().find(|place| place.name == format!("{TARGET}#1")).expect("the former medium");
        assert!(former.lost.is_some() && former.attested.is_none() && former.has_cell);
        assert_eq!(former.confirmed, 1);
        assert_eq!(certificate(&store), None, "nobody knows what became of the former medium");

        store.retire_cell(&former.name, attested()).unwrap();
        store.keep().unwrap();
        let certificate = certificate(&store).expect("complete").to_string();
        assert!(certificate.contains("ticket 18") && certificate.contains("keys#1"), "{certificate}");
        assert_eq!(store.targets().len(), 1, "the place itself goes on");
        store.sealer().open(&records::binding(2), &kept).unwrap();
        store.keep().unwrap();
        assert_eq!(store.places().unwrap().len(), 3, "it is noticed once");
    }
}

#[test]
fn a_retired_target_gets_nothing_more() {
    let place = FaultyDisk::new();
    let bench = bench_at(Arc::new(place.clone()));
    let store = bench.open();
    keep_key(&store, 1);
    store.register_target(TARGET, true, false).unwrap();
    store.retire_cell(TARGET, attested()).unwrap();
    let before = folder(&place).list("").unwrap();
    keep_key(&store, 2);
    store.keep().unwrap();
    assert!(store.targets().is_empty());
    assert_eq!(folder(&place).list("").unwrap(), before);
}

#[test]
fn a_target_in_the_data_folder_is_refused() {
    let place = FaultyDisk::new();
    let bench = bench_at(Arc::new(place.clone()));
    let store = bench.open();
    for wrong in ["/data", "/data/backup", "/mnt/../data/backup"] {
        let refused = store.register_target(wrong, true, false).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidField, "{wrong}");
        assert!(refused.public().contains("data folder"), "{refused}");
    }
    assert!(store.targets().is_empty());
    assert_eq!(place.changes(), 0, "nothing was written");
}

#[test]
fn a_target_that_gives_too_much_is_damaged_and_takes_no_memory() {
    let place = FaultyDisk::new();
    let bench = bench_at(Arc::new(place.clone()));
    let store = bench.open();
    keep_key(&store, 1);
    store.register_target(TARGET, true, false).unwrap();
    let target = folder(&place);
    let large = vec![b' '; (64 << 10) + 1];
    for path in ["claim.json", "root.json", "anchor.json"] {
        target.put(path, &large, PutIf::Always).unwrap();
        assert!(matches!(target.get(path), Err(TargetError::TooLarge { bytes_max: 65_536, .. })), "{path}");
    }
    let catalogue = Catalogue::read(&*target, &crypto()).unwrap();
    let told: Vec<_> = catalogue.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert!(told.contains(&"claim.json"), "{told:?}");
    keep_key(&store, 2);
    store.keep().unwrap();
    assert!(store.targets()[0].trouble.as_deref().unwrap().contains("over 65536 bytes"));
    let status = keyreeve_store::backup::root_status(&*target, &*crypto()).unwrap_err();
    assert!(matches!(&status, BackupError::Damaged { object, .. } if object == "root.json"), "{status}");
}

#[test]
fn the_anchor_tells_what_verifying_the_journal_finds() {
    let bench = bench_at(Arc::new(FaultyDisk::new()));
    let store = bench.open();
    (1..5).for_each(|id| drop(keep_key(&store, id)));
    let anchor = signed::verify("anchor", &store.anchor(&*signer()).unwrap(), &*crypto()).unwrap().value;
    let (lsn, hash) = store.verify_journal().unwrap();
    assert_eq!((anchor["lsn"].as_u64(), anchor["hash"].as_str()), (Some(lsn.0), Some(&*hex::encode(hash))));
}
