//! Seed-driven simulation of the whole below the front-ends: random operations of the engine over a disk that loses
//! power, against a plain model. A failure prints its seed; KEYREEVE_SEED=N replays it, KEYREEVE_LONG=1 runs many more.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keyreeve_core::{
    Error, ErrorKind, SecretBytes,
    access::Caller,
    engine::Engine,
    model::{KeyPolicy, KeySpec, Revocation, RevocationReason, Role, State, Time},
    operations::{
        Activation, Template,
        activate::Activate,
        apply_dates::ApplyDates,
        create::Create,
        decrypt::Decrypt,
        destroy::Destroy,
        encrypt::{Encrypt, Form},
        erase::{Erase, Erased, Scope},
        journal::VerifyJournal,
        rekey::Rekey,
        revoke::Revoke,
        show::Show,
    },
    request::Reference,
};
use keyreeve_store::{EngineChoice, Store, StoreOptions, engines::Engine as IndexEngine};
use keyreeve_testkit::{disk::FaultyDisk, file_index::FileIndex, lagging::LaggingEngine, random::Random};

use super::bench::{HandClock, House, each_seed, engine, known, principal, system, unlock};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const STEPS: u64 = 120;
/// Of so many seeds one has the index of the program, in files.
const FILES_EVERY: u64 = 15;
const OWNERS: [&str; 3] = ["ann", "ben", "cat"];
const REFUSED: &[ErrorKind] = &[ErrorKind::NotFound, ErrorKind::WrongState, ErrorKind::Destroyed];

/// One version as a reader of the standard would keep it on paper.
#[derive(Clone, Debug, PartialEq)]
struct Version {
    state: State,
    activation: Option<i64>,
    deactivation: Option<i64>,
}

