//! A whole house in memory with both front-ends, as a server wires it; and the keys that inputs name. Not here: the inputs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt as _;
use keyreeve_core::SecretBytes;
use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::{CredentialKind, PrincipalId, RequestId, Role, Time};
use keyreeve_core::operations::principals::{CreatePrincipal, NewCredential, authenticate};
use keyreeve_core::operations::server::Initialize;
use keyreeve_core::ports::clock::Clock;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_kmip::Encoding;
use keyreeve_pki::{CertificateAuthority, Issued};
use keyreeve_server::authn::enrolment::issue;
use keyreeve_server::authn::{Authenticator, token};
use keyreeve_server::backups::Backups;
use keyreeve_server::config::Config;
use keyreeve_server::follow::Progress;
use keyreeve_server::frontends::kmip::{Kmip, Settings};
use keyreeve_server::frontends::rest::{Api, Cursors, Feeds, Rest};
use keyreeve_server::health::Health;
use keyreeve_server::in_flight::InFlight;
use keyreeve_server::listen::{Known, Peer};
use keyreeve_server::memory::Memory;
use keyreeve_server::reload::{Parts, Reloader};
use keyreeve_server::reseal::Resealing;
use keyreeve_server::server_identity::ServerIdentity;
use keyreeve_server::{frontends, fuzzing};
use keyreeve_store::engines::memory::MemoryEngine;
use keyreeve_store::{EngineChoice, Store, StoreOptions, Unlock};
use keyreeve_testkit::disk::FaultyDisk;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// Bytes of a message at most.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// A clock that stands still unless it is moved.
pub struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, duration: Duration) {
        self.0.fetch_add(duration.as_millis() as i64, Ordering::SeqCst);
    }
}

/// A store, an engine over it, and the doors to it.
pub struct House {
    /// What it is stored on.
    pub disk: FaultyDisk,
    /// What the store was opened with.
    pub options: StoreOptions,
    /// The store.
    pub store: Arc<Store>,
    /// The engine.
    pub engine: Arc<Engine>,
    /// Its clock.
    pub clock: Arc<HandClock>,
    runtime: Runtime,
    rest: Rest,
    kmip: Arc<Kmip>,
    /// May do everything.
    admin: Caller,
    token: String,
}

/// What REST answered.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl House {
    /// A new house with an administrator and without keys.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn new() -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(1_700_000_000_000)));
        let disk = FaultyDisk::new();
        let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
        let mut options = StoreOptions::new(PathBuf::from("/data"), crypto.clone(), clock.clone());
        options.disk = Arc::new(disk.clone());
        options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
        options.background = false;
        options.journal.preallocate_bytes = 16 * 1024;
        options.journal.reserve_bytes = 16 * 1024;
        Store::create(&options, unlock()).expect("a new store");
        let store = Arc::new(Store::open(&options, &unlock()).expect("opens"));
        let engine = Arc::new(Engine::new(store.clone(), store.sealer(), crypto.clone(), clock.clone()));
        engine.execute(&Caller::system(RequestId(Uuid::nil())), &Initialize).expect("initializes");
        let Issued { certificate, key } = CertificateAuthority::create(1_700_000_000).expect("an authority");
        let authority = Arc::new(CertificateAuthority::load(certificate, &key).expect("is one"));
        let (admin, token) = administrator(&engine, &*crypto, &authority);
        let authenticator = Arc::new(Authenticator::new(engine.clone(), 1));
        let kmip = Arc::new(kmip(&engine, &authenticator).with_authority(authority.clone()));
        let rest = rest(&engine, &store, (&authenticator, &kmip, authority));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build();
        let runtime = runtime.expect("a runtime");
        Self { disk, options, store, engine, clock, runtime, rest, kmip, admin, token }
    }

    /// Moves the clock.
    pub fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }

    /// What REST answers the administrator. `kind`: the content type; none: no body is announced.
    ///
    /// # Panics
    /// Where the request cannot even be written as HTTP would, or its handling panics.
    pub fn rest(&self, method: &str, path: &str, kind: Option<&str>, body: &[u8]) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {}", self.token));
        request = kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
        let request = request.body(Body::from(body.to_vec())).ok()?;
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let peer = Peer { address, certificate: None, member: None, known: Known::default() };
        self.runtime.block_on(async {
            let response = fuzzing::rest(&self.rest, peer, request).await;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.expect("a body in memory").to_bytes();
            Some(Answer { status, body: body.to_vec() })
        })
    }

    /// What KMIP answers the administrator.
    pub fn kmip(&self, encoding: Encoding, request: &[u8]) -> Vec<u8> {
        self.runtime.block_on(self.kmip.handle_as(&self.admin, encoding, request)).expose().to_vec()
    }
}

