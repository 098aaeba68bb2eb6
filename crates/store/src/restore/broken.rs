//! Rules of restoring and pruning, each broken on purpose: the check that holds with the rule finds the harm without it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use keyreeve_core::{
    Error, SecretBytes,
    access::{Action, Caller},
    engine::Engine,
    model::{
        Algorithm, Attestation, AttributeKind, AttributeName, ErasureId, KeyPolicy, KeySpec, ObjectId,
        ObjectType, RequestId, Revocation, RevocationReason, State, Time, Value,
    },
    operations::{
        Activation, Template,
        create::Create,
        decrypt::Decrypt,
        destroy::Destroy,
        encrypt::{Encrypt, Form},
        revoke::Revoke,
        server::Initialize,
        show::Show,
    },
    ports::{
        cell::Cell as _,
        clock::Clock,
        crypto::{Crypto, Generated, ParsedKey},
        seal::SealedMaterial,
        store::Store as _,
    },
    record::{Change, Record, RecordKey, ServerData},
    request::Reference,
};
use keyreeve_crypto::SoftwareCrypto;
use uuid::Uuid;

use super::{Plan, PointInTime, restore};
use crate::{
    EngineChoice, Store, StoreError, StoreOptions, Unlock,
    backup::{BackupKind, BackupOptions, Retention, targets::Target},
    engines::memory::MemoryEngine,
    faults::{Fault, Harm, assert_noticed, while_broken},
    scribe::Note,
    sealing::{cells::FileCell, tree::verify},
};

struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time(self.0.fetch_add(1_000, Ordering::Relaxed))
    }

    fn wait(&self, _: std::time::Duration) {}
}

/// Machines and targets, each in a folder of its own.
struct Site {
    dir: tempfile::TempDir,
    crypto: Arc<dyn Crypto>,
    signer: Arc<dyn ParsedKey>,
    clock: Arc<HandClock>,
}

/// A machine that runs.
struct House {
    options: StoreOptions,
    store: Arc<Store>,
    engine: Engine,
}

fn unlock() -> Unlock {
    Unlock::KeyFile(SecretBytes::new("07".repeat(32).into_bytes()))
}

fn system() -> Caller {
    Caller::system(RequestId(Uuid::nil()))
}

impl Site {
    fn new() -> Self {
        let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let Ok(Generated::Pair { private, .. }) = crypto.generate(&spec) else { panic!("a pair") };
        let signer = crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(1_000_000)));
        Self { dir: tempfile::tempdir().unwrap(), crypto, signer, clock }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn options(&self, machine: &str) -> StoreOptions {
        fs::create_dir_all(self.path(machine)).unwrap();
        let dir = self.path(machine).join("data");
        let mut options = StoreOptions::new(dir, self.crypto.clone(), self.clock.clone());
        options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
        options.background = false;
        options
    }

    fn open(&self, options: StoreOptions) -> Result<House, StoreError> {
        let store = Arc::new(Store::open(&options, &unlock())?);
        store.start_signing(self.signer.clone());
        let (crypto, clock) = (self.crypto.clone(), self.clock.clone());
        let engine = Engine::new(store.clone(), store.sealer(), crypto, clock);
        Ok(House { options, store, engine })
    }

    /// A new store with these targets.
    fn house(&self, targets: &[&str]) -> House {
        let options = self.options("first");
        Store::create(&options, [unlock()]).unwrap();
        let house = self.open(options).unwrap();
        house.engine.execute(&system(), &Initialize).unwrap();
        for target in targets {
            house.store.register_target(self.path(target).to_str().unwrap(), true, false).unwrap();
        }
        house
    }

    fn target(&self, house: &House, name: &str) -> Arc<dyn Target> {
        house.store.open_target(self.path(name).to_str().unwrap()).unwrap()
    }

    /// Another machine, with what a target brings back.
    fn restored(&self, from: &str, to: PointInTime) -> Result<House, StoreError> {
        self.restored_to("second", from, to)
    }

    fn restored_to(&self, machine: &str, from: &str, to: PointInTime) -> Result<House, StoreError> {
        let options = self.options(machine);
        let from = options.opener().open(self.path(from).to_str().unwrap()).unwrap();
        restore(&options, &unlock(), &Plan { from: &*from, to, keep_new: false, cell: None })?;
        self.open(options)
    }
}

