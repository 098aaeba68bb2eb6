//! The root key: several locks, recovery shares, changing what unlocks it, and replacing it; with power losses at every
//! change of the disk.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use keyreeve_core::{
    ErrorKind, Result, SecretBytes,
    access::Caller,
    engine::Engine,
    model::{KeyFormat, KeyMaterial, KeyPolicy, Lsn, ObjectId, ObjectType, RealmId, RequestId},
    operations::{
        Template,
        get::{Get, Protection},
        register::Register,
        reseal::{is_pending, reseal_all},
        server::{Initialize, PutServerData, server_data},
    },
    ports::{
        seal::{SealBinding, SealedMaterial},
        store::{Committed, IndexRange, Store as _},
    },
    record::{Change, IndexKind, Record, RecordKey},
    request::Reference,
};
use keyreeve_store::{RootStatus, Store, StoreError, Unlock, UnlockError, UnlockKind, new_shares};
use keyreeve_testkit::disk::FaultyDisk;
use uuid::Uuid;

use crate::{Bench, commit, crypto, key_file};

const SECRETS: [&str; 4] = ["one", "two", "three", "four"];

fn shares(count: u8, threshold: u8) -> Vec<SecretBytes> {
    new_shares(&*crypto(), count, threshold).unwrap()
}

/// An unlock by the shares of these numbers, from 1.
fn by_shares(shares: &[SecretBytes], numbers: &[usize]) -> Unlock {
    Unlock::Shares(numbers.iter().map(|number| copy(&shares[number - 1])).collect())
}

fn all(shares: &[SecretBytes]) -> Unlock {
    Unlock::Shares(shares.iter().map(copy).collect())
}

fn copy(secret: &SecretBytes) -> SecretBytes {
    SecretBytes::copy_from(secret.expose())
}

fn other_key_file() -> Unlock {
    Unlock::KeyFile(SecretBytes::new("6b".repeat(32).into_bytes()))
}