impl Version {
    fn state_at(&self, now: i64) -> State {
        let reached = |date: Option<i64>| date.is_some_and(|date| date <= now);
        let mut state = self.state;
        if state == State::PreActive && reached(self.activation) {
            state = State::Active;
        }
        if state == State::Active && reached(self.deactivation) {
            state = State::Deactivated;
        }
        state
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Paper {
    versions: Vec<Version>,
    /// Its tag.
    owner: &'static str,
}

impl Paper {
    /// Destroys what is not destroyed yet; whether there was something.
    fn destroy(&mut self, now: i64) -> bool {
        let mut changed = false;
        for version in &mut self.versions {
            version.state = match version.state_at(now) {
                State::Destroyed | State::DestroyedCompromised => continue,
                State::Compromised => State::DestroyedCompromised,
                _ => State::Destroyed,
            };
            changed = true;
        }
        changed
    }
}

/// A secret that was encrypted, and under which version of which life of a name.
struct Sealed {
    name: &'static str,
    version: u32,
    envelope: Vec<u8>,
    plaintext: Vec<u8>,
    life: u32,
}

/// The index that the next crash finds.
#[derive(Clone)]
enum Index {
    /// In memory.
    Lagging(Arc<LaggingEngine>),
    /// In SQLite's files.
    Files(Arc<FileIndex>),
}

impl Index {
    /// An empty one.
    fn new(in_files: bool, seed: u64) -> Self {
        match in_files {
            true => Self::Files(Arc::new(FileIndex::new(seed))),
            false => Self::Lagging(Arc::default()),
        }
    }

    fn crash(&self, seed: u64) -> Self {
        match self {
            Self::Lagging(index) => Self::Lagging(Arc::new(index.crash(seed))),
            Self::Files(index) => Self::Files(Arc::new(index.crash(seed))),
        }
    }

    fn engine(&self) -> Arc<dyn IndexEngine> {
        match self {
            Self::Lagging(index) => index.clone(),
            Self::Files(index) => index.clone(),
        }
    }
}

struct Simulation {
    random: Random,
    disk: FaultyDisk,
    index: Index,
    options: StoreOptions,
    clock: Arc<HandClock>,
    store: Arc<Store>,
    engine: Arc<Engine>,
    caller: Caller,
    paper: BTreeMap<&'static str, Paper>,
    /// How often each name has been made anew.
    lives: BTreeMap<&'static str, u32>,
    sealed: Vec<Sealed>,
    crashes: u32,
    /// Syncs that were to fail, and times that the disk was to be full.
    faults: u64,
    /// Keys that were erased by tag or with their realm.
    erased: u64,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let House { disk, options, clock, store, engine } = House::new();
        let caller = principal(&engine, "admin", &[Role::Admin]);
        Self {
            random: Random::new(seed),
            caller,
            disk,
            // Empty: the first start after a crash makes it anew.
            index: Index::new(seed.is_multiple_of(FILES_EVERY), seed),
            options,
            clock,
            store,
            engine,
            paper: BTreeMap::new(),
            lives: BTreeMap::new(),
            sealed: Vec::new(),
            crashes: 0,
            faults: 0,
            erased: 0,
        }
    }

    fn now(&self) -> i64 {
        self.clock.0.load(Ordering::SeqCst)
    }

    fn step(&mut self) {
        let name = NAMES[self.random.below(NAMES.len() as u64) as usize];
        match self.random.below(15) {
            0 | 1 => self.create(name),
            2 => self.activate(name),
            3 => self.rekey(name),
            4 => self.revoke(name),
            5 => self.destroy(name),
            6 | 7 => self.encrypt(name),
            8 => self.decrypt_one(),
            9 => {
                let ms = self.random.below(5_000) as i64;
                self.clock.0.fetch_add(ms, Ordering::SeqCst);
            }
            10 => self.apply_dates(),
            11 => self.erase(),
            12 => {
                self.disk.fail_sync_at(1 + self.random.below(4));
                self.faults += 1;
            }
            13 => {
                self.disk.set_capacity(Some(self.disk.used() + self.random.below(4_096)));
                self.faults += 1;
            }
            _ => self.disk.fail_power_at(1 + self.random.below(8)),
        }
    }

    /// An operation ended: the paper changes as `after` says, or stays where the paper forbids it (`None`). A power
    /// failure leaves both open, and what the reopened store shows must be one of them.
    fn settle_change(&mut self, name: &'static str, result: Result<(), Error>, after: Option<Paper>) {
        let before = self.paper.get(name).cloned();
        match (result, after) {
            (Ok(()), Some(after)) => {
                self.paper.insert(name, after);
            }
            (Ok(()), None) => panic!("{name}: done, though {before:?} forbids it"),
            (Err(error), after) if error.kind() == ErrorKind::Unavailable => {
                self.reopen();
                let now = self.shown(name);
                if now != self.at_now(before.as_ref()) {
                    let after =
                        after.unwrap_or_else(|| panic!("{name}: a forbidden change was made: {now:?}"));
                    assert_eq!(now, self.at_now(Some(&after)), "{name}: neither before nor after");
                    self.paper.insert(name, after);
                }
            }
            (Err(error), None) => {
                let expected = REFUSED.contains(&error.kind()) || error.kind() == ErrorKind::AlreadyExists;
                assert!(expected, "{name}: refused by {error}");
            }
            (Err(error), Some(after)) => panic!("{name}: {error}, though {before:?} allows {after:?}"),
        }
    }

    fn create(&mut self, name: &'static str) {
        let (now, later) = (self.now(), 1 + self.random.below(8_000) as i64);
        let (activation, date, state) = match self.random.below(3) {
            0 => (Activation::Later, None, State::PreActive),
            1 => (Activation::Now, Some(now), State::Active),
            _ => (Activation::At(Time(now + later)), Some(now + later), State::PreActive),
        };
        let deactivation = self.random.one_in(3).then(|| now + 8_000 + self.random.below(8_000) as i64);
        let owner = OWNERS[self.random.below(OWNERS.len() as u64) as usize];
        let operation = Create {
            name: Some(name.into()),
            spec: KeySpec::from_name("aes-256").expect("known"),
            template: Template { activation, deactivation: deactivation.map(Time), ..Template::default() },
            public: Template::default(),
            policy: KeyPolicy::default(),
            tags: BTreeMap::from([("owner".into(), owner.into())]),
            usage_must_fit: true,
        };
        let gone = |paper: &Paper| paper.versions.iter().all(|version| version.state.is_destroyed());
        let free = self.paper.get(name).is_none_or(gone);
        let paper = Paper { versions: vec![Version { state, activation: date, deactivation }], owner };
        let result = self.engine.execute(&self.caller, &operation).map(drop);
        self.settle_change(name, result, free.then_some(paper.clone()));
        if free && self.paper.get(name) == Some(&paper) {
            *self.lives.entry(name).or_default() += 1;
        }
    }

    /// The paper after `change` did what it may to every version; `None` where all refuse.
    fn each(&self, name: &str, change: impl Fn(&mut Version, State) -> bool) -> Option<Paper> {
        let mut paper = self.paper.get(name)?.clone();
        let mut changed = false;
        for version in &mut paper.versions {
            let state = version.state_at(self.now());
            changed |= change(version, state);
        }
        changed.then_some(paper)
    }

    fn activate(&mut self, name: &'static str) {
        let now = self.now();
        let after = self.each(name, |version, state| {
            let may = state == State::PreActive;
            if may {
                (version.state, version.activation) = (State::Active, Some(now));
            }
            may
        });
        let result = self.engine.execute(&self.caller, &Activate { key: Reference::text(name) }).map(drop);
        self.settle_change(name, result, after);
    }

    fn rekey(&mut self, name: &'static str) {
        let now = self.now();
        let after = self.paper.get(name).and_then(|paper| {
            let (state, activation) = match paper.versions.last()?.state_at(now) {
                State::Destroyed | State::DestroyedCompromised => return None,
                State::PreActive => (State::PreActive, None),
                _ => (State::Active, Some(now)),
            };
            let mut paper = paper.clone();
            paper.versions.push(Version { state, activation, deactivation: None });
            Some(paper)
        });
        let operation = Rekey { key: Reference::text(name), activation: None, template: None, public: None };
        let result = self.engine.execute(&self.caller, &operation).map(drop);
        self.settle_change(name, result, after);
    }

    fn revoke(&mut self, name: &'static str) {
        let (compromise, now) = (self.random.one_in(2), self.now());
        let after = self.each(name, |version, state| {
            let next = match (state, compromise) {
                (State::Destroyed | State::DestroyedCompromised, true) => State::DestroyedCompromised,
                (_, true) => State::Compromised,
                (State::Active | State::Deactivated, false) => State::Deactivated,
                (_, false) => return false,
            };
            if next == State::Deactivated && state != State::Deactivated {
                version.deactivation = Some(now);
            }
            version.state = next;
            true
        });
        let reason =
            if compromise { RevocationReason::KeyCompromise } else { RevocationReason::CessationOfOperation };
        let operation = Revoke {
            key: Reference::text(name),
            revocation: Revocation { reason, message: None },
            compromise_occurrence: None,
        };
        let result = self.engine.execute(&self.caller, &operation).map(drop);
        self.settle_change(name, result, after);
    }

    fn destroy(&mut self, name: &'static str) {
        let paper = self.paper.get(name).cloned();
        let after = paper.and_then(|mut paper| paper.destroy(self.now()).then_some(paper));
        let operation = Destroy { key: Reference::text(name), deactivate: true, at_once: true };
        let result = self.engine.execute(&self.caller, &operation).map(drop);
        self.settle_change(name, result, after);
    }

    /// Erases all keys of one owner, or now and then of the realm. One entry holds them all: all go, or none.
    fn erase(&mut self) {
        let owner = OWNERS[self.random.below(OWNERS.len() as u64) as usize];
        let (scope, all) = match self.random.one_in(4) {
            true => (Scope::Realm("default".into()), true),
            false => (Scope::Tag { name: "owner".into(), value: owner.into() }, false),
        };
        let (now, mut after) = (self.now(), self.paper.clone());
        let meant = after.values_mut().filter(|paper| all || paper.owner == owner);
        let keys = meant.map(|paper| paper.destroy(now)).filter(|changed| *changed).count();
        match self.engine.execute(&self.caller, &Erase { scope, at_once: true, after: None }) {
            Ok(Erased { keys: erased, more: false, .. }) => {
                assert_eq!(erased, keys, "{after:?}");
                self.paper = after;
                self.erased += keys as u64;
            }
            Ok(erased) => panic!("one run is enough for a few keys: {erased:?}"),
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                self.reopen();
                let shown: Vec<_> = NAMES.iter().map(|name| self.shown(name)).collect();
                let told = |paper: &BTreeMap<&str, Paper>| -> Vec<_> {
                    NAMES.iter().map(|name| self.at_now(paper.get(name))).collect()
                };
                if shown != told(&self.paper) {
                    assert_eq!(shown, told(&after), "neither before nor after");
                    self.paper = after;
                }
            }
            Err(error) => panic!("erasing: {error}"),
        }
    }