impl House {
    fn create(&self, name: &str, template: Template) -> ObjectId {
        let operation = Create {
            name: Some(name.into()),
            spec: KeySpec::from_name("aes-256").unwrap(),
            template: Template { activation: Activation::Now, ..template },
            public: Template::default(),
            policy: KeyPolicy::default(),
            tags: BTreeMap::new(),
            usage_must_fit: true,
        };
        self.engine.execute(&system(), &operation).unwrap().primary
    }

    fn encrypt(&self, name: &str) -> Result<Vec<u8>, Error> {
        let (form, plaintext) = (Form::Envelope { context: Vec::new() }, SecretBytes::copy_from(b"secret"));
        let operation = Encrypt { key: Reference::text(name), version: None, form, plaintext };
        self.engine.execute(&system(), &operation).map(|encrypted| encrypted.ciphertext.data)
    }

    fn decrypts(&self, name: &str, ciphertext: &[u8]) -> bool {
        let operation = Decrypt {
            key: Reference::text(name),
            version: None,
            form: Form::Envelope { context: Vec::new() },
            ciphertext: ciphertext.to_vec(),
            tag: None,
        };
        self.engine.execute(&system(), &operation).is_ok()
    }

    fn destroy(&self, name: &str) -> ErasureId {
        let operation = Destroy { key: Reference::text(name), deactivate: true, at_once: true };
        self.engine.execute(&system(), &operation).unwrap().erasure.unwrap()
    }

    fn keep(&self) {
        for _ in 0..4 {
            self.store.keep().unwrap();
        }
    }

    fn material(&self, id: ObjectId) -> Arc<SealedMaterial> {
        match self.store.get(&RecordKey::Material(id)).unwrap().as_deref() {
            Some(Record::Material(material)) => material.clone(),
            _ => panic!("sealed material"),
        }
    }

    /// Whether a leaf derives from the nodes in force and what the machine's cell holds.
    fn derives(&self, sealed: &SealedMaterial) -> bool {
        let StoreOptions { disk, crypto, cell, .. } = &self.options;
        let held = FileCell::new(disk.clone(), crypto.clone(), cell.clone()).read().unwrap();
        let (index, leaf) = (&*self.store.eraser.scribe.index, (sealed.leaf_index, sealed.leaf_check));
        held.iter().any(|entry| verify(&**crypto, entry.store, index, &entry.key, [leaf], &[]).is_ok())
    }
}

fn lost(comes_back: bool) -> Option<Harm> {
    (!comes_back).then_some(Harm::Lost)
}

#[test]
fn a_later_switch_that_stays_in_force_certifies_what_still_derives() {
    assert_noticed(Fault::KeepLaterSwitch, Harm::Back, || {
        let site = Site::new();
        let house = site.house(&["near", "far"]);
        let gone = house.create("gone", Template::default());
        let gone = house.material(gone);
        house.keep();
        // The far target gets the entries of the switch, and its cell stays behind.
        fs::rename(site.path("far"), site.path("away")).unwrap();
        let id = house.destroy("gone");
        house.keep();
        assert!(house.store.generation().unwrap() > 1, "the near target is enough");
        fs::rename(site.path("away"), site.path("far")).unwrap();
        let far = site.target(&house, "far");
        house.store.backup(&far, BackupKind::Incremental, BackupOptions::default()).unwrap();
        drop(house);
        let house = site.restored("far", PointInTime::Latest).unwrap();
        let word = Attestation {
            by: "admin".into(),
            statement: "shredded".into(),
            at: Time(1),
            generation: house.store.generation().unwrap(),
        };
        house.store.retire_cell("machine-1", Some(word)).unwrap();
        house.keep();
        let is_certified = house.store.get(&RecordKey::Certificate(id)).unwrap().is_some();
        assert!(is_certified, "nothing is left to wait for");
        house.derives(&gone).then_some(Harm::Back)
    });
}

#[test]
fn leaves_that_are_given_out_again_lose_what_has_them() {
    assert_noticed(Fault::ReuseLeaves, Harm::Lost, || {
        let site = Site::new();
        let house = site.house(&["near"]);
        house.create("kept", Template::default());
        let ciphertext = house.encrypt("kept").unwrap();
        house.keep();
        drop(house);
        let Ok(house) = site.restored("near", PointInTime::Latest) else { return Some(Harm::Lost) };
        for number in 0..300 {
            house.create(&format!("new {number}"), Template::default());
        }
        lost(house.decrypts("kept", &ciphertext))
    });
}