fn opens(bench: &Bench, unlock: &Unlock) -> Result<(), UnlockError> {
    match Store::open(&bench.options, unlock) {
        Ok(_) => Ok(()),
        Err(StoreError::Unlock(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn refusal(bench: &Bench, unlock: &Unlock) -> String {
    opens(bench, unlock).unwrap_err().to_string()
}

/// Surroundings of a store whose own threads do not run.
fn on(disk: FaultyDisk) -> Bench {
    let mut bench = Bench::on(disk);
    bench.options.background = false;
    bench
}

fn created() -> Bench {
    let bench = on(FaultyDisk::new());
    Store::create(&bench.options, key_file()).unwrap();
    bench
}

fn caller() -> Result<Caller> {
    Ok(Caller::system(RequestId(Uuid::nil())))
}

fn engine(store: &Arc<Store>, bench: &Bench) -> Engine {
    Engine::new(store.clone(), store.sealer(), bench.options.crypto.clone(), bench.options.clock.clone())
}

/// A store with secrets and server data.
fn filled(bench: &Bench) -> (Arc<Store>, Engine) {
    let store = Arc::new(bench.open());
    let engine = engine(&store, bench);
    engine.execute(&caller().unwrap(), &Initialize).unwrap();
    SECRETS.iter().for_each(|name| register(&engine, name));
    let secret = Some(SecretBytes::copy_from(b"the CA's key"));
    let put = PutServerData { name: "ca".into(), data: b"certificate".to_vec(), secret };
    engine.execute(&caller().unwrap(), &put).unwrap();
    (store, engine)
}

fn register(engine: &Engine, name: &str) {
    let register = Register {
        name: Some(name.to_owned()),
        object_type: ObjectType::SecretData,
        spec: None,
        material: KeyMaterial { format: KeyFormat::Opaque, bytes: material(name) },
        template: Template::default(),
        digested: None,
        policy: KeyPolicy { exportable: true, ..KeyPolicy::default() },
        tags: BTreeMap::new(),
    };
    engine.execute(&caller().unwrap(), &register).unwrap();
}

fn material(name: &str) -> SecretBytes {
    SecretBytes::new(format!("the secret {name}").into_bytes())
}

fn assert_all_opens(engine: &Engine, case: &str) {
    for name in SECRETS {
        let key = Reference::text(name);
        let get = Get { key, version: None, public: false, format: None, protection: Protection::Plain };
        let gotten = engine.execute(&caller().unwrap(), &get).expect(case);
        assert_eq!(gotten.material.bytes.expose(), material(name).expose(), "{case}");
    }
    let (_, secret) = server_data(engine, "ca").expect(case);
    assert_eq!(secret.unwrap().expose(), b"the CA's key", "{case}");
}

/// Seals everything anew; how many objects that were.
fn reseal(engine: &Engine, version: u32) -> Result<u64> {
    let count = AtomicU64::new(0);
    reseal_all(engine, &caller, version, &["ca"], &count).map(|()| count.into_inner())
}

/// Root key versions and leaves of all that is sealed.
fn sealed(store: &Store) -> BTreeMap<u64, u32> {
    let range = IndexRange {
        realm: RealmId::DEFAULT,
        kind: IndexKind::Leaf,
        from: std::ops::Bound::Unbounded,
        to: std::ops::Bound::Unbounded,
    };
    let ca = store.get(&RecordKey::Server("ca".into())).unwrap();
    let Some(Record::Server(ca)) = ca.as_deref() else { panic!() };
    let ca = ca.sealed.clone().unwrap();
    let hits = store.find(&range, None, 100).unwrap();
    let sealed = hits.iter().map(|hit| {
        let id = ObjectId(hit.id);
        match store.get(&RecordKey::Material(id)).unwrap().as_deref() {
            Some(Record::Material(sealed)) => (sealed.leaf_index, sealed.root_version),
            _ => (ca.leaf_index, ca.root_version),
        }
    });
    sealed.collect()
}

/// The secrets' sealed material, as somebody may have copied it.
fn materials(store: &Store) -> Vec<SealedMaterial> {
    let journal = store.journal(Lsn(0), 1000).unwrap();
    let changes = journal.iter().flat_map(|entry| &entry.draft.changes);
    let material = |change: &Change| match change {
        Change::Put(Record::Material(sealed)) => Some(SealedMaterial::clone(sealed)),
        _ => None,
    };
    changes.filter_map(material).collect()
}

/// Opens a copy with all that the store holds.
fn open_copy(store: &Store, sealed: &SealedMaterial) -> Result<(), ErrorKind> {
    let binding = SealBinding {
        realm: RealmId::DEFAULT,
        object: sealed.object,
        version: 1,
        object_type: ObjectType::SecretData,
        algorithm: None,
        length_bits: 0,
        format: KeyFormat::Opaque,
        sensitive: sealed.sensitive,
        extractable: sealed.extractable,
    };
    store.sealer().open(&binding, sealed).map(drop).map_err(|error| error.kind())
}

/// The leaves that were put on record for erasure, ever.
fn erased(store: &Store) -> Vec<u64> {
    let journal = store.journal(Lsn(0), 1000).unwrap();
    let changes = journal.iter().flat_map(|entry| &entry.draft.changes);
    let erasures = changes.filter_map(|change| match change {
        Change::Put(Record::Erasure(erasure)) if erasure.switched.is_none() => Some(erasure),
        _ => None,
    });
    let mut leaves: Vec<u64> =
        erasures.flat_map(|erasure| erasure.objects.iter().map(|object| object.leaf_index)).collect();
    leaves.sort_unstable();
    leaves.dedup();
    leaves
}

#[test]
fn any_threshold_of_shares_opens_a_store_and_fewer_do_not() {
    let bench = on(FaultyDisk::new());
    let made = shares(5, 3);
    Store::create(&bench.options, all(&made)).unwrap();
    for numbers in [[1, 2, 3], [1, 3, 5], [5, 4, 2]] {
        opens(&bench, &by_shares(&made, &numbers)).unwrap();
    }
    opens(&bench, &all(&made)).unwrap();
    let text = refusal(&bench, &by_shares(&made, &[2, 4]));
    assert_eq!(text, "3 different shares are needed, and 2 given");
    assert_eq!(refusal(&bench, &by_shares(&made, &[2, 4, 4])), text, "the same share twice is one share");
    assert!(refusal(&bench, &key_file()).contains("unlocked by a set of recovery shares (3 of 5, set "));
}

#[test]
fn a_wrong_share_is_named() {
    let bench = on(FaultyDisk::new());
    let (made, others) = (shares(3, 2), shares(3, 2));
    Store::create(&bench.options, all(&made)).unwrap();

    let mixed = Unlock::Shares(vec![copy(&made[0]), copy(&others[1])]);
    assert!(
        refusal(&bench, &mixed).starts_with("share 2 belongs to another set, "),
        "{}",
        refusal(&bench, &mixed)
    );

    let mut mistyped = made[2].expose().to_vec();
    let at = mistyped.len() - 20;
    mistyped[at] ^= 1;
    let mistyped = Unlock::Shares(vec![copy(&made[0]), SecretBytes::new(mistyped)]);
    assert_eq!(refusal(&bench, &mistyped), "share number 2 of those given: it has a typing error");

    let nonsense = Unlock::Shares(vec![SecretBytes::copy_from(b"hunter2"), copy(&made[0])]);
    let text = refusal(&bench, &nonsense);
    assert!(text.starts_with("share number 1 of those given: it is no recovery share"), "{text}");
    assert!(!text.contains("hunter2"));
}

/// A share that was made for the same set and number, but is another: somebody forged it with a right checksum.
#[test]
fn a_forged_share_is_named() {
    let bench = on(FaultyDisk::new());
    let (made, others) = (shares(3, 2), shares(3, 2));
    Store::create(&bench.options, all(&made)).unwrap();
    let fields = |line: &SecretBytes| -> Vec<String> {
        String::from_utf8(line.expose().to_vec()).unwrap().split('.').map(str::to_owned).collect()
    };
    let (mut forged, other) = (fields(&made[1]), fields(&others[1]));
    forged[4] = other[4].clone();
    let bytes = |text: &str| hex(&text.replace('-', ""));
    let parts: [&[u8]; 4] = [b"keyreeve/share-text/v1", &bytes(&forged[1]), &[2, 2], &bytes(&forged[4])];
    forged[5] = crypto().sha256(&parts)[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let forged = SecretBytes::new(forged.join(".").into_bytes());
    let text = refusal(&bench, &Unlock::Shares(vec![copy(&made[0]), forged]));
    assert_eq!(text, "share 2 is not the one that was handed out under this number");
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn a_set_with_a_share_missing_or_strange_locks_nothing() {
    let (made, others) = (shares(4, 2), shares(4, 2));
    let refused = |lines: Vec<&SecretBytes>| {
        let bench = on(FaultyDisk::new());
        let unlock = Unlock::Shares(lines.into_iter().map(copy).collect());
        let refused = Store::create(&bench.options, unlock).unwrap_err();
        assert!(matches!(refused, StoreError::Unlock(UnlockError::Shares(_))), "{refused}");
        assert!(matches!(Store::open(&bench.options, &key_file()), Err(StoreError::Missing(_))));
    };
    refused(vec![]);
    refused(vec![&made[0]]);
    refused(vec![&made[1], &made[2], &made[3]]);
    refused(vec![&made[0], &made[2], &made[1], &made[3]]);
    refused(vec![&made[0], &made[0], &made[1]]);
    refused(vec![&made[0], &made[1], &others[2], &others[3]]);
}

#[test]
fn a_key_file_and_shares_open_the_same_root_key_side_by_side() {
    let bench = on(FaultyDisk::new());
    let made = shares(3, 2);
    Store::create(&bench.options, [key_file(), all(&made)]).unwrap();
    drop(filled(&bench));
    for unlock in [key_file(), by_shares(&made, &[3, 1])] {
        let store = Arc::new(Store::open(&bench.options, &unlock).unwrap());
        assert_all_opens(&engine(&store, &bench), "either");
    }
    let status = Store::root_status_offline(&bench.options).unwrap();
    let [UnlockKind::KeyFile, UnlockKind::Shares { threshold: 2, count: 3, .. }] = &*status.unlocked_by
    else {
        panic!("{status:?}");
    };
    assert!(refusal(&bench, &other_key_file()).contains("wrong key file"));
    let nothing: [Unlock; 0] = [];
    assert!(Store::create(&on(FaultyDisk::new()).options, nothing).is_err());
}

#[test]
fn a_changed_unlock_opens_and_the_former_does_not() {
    let bench = created();
    let (store, _) = filled(&bench);
    let former = bench.disk.kill();
    let made = shares(3, 2);
    let wrong = store.change_unlock(&other_key_file(), &[all(&made)]).unwrap_err();
    assert!(matches!(wrong, StoreError::Unlock(UnlockError::Wrong("key file"))));
    store.change_unlock(&key_file(), &[all(&made)]).unwrap();
    assert_eq!(store.root_status().version, 1);
    drop(store);
    assert!(matches!(opens(&bench, &key_file()), Err(UnlockError::Kind { .. })));
    let store = Arc::new(Store::open(&bench.options, &by_shares(&made, &[1, 2])).unwrap());
    assert_all_opens(&engine(&store, &bench), "by shares");
    drop(store);

    let next = shares(3, 2);
    Store::change_unlock_offline(&bench.options, &by_shares(&made, &[2, 3]), &[all(&next)]).unwrap();
    assert!(refusal(&bench, &all(&made)).contains("belongs to another set"));
    opens(&bench, &all(&next)).unwrap();
    // Changing the unlock is no protection from who has a copy from before.
    opens(&on(former), &key_file()).unwrap();
}

#[test]
fn wherever_the_power_fails_the_old_unlock_opens_or_the_new_one() {
    let changed =
        |bench: &Bench| Store::change_unlock_offline(&bench.options, &key_file(), &[other_key_file()]);
    let whole = created();
    let before = whole.disk.changes();
    changed(&whole).unwrap();
    let (mut olds, mut news) = (0, 0);
    for change in 1..=whole.disk.changes() - before {
        for seed in 0..4 {
            let bench = created();
            bench.disk.fail_power_at(change);
            let done = changed(&bench).is_ok();
            let found = on(bench.disk.crash(seed * 100 + change));
            let (old, new) = (opens(&found, &key_file()).is_ok(), opens(&found, &other_key_file()).is_ok());
            assert!(old != new, "change {change}, seed {seed}: old {old}, new {new}");
            assert!(new || !done, "change {change}, seed {seed}: what was answered is lost");
            olds += u32::from(old);
            news += u32::from(new);
        }
    }
    assert!(olds > 0 && news > 0, "{olds} {news}");
}

#[test]
fn a_replaced_root_key_leaves_nothing_under_the_former() {
    let bench = created();
    let (store, engine_before) = filled(&bench);
    let former = sealed(&store);
    assert!(former.values().all(|version| *version == 1) && former.len() == SECRETS.len() + 1);
    assert!(!is_pending(&*store, 1).unwrap());
    let copies = materials(&store);

    assert_eq!(store.replace_root(&key_file(), &[other_key_file()]).unwrap(), 2);
    assert_eq!(
        store.root_status(),
        RootStatus { version: 2, unlocked_by: vec![UnlockKind::KeyFile], retired: vec![1] }
    );
    assert!(is_pending(&*store, 2).unwrap());
    assert_all_opens(&engine_before, "before anything is sealed anew");
    assert_eq!(reseal(&engine_before, 2).unwrap(), SECRETS.len() as u64);

    let now = sealed(&store);
    assert!(now.values().all(|version| *version == 2), "{now:?}");
    assert!(now.keys().all(|leaf| !former.contains_key(leaf)), "a leaf was used twice");
    assert_eq!(erased(&store), former.keys().copied().collect::<Vec<_>>());
    assert!(!is_pending(&*store, 2).unwrap());
    assert_eq!(reseal(&engine_before, 2).unwrap(), 0, "once is enough");
    assert_all_opens(&engine_before, "sealed anew");
    assert!(
        copies.iter().all(|copy| open_copy(&store, copy).is_ok()),
        "the former leaves are not erased yet"
    );
    store.keep().unwrap();
    for copy in &copies {
        assert_eq!(open_copy(&store, copy), Err(ErrorKind::Destroyed), "root key 1 opens a copy from before");
    }
    assert_all_opens(&engine_before, "the former leaves erased");
    drop((engine_before, store));

    assert!(matches!(opens(&bench, &key_file()), Err(UnlockError::Wrong(_))));
    let store = Arc::new(Store::open(&bench.without_index().options, &other_key_file()).unwrap());
    let engine = engine(&store, &bench);
    assert_all_opens(&engine, "opened again");
    assert_eq!(store.replace_root(&other_key_file(), &[key_file()]).unwrap(), 3);
    assert_eq!(store.root_status().retired, [1, 2]);
    reseal(&engine, 3).unwrap();
    assert_all_opens(&engine, "replaced twice");
}

#[test]
fn sealed_data_that_nobody_knows_of_keeps_the_replacement_open() {
    let bench = created();
    let (store, engine) = filled(&bench);
    store.replace_root(&key_file(), &[key_file()]).unwrap();
    let error = reseal_all(&engine, &caller, 2, &[], &AtomicU64::new(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(is_pending(&*store, 2).unwrap());
    reseal(&engine, 2).unwrap();
    assert_all_opens(&engine, "then known");
}

#[test]
fn what_was_sealed_before_the_root_key_was_replaced_is_not_committed_after() {
    let bench = created();
    let (store, _) = filled(&bench);
    let late = Change::Put(Record::Material(Arc::new(materials(&store).remove(0))));
    store.replace_root(&key_file(), &[key_file()]).unwrap();
    let answer = commit(&store, store.published(), &[], vec![late]).unwrap();
    assert!(matches!(answer, Committed::Stale));
}

#[test]
fn wherever_the_power_fails_a_replaced_root_key_loses_nothing() {
    let replace = |store: &Store, engine: &Engine| -> bool {
        let replaced = store.replace_root(&key_file(), &[other_key_file()]);
        replaced.is_ok() && reseal(engine, 2).is_ok()
    };
    let whole = created();
    let (store, whole_engine) = filled(&whole);
    let before = whole.disk.changes();
    assert!(replace(&store, &whole_engine));
    let changes = whole.disk.changes() - before;
    drop((whole_engine, store));
    let mut resumed = 0;
    for change in 1..=changes {
        let bench = created();
        let (store, filled_engine) = filled(&bench);
        bench.disk.fail_power_at(change);
        let done = replace(&store, &filled_engine);
        let found = on(bench.disk.crash(change));
        drop((filled_engine, store));
        let case = format!("power fails at change {change}");
        let (store, version) = match Store::open(&found.options, &other_key_file()) {
            Ok(store) => (store, 2),
            Err(StoreError::Unlock(_)) if !done => (found.open(), 1),
            Err(error) => panic!("{case}: {error}"),
        };
        let store = Arc::new(store);
        let engine = engine(&store, &found);
        assert_eq!(store.root_status().version, version, "{case}");
        assert_all_opens(&engine, &case);
        let (pending, former) = (is_pending(&*store, version).expect(&case), sealed(&store));
        resumed += u32::from(pending && former.values().any(|version| *version == 2));
        reseal(&engine, version).expect(&case);
        assert!(sealed(&store).values().all(|sealed| *sealed == version), "{case}");
        assert_all_opens(&engine, &case);
        if version == 2 {
            let live = sealed(&store);
            let erased = erased(&store);
            assert_eq!(erased.len(), SECRETS.len() + 1, "{case}: {erased:?}");
            assert!(erased.iter().all(|leaf| !live.contains_key(leaf)), "{case}");
        }
    }
    assert!(resumed > 0, "no crash left some of it done");
}