    fn encrypt(&mut self, name: &'static str) {
        let plaintext = self.random.bytes(20);
        let operation = Encrypt {
            key: Reference::text(name),
            version: None,
            form: Form::Envelope { context: Vec::new() },
            plaintext: SecretBytes::new(plaintext.clone()),
        };
        let now = self.now();
        let serving = self.paper.get(name).and_then(|paper| {
            paper.versions.iter().rposition(|version| version.state_at(now) == State::Active)
        });
        match (self.engine.execute(&self.caller, &operation), serving) {
            (Ok(encrypted), Some(index)) => {
                assert_eq!(
                    encrypted.version as usize,
                    index + 1,
                    "{name}: the newest active version encrypts"
                );
                let life = self.lives.get(name).copied().unwrap_or_default();
                let (version, envelope) = (encrypted.version, encrypted.ciphertext.data);
                self.sealed.push(Sealed { name, version, envelope, plaintext, life });
            }
            (Ok(_), None) => panic!("{name}: encrypted, though no version is active"),
            (Err(error), _) if error.kind() == ErrorKind::Unavailable => self.reopen(),
            (Err(error), None) => assert!(REFUSED.contains(&error.kind()), "{name}: {error}"),
            (Err(error), Some(_)) => panic!("{name}: {error}, though a version is active"),
        }
    }