/// Variant restore_lagging: a cell that is behind is refused, and a better one named. Two checks see to that.
#[test]
fn a_cell_that_is_behind_is_refused_also_where_it_is_trusted_at_first() {
    let site = Site::new();
    let house = site.house(&["near"]);
    house.create("before", Template::default());
    house.keep();
    let behind = fs::read(site.path("near.cell")).unwrap();
    drop(house);
    // Its first start makes anew what no node was made under.
    let house = site.restored("near", PointInTime::Latest).unwrap();
    house.create("kept", Template::default());
    let ciphertext = house.encrypt("kept").unwrap();
    house.keep();
    let better = house.options.cell.to_str().unwrap().to_owned();
    drop(house);
    fs::write(site.path("near.cell"), behind).unwrap();
    let third = |cell: Option<&String>| {
        let options = site.options("third");
        let from = options.opener().open(site.path("near").to_str().unwrap()).unwrap();
        let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: cell.cloned() };
        restore(&options, &unlock(), &plan)?;
        site.open(options)
    };
    let refused = third(None).err().expect("refused").to_string();
    assert!(refused.contains("the cell lags behind"), "{refused}");
    let refused = while_broken(Fault::TrustCell, || third(None)).err().expect("still refused").to_string();
    assert!(refused.contains("no top node under the epoch key of generation 1"), "{refused}");
    assert!(third(Some(&better)).unwrap().decrypts("kept", &ciphertext));
}

/// Variant shipped_is_safe: what lies at a target that was away is safe once its own cell opens it, and told until then.
#[test]
fn what_is_shipped_is_safe_only_once_the_cell_beside_it_opens_it() {
    let site = Site::new();
    let house = site.house(&["near", "far"]);
    house.create("before", Template::default());
    house.keep();
    drop(house);
    fs::rename(site.path("far"), site.path("away")).unwrap();
    // Nobody makes a folder there.
    fs::write(site.path("far"), b"").unwrap();
    let house = site.restored("near", PointInTime::Latest).unwrap();
    house.create("shipped", Template::default());
    let ciphertext = house.encrypt("shipped").unwrap();
    fs::remove_file(site.path("far")).unwrap();
    fs::rename(site.path("away"), site.path("far")).unwrap();
    let far = site.target(&house, "far");
    house.store.backup(&far, BackupKind::Incremental, BackupOptions::default()).unwrap();
    let is_behind = || {
        let places = house.store.places().unwrap();
        let place = places.iter().find(|place| place.name == far.address()).unwrap();
        place.confirmed < house.store.generation().unwrap()
    };
    assert!(is_behind(), "what doctor tells");
    let third = |machine, cell: Option<&str>| {
        let options = site.options(machine);
        let from = options.opener().open(far.address()).unwrap();
        let cell = cell.map(|cell| site.path(cell).to_str().unwrap().to_owned());
        restore(&options, &unlock(), &Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell })?;
        Ok::<_, StoreError>(options)
    };
    let refused = third("third", None).err().expect("refused").to_string();
    assert!(refused.contains("the cell lags behind"), "{refused}");
    third("fourth", Some("near.cell")).expect("the other cell opens it");
    house.keep();
    assert!(!is_behind());
    drop(house);
    let options = third("fifth", None).expect("its own cell opens it");
    assert!(site.open(options).unwrap().decrypts("shipped", &ciphertext));
}

