//! Destroying with a power loss at every change of the disk: what lives opens, what is destroyed does not, and the cell
//! holds one epoch key.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use keyreeve_core::{
    ErrorKind, SecretBytes,
    access::Action,
    model::{
        Algorithm, ErasedObject, Erasure, ErasureId, KeyId, KeySpec, ObjectId, ObjectType, PrincipalId,
        RealmId, Time,
    },
    ports::{
        crypto::{Generated, ParsedKey},
        seal::SealedMaterial,
        store::{Commit, DrawnIds, Store as _},
    },
    record::{Change, Record, RecordKey},
};
use keyreeve_store::{Store, signed};
use keyreeve_testkit::disk::FaultyDisk;
use uuid::Uuid;

use super::{Bench, commit_whole, crypto, key_file, put, records};

const CELL: &str = "/data.cell";
pub(crate) const ERASURE: ErasureId = ErasureId(Uuid::from_u128(0xE0));
const KEPT: [u128; 2] = [1, 3];
const GONE: u128 = 2;

impl Bench {
    /// Without threads that would write at times of their own.
    fn by_hand(disk: FaultyDisk) -> Self {
        let mut bench = Self::on(disk);
        bench.options.background = false;
        bench
    }

    fn open_signing(&self) -> Store {
        let store = self.open();
        store.start_signing(signer());
        store
    }
}

pub(crate) fn signer() -> Arc<dyn ParsedKey> {
    let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
    let Ok(Generated::Pair { private, .. }) = crypto().generate(&spec) else { panic!("a pair") };
    crypto().parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap()
}

fn keep_key(store: &Store, id: u128) {
    let sealed = store.sealer().seal(&records::binding(id), &SecretBytes::new(vec![id as u8; 32])).unwrap();
    put(store, vec![Change::Put(Record::Material(Arc::new(sealed)))]);
}

fn material(store: &Store, id: u128) -> Option<Arc<SealedMaterial>> {
    match store.get(&RecordKey::Material(ObjectId(Uuid::from_u128(id)))).unwrap().as_deref() {
        Some(Record::Material(material)) => Some(material.clone()),
        _ => None,
    }
}

/// What a destroy leaves to the store: no material, and an erasure.
pub(crate) fn destruction(sealed: &SealedMaterial) -> Vec<Change> {
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
    vec![Change::Delete(RecordKey::Material(sealed.object)), Change::Put(Record::Erasure(Arc::new(erasure)))]
}

/// Generations of the epoch keys that the file holds, whole or not, as its layout says.
fn generations(disk: &FaultyDisk) -> BTreeSet<u64> {
    let bytes = disk.bytes(Path::new(CELL));
    let slots = bytes.chunks(4096).filter(|slot| slot.iter().any(|byte| *byte != 0));
    slots.map(|slot| u64::from_be_bytes(slot[30..38].try_into().unwrap())).collect()
}

fn created() -> (FaultyDisk, SealedMaterial) {
    let bench = Bench::by_hand(FaultyDisk::new());
    Store::create(&bench.options, [key_file()]).unwrap();
    let store = bench.open();
    [1, 2, 3].iter().for_each(|id| keep_key(&store, *id));
    let gone = material(&store, GONE).unwrap();
    store.close().unwrap();
    drop(store);
    (bench.disk, (*gone).clone())
}

/// Destroys a key, as far as the disk lets us; true where it came to its end.
fn destroy(bench: &Bench, gone: &SealedMaterial) -> bool {
    let Ok(store) = Store::open(&bench.options, &key_file()) else { return false };
    store.start_signing(signer());
    let entry = records::draft(destruction(gone));
    let commit = Commit {
        as_of: store.published(),
        reads: Vec::new(),
        valid_until: None,
        drawn: DrawnIds::default(),
        entry,
    };
    commit_whole(&store, commit).is_ok() && store.keep().is_ok()
}

/// What must hold once everything is done that can be done.
fn check(bench: &Bench, gone: &SealedMaterial, at: &str) {
    let store = bench.open_signing();
    assert!(!store.keep().unwrap(), "{at}: nothing is left to do");
    for id in KEPT {
        let sealed = material(&store, id).expect("a live key");
        assert_eq!(
            store.sealer().open(&records::binding(id), &sealed).unwrap().expose(),
            [id as u8; 32],
            "{at}"
        );
    }
    let certificate = store.get(&RecordKey::Certificate(ERASURE)).unwrap();
    match (material(&store, GONE), certificate.as_deref()) {
        // The destroy itself was lost with the power.
        (Some(_), None) => {}
        (None, Some(Record::Certificate(certificate))) => {
            signed::verify("certificate", certificate.text.as_bytes(), &*crypto()).unwrap();
            let refused = store.sealer().open(&records::binding(GONE), gone).err().unwrap();
            assert_eq!(refused.kind(), ErrorKind::Destroyed, "{at}");
        }
        _ => panic!("{at}: destroyed without a certificate, or with one and still there"),
    }
    assert_eq!(generations(&bench.disk).len(), 1, "{at}");
    // The key that is in force is the one that the next start finds.
    store.close().unwrap();
    drop(store);
    drop(bench.without_index_by_hand().open());
}