    fn decrypt_one(&mut self) {
        let Some(count) = (!self.sealed.is_empty()).then_some(self.sealed.len() as u64) else { return };
        let index = self.random.below(count) as usize;
        if self.decrypt(index).is_err() {
            self.reopen();
        }
    }

    /// Decrypts and compares with the paper; an error only where the disk has lost power.
    fn decrypt(&self, index: usize) -> Result<(), Error> {
        let sealed = &self.sealed[index];
        if self.lives.get(sealed.name) != Some(&sealed.life) {
            return Ok(());
        }
        let operation = Decrypt {
            key: Reference::text(sealed.name),
            version: Some(sealed.version),
            form: Form::Envelope { context: Vec::new() },
            ciphertext: sealed.envelope.clone(),
            tag: None,
        };
        let state = self.paper[sealed.name].versions[sealed.version as usize - 1].state_at(self.now());
        match self.engine.execute(&self.caller, &operation) {
            Ok(decrypted) => {
                assert!(state.may_process(), "{}: decrypted while {state:?}", sealed.name);
                assert_eq!(decrypted.plaintext.expose(), sealed.plaintext, "{}", sealed.name);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => Err(error),
            Err(error) => {
                assert!(!state.may_process(), "{}: {error} while {state:?}", sealed.name);
                Ok(())
            }
        }
    }

    fn apply_dates(&mut self) {
        match self.engine.execute(&system(), &ApplyDates::default()) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Unavailable => self.reopen(),
            Err(error) => panic!("applying dates: {error}"),
        }
    }

    /// Power comes back, and space: what is on the disk is all there is. The index may have lost its newest batches, or all.
    fn reopen(&mut self) {
        self.crashes += 1;
        self.disk = self.disk.crash(self.random.next_u64());
        self.disk.set_capacity(None);
        self.options.disk = Arc::new(self.disk.clone());
        let (is_gone, seed) = (self.random.one_in(3), self.random.next_u64());
        self.index = match &self.index {
            Index::Lagging(_) if is_gone => Index::new(false, seed),
            index => index.crash(seed),
        };
        self.options.engine = EngineChoice::Given(self.index.engine());
        self.store = Arc::new(Store::open(&self.options, &unlock()).expect("opens after a crash"));
        self.engine = engine(&self.store, &self.options);
        self.caller = known(&self.engine, "admin");
    }

    fn at_now(&self, paper: Option<&Paper>) -> Option<Vec<State>> {
        paper.map(|paper| paper.versions.iter().map(|version| version.state_at(self.now())).collect())
    }

    fn shown(&self, name: &str) -> Option<Vec<State>> {
        match self.engine.execute(&self.caller, &Show { key: Reference::text(name) }) {
            Ok(shown) => Some(shown.objects.iter().map(|(_, state)| *state).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => panic!("{name}: {error}"),
        }
    }

    /// After a last crash: every key is as the paper says, every secret opens or stays shut, the journal is whole.
    fn finish(&mut self) {
        self.reopen();
        for name in NAMES {
            assert_eq!(self.shown(name), self.at_now(self.paper.get(name)), "{name} after all");
        }
        for index in 0..self.sealed.len() {
            self.decrypt(index).expect("the disk is whole");
        }
        self.engine.execute(&self.caller, &VerifyJournal).expect("the journal is whole");
    }
}

#[test]
fn random_lives_survive_random_crashes() {
    let seeds = if std::env::var_os("KEYREEVE_LONG").is_some() { 5_000 } else { 150 };
    let [crashes, faults, sealed, erased] = [const { AtomicU64::new(0) }; 4];
    each_seed(seeds, |seed| {
        let mut simulation = Simulation::new(seed);
        for _ in 0..STEPS {
            simulation.step();
        }
        simulation.finish();
        crashes.fetch_add(simulation.crashes.into(), Ordering::SeqCst);
        faults.fetch_add(simulation.faults, Ordering::SeqCst);
        sealed.fetch_add(simulation.sealed.len() as u64, Ordering::SeqCst);
        erased.fetch_add(simulation.erased, Ordering::SeqCst);
    });
    if std::env::var_os("KEYREEVE_SEED").is_none() {
        let [crashes, faults, sealed, erased] = [crashes, faults, sealed, erased].map(AtomicU64::into_inner);
        assert!(crashes > 4 * seeds, "the simulation lost its crashes: {crashes}");
        assert!(faults > 4 * seeds, "the simulation lost its faults: {faults}");
        assert!(sealed > seeds, "the simulation lost its encryptions: {sealed}");
        assert!(erased > seeds, "the simulation lost its erasures: {erased}");
    }
}
