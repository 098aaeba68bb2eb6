//! A whole house in memory, below the front-ends: store, sealing, crypto, engine, and a clock that stands still.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use keyreeve_core::{
    Error, SecretBytes,
    access::{Action, Caller},
    engine::Engine,
    model::{CredentialId, CredentialKind, KeyPolicy, KeySpec, PrincipalId, RequestId, Role, Time},
    operations::{
        Activation, Template,
        create::Create,
        principals::{CreatePrincipal, NewCredential, authenticate},
        server::{Initialize, Note},
    },
    ports::{
        clock::Clock,
        crypto::Crypto,
        store::{Commit, Committed, DrawnIds, Store as _},
    },
    record::{Change, EntryDraft},
};
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::{
    EngineChoice, Store, StoreOptions, Unlock,
    engines::{Engine as IndexEngine, memory::MemoryEngine},
};
use keyreeve_testkit::disk::FaultyDisk;
use uuid::Uuid;

/// A clock that stands still unless it is moved.
#[derive(Default)]
pub(crate) struct HandClock(pub(crate) AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, duration: Duration) {
        self.0.fetch_add(duration.as_millis() as i64, Ordering::SeqCst);
    }
}

pub(crate) struct House {
    pub(crate) disk: FaultyDisk,
    pub(crate) options: StoreOptions,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) store: Arc<Store>,
    pub(crate) engine: Arc<Engine>,
}

impl House {
    /// A new, initialized store on a new disk.
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(MemoryEngine::default()))
    }

    /// The same, over this index.
    pub(crate) fn on(index: Arc<dyn IndexEngine>) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(1_000_000)));
        let disk = FaultyDisk::new();
        let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
        let mut options = StoreOptions::new(PathBuf::from("/data"), crypto, clock.clone());
        options.disk = Arc::new(disk.clone());
        options.engine = EngineChoice::Given(index);
        options.background = false;
        options.journal.preallocate_bytes = 16 * 1024;
        options.journal.reserve_bytes = 16 * 1024;
        options.journal.segment_bytes_max = 64 * 1024;
        Store::create(&options, unlock()).expect("a new store");
        let store = Arc::new(Store::open(&options, &unlock()).expect("opens"));
        let engine = engine(&store, &options);
        engine.execute(&system(), &Initialize).expect("initializes");
        Self { disk, options, clock, store, engine }
    }

    /// Puts records into the store as they are, as nobody could who goes through an operation.
    pub(crate) fn tamper(&self, changes: Vec<Change>) {
        let note = Note { action: Action::Start, detail: "tampering".into(), denied: false };
        let entry = self.engine.prepare(&system(), &note).entry().clone();
        let entry = EntryDraft { changes, ..entry };
        let commit = Commit {
            as_of: self.store.published(),
            reads: Vec::new(),
            valid_until: None,
            drawn: DrawnIds::default(),
            entry,
        };
        let (sender, receiver) = mpsc::channel();
        self.store.commit(commit, Box::new(move |done| sender.send(done).expect("is awaited")));
        assert!(matches!(receiver.recv().expect("answers"), Ok(Committed::Done(_))));
    }
}

pub(crate) fn unlock() -> Unlock {
    Unlock::KeyFile(SecretBytes::new("07".repeat(32).into_bytes()))
}

pub(crate) fn engine(store: &Arc<Store>, options: &StoreOptions) -> Arc<Engine> {
    Arc::new(Engine::new(store.clone(), store.sealer(), options.crypto.clone(), options.clock.clone()))
}

pub(crate) fn system() -> Caller {
    Caller::system(RequestId(Uuid::nil()))
}

fn proof(name: &str) -> CredentialId {
    let mut id = [0; 32];
    id[..name.len()].copy_from_slice(name.as_bytes());
    CredentialId(id)
}

/// Makes a principal and gives it as a caller.
pub(crate) fn principal(engine: &Engine, name: &str, roles: &[Role]) -> Caller {
    let mut id = [0; 16];
    id[..name.len()].copy_from_slice(name.as_bytes());
    let operation = CreatePrincipal {
        id: PrincipalId(Uuid::from_bytes(id)),
        name: name.into(),
        roles: roles.iter().copied().collect(),
        credentials: vec![NewCredential {
            id: proof(name),
            kind: CredentialKind::Token,
            expires: None,
            is_given: false,
        }],
        person: false,
    };
    engine.execute(&system(), &operation).expect("a new principal");
    known(engine, name)
}

/// A principal that was made before, as a caller.
pub(crate) fn known(engine: &Engine, name: &str) -> Caller {
    find(engine, name).expect("is known")
}

/// The same where the store may have failed by now.
pub(crate) fn find(engine: &Engine, name: &str) -> Result<Caller, Error> {
    let principal = authenticate(&**engine.store(), proof(name), &[], engine.clock().now())?;
    Ok(Caller::authenticated(principal, "test", None, RequestId(Uuid::nil())))
}

/// Makes an AES key that is active at once.
pub(crate) fn active_key(name: &str) -> Create {
    Create {
        name: Some(name.into()),
        spec: KeySpec::from_name("aes-256").expect("known"),
        template: Template { activation: Activation::Now, ..Template::default() },
        public: Template::default(),
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
        usage_must_fit: true,
    }
}

/// Runs these seeds on all cores, each by itself; KEYREEVE_SEED=N runs that one alone.
///
/// # Panics
/// Naming the seed that fails.
pub(crate) fn each_seed(seeds: u64, run: impl Fn(u64) + Sync) {
    if let Some(seed) = std::env::var("KEYREEVE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return run(seed);
    }
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while failed.load(Ordering::SeqCst) == u64::MAX {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds {
                        return;
                    }
                    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed))).is_err() {
                        failed.fetch_min(seed, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert!(failed == u64::MAX, "seed {failed} fails; KEYREEVE_SEED={failed} replays");
}