impl Default for House {
    fn default() -> Self {
        Self::new()
    }
}

fn unlock() -> Unlock {
    Unlock::KeyFile(SecretBytes::new("07".repeat(32).into_bytes()))
}

/// Who has a token for REST, and proves a connection of KMIP by a certificate.
fn administrator(engine: &Engine, crypto: &dyn Crypto, authority: &CertificateAuthority) -> (Caller, String) {
    let (token, credential) = token::generate(crypto, None).expect("a token");
    let (principal, now) = (PrincipalId(Uuid::from_u128(1)), engine.clock().now());
    let enrolled = issue(authority, (principal, "admin"), None, (now, 365)).expect("a certificate");
    let (id, certificate) = (credential.id, enrolled.credential.id);
    let token_too = NewCredential { id, kind: CredentialKind::Token, expires: None, is_given: false };
    let operation = CreatePrincipal {
        id: principal,
        name: "admin".into(),
        roles: [Role::Admin].into(),
        credentials: vec![token_too, enrolled.credential],
        person: false,
    };
    engine.execute(&Caller::system(RequestId(Uuid::nil())), &operation).expect("a new principal");
    let principal = authenticate(&**engine.store(), id, &[], engine.clock().now()).expect("is known");
    let caller = Caller::authenticated(principal, "kmip", None, RequestId(Uuid::nil()));
    (caller.proven_by([Some(certificate), None]), token.to_string())
}

fn kmip(engine: &Arc<Engine>, authenticator: &Arc<Authenticator>) -> Kmip {
    let settings = Settings {
        interop: true,
        issuer: Some("issuer".into()),
        credentials: keyreeve_server::config::Credentials::Check,
        attestation: None,
        message_max: Duration::from_secs(60),
        limits: keyreeve_kmip::Limits { message_bytes_max: MESSAGE_BYTES_MAX, ..Default::default() },
    };
    frontends::kmip::Kmip::new(
        engine.clone(),
        authenticator.clone(),
        settings,
        Arc::new(keyreeve_server::in_flight::InFlight::new(64 << 20)),
    )
}

fn rest(
    engine: &Arc<Engine>,
    store: &Arc<Store>,
    shared: (&Arc<Authenticator>, &Arc<Kmip>, Arc<CertificateAuthority>),
) -> Rest {
    let (authenticator, kmip, authority) = (shared.0.clone(), shared.1.clone(), shared.2);
    let mut config = Config::default();
    config.limits.message_bytes_max = MESSAGE_BYTES_MAX;
    let identity = ServerIdentity::new(authority.clone(), &config, engine.clock().clone());
    let identity = Arc::new(identity.expect("an identity"));
    let settings = config.backup.settings();
    let memory = Memory::Unlocked { why: "fuzzing".into(), has_swap: false };
    let scratch = (PathBuf::from("/scratch"), memory);
    let backups = Arc::new(Backups::new(engine.clone(), store.clone(), settings, scratch));
    let in_flight = Arc::new(InFlight::new(config.limits.in_flight_bytes_max));
    let parts = Parts {
        identity,
        authenticator: authenticator.clone(),
        backups: backups.clone(),
        in_flight: in_flight.clone(),
        kmip: kmip.clone(),
        listeners: Vec::new(),
    };
    Rest::new(Api {
        engine: engine.clone(),
        authenticator,
        authority,
        health: Health::default(),
        started: Instant::now(),
        reloader: Arc::new(Reloader::new(engine.clone(), config, parts)),
        resealing: Arc::new(Resealing::new(engine.clone(), store.clone())),
        backups,
        in_flight,
        kmip,
        notifications: Arc::default(),
        sinks: Arc::default(),
        watch: Arc::new(Progress::new("alerts".to_owned())),
        witnesses: Arc::default(),
        cursors: Cursors::default(),
        feeds: Feeds::default(),
    })
}