#[test]
fn a_roll_back_of_the_disk_that_no_anchor_is_asked_about_undoes_what_was_said() {
    assert_noticed(Fault::SkipAnchor, Harm::Undone, || {
        let site = Site::new();
        let house = site.house(&["near"]);
        let data =
            ServerData { name: "signer".into(), data: site.signer.public_key().unwrap(), sealed: None };
        let changes = vec![Change::Put(Record::Server(Arc::new(data)))];
        let note = Note { detail: "whose anchors count".into(), changes, ..Note::default() };
        house.store.eraser.scribe.write(Action::Inspect, note).unwrap();
        house.create("revoked", Template::default());
        house.keep();
        let House { options, store, engine } = house;
        drop((store, engine));
        copy_folder(&options.dir, &site.path("copy"));
        let again = || StoreOptions { engine: site.options("none").engine, ..options.clone() };
        let house = site.open(again()).unwrap();
        let revocation = Revocation { reason: RevocationReason::KeyCompromise, message: None };
        let key = Reference::text("revoked");
        house.engine.execute(&system(), &Revoke { key, revocation, compromise_occurrence: None }).unwrap();
        house.keep();
        drop(house);
        fs::remove_dir_all(&options.dir).unwrap();
        fs::rename(site.path("copy"), &options.dir).unwrap();
        let house = site.open(again()).ok()?;
        house.encrypt("revoked").is_ok().then_some(Harm::Undone)
    });
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn a_revocation_that_is_taken_back_is_noticed() {
    assert_noticed(Fault::DropRevocations, Harm::Undone, || {
        let site = Site::new();
        let house = site.house(&["near"]);
        house.create("revoked", Template::default());
        let then = house.store.published();
        let revocation = Revocation { reason: RevocationReason::KeyCompromise, message: None };
        let key = Reference::text("revoked");
        house.engine.execute(&system(), &Revoke { key, revocation, compromise_occurrence: None }).unwrap();
        house.keep();
        drop(house);
        let house = site.restored("near", PointInTime::Lsn(then)).unwrap();
        let shown = house.engine.execute(&system(), &Show { key: Reference::text("revoked") }).unwrap();
        let stays = shown.objects[0].1 == State::Compromised && house.encrypt("revoked").is_err();
        (!stays).then_some(Harm::Undone)
    });
}

#[test]
fn limits_that_go_back_are_noticed() {
    assert_noticed(Fault::CountersFromPast, Harm::Undone, || {
        let site = Site::new();
        let house = site.house(&["near"]);
        let parts = [
            ("UsageLimitsTotal", Value::LongInteger(10)),
            ("UsageLimitsCount", Value::LongInteger(10)),
            ("UsageLimitsUnit", Value::Enumeration(2)),
        ];
        let limits = Value::Structure(parts.map(|(name, value)| (name.to_owned(), value)).to_vec());
        let further = BTreeMap::from([(AttributeName::Standard(AttributeKind::UsageLimits), vec![limits])]);
        house.create("limited", Template { further, ..Template::default() });
        let uses = |house: &House, max: usize| (0..max).filter(|_| house.encrypt("limited").is_ok()).count();
        assert_eq!(uses(&house, 1), 1);
        let then = house.store.published();
        assert_eq!(uses(&house, 6), 6);
        house.keep();
        drop(house);
        let house = site.restored("near", PointInTime::Lsn(then)).unwrap();
        (uses(&house, 10) > 3).then_some(Harm::Undone)
    });
}

#[test]
fn pruning_what_is_needed_is_noticed() {
    assert_noticed(Fault::PruneByAge, Harm::Lost, || {
        let site = Site::new();
        let house = site.house(&["near"]);
        let near = site.target(&house, "near");
        house.store.backup(&near, BackupKind::Full, BackupOptions::default()).unwrap();
        house.create("kept", Template::default());
        let ciphertext = house.encrypt("kept").unwrap();
        house.keep();
        house
            .store
            .prune_backups(&near, Retention { full_count_min: 1, days_min: 0, entries_days_min: 0 }, false)
            .unwrap();
        drop((house, near));
        let restored = site.restored("near", PointInTime::Latest);
        lost(restored.is_ok_and(|house| house.decrypts("kept", &ciphertext)))
    });
}

#[test]
fn a_machine_that_does_not_ask_whose_a_target_is_takes_the_key_from_the_next_one() {
    assert_noticed(Fault::SkipClaim, Harm::Lost, || {
        let site = Site::new();
        let old = site.house(&["near"]);
        old.create("doomed", Template::default());
        old.keep();
        let house = site.restored("near", PointInTime::Latest).unwrap();
        house.create("kept", Template::default());
        let ciphertext = house.encrypt("kept").unwrap();
        house.keep();
        // It lives on, and knows of nothing.
        old.destroy("doomed");
        for _ in 0..4 {
            let _ = old.store.keep();
        }
        drop((old, house));
        let restored = site.restored_to("third", "near", PointInTime::Latest);
        lost(restored.is_ok_and(|house| house.decrypts("kept", &ciphertext)))
    });
}