impl Bench {
    fn without_index_by_hand(&self) -> Self {
        Self::by_hand(self.disk.clone())
    }
}

#[test]
fn a_power_loss_at_any_change_of_a_destroy_loses_no_live_key_and_brings_no_destroyed_one_back() {
    let (disk, gone) = created();
    let whole = Bench::by_hand(disk.kill());
    let before = whole.disk.changes();
    assert!(destroy(&whole, &gone));
    let changes = whole.disk.changes() - before;
    assert!(changes > 20, "{changes}: cell and journal are written");
    for count in 1..=changes {
        let failing = Bench::by_hand(disk.kill());
        failing.disk.fail_power_at(count);
        destroy(&failing, &gone);
        let crashed = Bench::by_hand(failing.disk.crash(count));
        check(&crashed, &gone, &format!("power lost at change {count}"));
    }
}

#[test]
fn a_power_loss_while_a_lost_power_is_made_good_does_no_more_harm() {
    let (disk, gone) = created();
    for count in (1..60).step_by(3) {
        let mut failing = Bench::by_hand(disk.kill());
        failing.disk.fail_power_at(count);
        destroy(&failing, &gone);
        for again in [2, 5, 9, 14] {
            failing = Bench::by_hand(failing.disk.crash(count + again));
            failing.disk.fail_power_at(again);
            if let Ok(store) = Store::open(&failing.options, &key_file()) {
                store.start_signing(signer());
                // Whatever comes of it: the power fails meanwhile.
                let _ = store.keep();
            }
        }
        let crashed = Bench::by_hand(failing.disk.crash(count));
        check(&crashed, &gone, &format!("power lost at change {count} and then again"));
    }
}

#[test]
fn an_epoch_that_was_begun_and_not_put_in_force_is_taken_back() {
    let (disk, gone) = created();
    let mut taken_back = 0;
    for count in 1..60 {
        let failing = Bench::by_hand(disk.kill());
        failing.disk.fail_power_at(count);
        destroy(&failing, &gone);
        let crashed = Bench::by_hand(failing.disk.crash(count));
        let store = crashed.open_signing();
        store.keep().unwrap();
        let entries = store.journal(keyreeve_core::model::Lsn(0), usize::MAX).unwrap();
        let happened = |action: Action| entries.iter().filter(|entry| entry.draft.action == action).count();
        taken_back += happened(Action::AbandonEpoch);
        assert_eq!(
            happened(Action::PrepareEpoch),
            happened(Action::SwitchEpoch) + happened(Action::AbandonEpoch)
        );
    }
    assert!(taken_back > 0, "some of these losses came between the two");
}

#[test]
fn a_cell_in_the_data_folder_is_refused_and_a_lost_one_tells_what_to_do() {
    let (disk, _) = created();
    let mut bench = Bench::by_hand(disk);
    let error =
        |bench: &Bench| Store::open(&bench.options, &key_file()).err().expect("a refusal").to_string();
    bench.options.cell = "/data/../data/cell".into();
    assert!(error(&bench).contains("choose a place outside"), "{}", error(&bench));
    // One that is not made yet is not begun either.
    bench.options.dir = "/new".into();
    bench.options.cell = "/new/cell".into();
    let refused = Store::create(&bench.options, key_file()).unwrap_err().to_string();
    assert!(
        refused.contains("choose a place outside") && bench.disk.files(Path::new("/new")).is_empty(),
        "{refused}"
    );
    bench.options.dir = "/data".into();
    bench.options.cell = "/elsewhere.cell".into();
    assert!(error(&bench).contains("put the file back where it was"), "{}", error(&bench));
}

#[test]
fn a_destroy_comes_to_its_end_on_a_full_disk() {
    let (disk, gone) = created();
    let mut bench = Bench::by_hand(disk);
    bench.options.journal.reserve_bytes = 1 << 20;
    let store = bench.open_signing();
    bench.disk.set_capacity(Some(bench.disk.used()));
    let filler = || vec![Change::Put(records::realm(9, &"x".repeat(4096)))];
    while crate::commit(&store, store.published(), &[], filler()).is_ok() {}
    assert!(store.is_full());

    let entry = records::draft(destruction(&gone));
    let commit = Commit {
        as_of: store.published(),
        reads: Vec::new(),
        valid_until: None,
        drawn: DrawnIds::default(),
        entry,
    };
    commit_whole(&store, commit).unwrap();
    store.keep().unwrap();
    assert!(store.get(&RecordKey::Certificate(ERASURE)).unwrap().is_some());
    assert!(store.is_full() && crate::commit(&store, store.published(), &[], filler()).is_err());
    store.close().unwrap();
    drop(store);
    bench.disk.set_capacity(None);
    check(&bench, &gone, "on a full disk");
}
