//! Running a server over an open store: listeners, scheduler, and the ways to stop. Not here: what requests do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use keyreeve_core::access::Action;
use keyreeve_core::engine::Engine;
use keyreeve_core::operations::server::Note;
use keyreeve_core::ports::clock::Clock;
use keyreeve_pki::CertificateAuthority;
use keyreeve_store::Store;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::error::StartError;
use super::open::{Opened, SystemClock};
use crate::authn::Authenticator;
use crate::authn::certificate::Pinned;
use crate::authn::jwt::Issuers;
use crate::authn::organisations;
use crate::backups::Backups;
use crate::config::Config;
use crate::descriptors;
use crate::follow::Progress;
use crate::frontends::kmip::Kmip;
use crate::frontends::kmip::endpoints::{self, Endpoint};
use crate::frontends::rest::{Api, Cursors, Feeds, Rest};
use crate::health::Health;
use crate::in_flight::InFlight;
use crate::listen::{
    ClientCertificate, Limits, Listener, Organisations, Protection, Shutdown, shutdown_signal,
};
use crate::memory::{self, protect};
use crate::notify::Notifications;
use crate::offline::{
    self,
    index::OnProgress,
    unlock::{Ask, from_files, unlock},
};
use crate::reload::{Parts, Reloader, kmip_settings};
use crate::reseal::Resealing;
use crate::scheduler;
use crate::server_identity::{Door, ServerIdentity};
use crate::sinks::Sinks;
use crate::watch;
use crate::witnesses::Witnesses;

/// Where a server listens, with the ports that the system chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// REST over TLS.
    pub http: SocketAddr,
    /// KMIP.
    pub kmip: SocketAddr,
    /// KMIP for old appliances.
    pub appliances: Option<SocketAddr>,
    /// REST without TLS (dev only).
    pub plain_http: Option<SocketAddr>,
}

/// What asks a server to stop.
pub enum StopOn {
    /// SIGTERM and SIGINT. SIGHUP reads the configuration anew, and stops where it came from no file.
    Signals,
    /// The process around it, such as a test.
    Shutdown(Shutdown),
}

/// Runs the server of the configuration until it is asked to stop, then lets open requests finish. `ready` is called
/// once requests are taken.
///
/// # Errors
/// Where it cannot start; `Failed` where the store failed meanwhile, by a full disk say.
pub fn serve(
    config: &Config,
    stop: StopOn,
    ready: impl FnOnce(&Addresses) -> Result<(), StartError>,
) -> Result<(), StartError> {
    serve_by(config, Arc::new(SystemClock), stop, ready)
}

/// As `serve`, by another clock than the system's, which a test moves.
///
/// # Errors
/// As `serve`.
pub fn serve_by(
    config: &Config,
    clock: Arc<dyn Clock>,
    stop: StopOn,
    ready: impl FnOnce(&Addresses) -> Result<(), StartError>,
) -> Result<(), StartError> {
    protect(config.memory.lock)?;
    let unlock = from_files(&config.unlock)?.ok_or(StartError::Unlock("none"))?;
    serve_opened(&Opened::open_by(config, &unlock, clock, None)?, config, stop, ready)
}

/// As `serve`, for somebody who watches: who is asked for what unlocks the root key where the configuration names nothing,
/// and told how far it has come where the index has to be made anew first; without `told` the log says so.
///
/// # Errors
/// As `serve`.
pub fn serve_asking(
    config: &Config,
    (ask, told): (Ask<'_>, Option<OnProgress>),
    stop: StopOn,
    ready: impl FnOnce(&Addresses) -> Result<(), StartError>,
) -> Result<(), StartError> {
    protect(config.memory.lock)?;
    let unlock = unlock(&config.unlock, None, &offline::root::status(config)?.unlocked_by, Some(ask))?;
    serve_opened(&Opened::open_telling(config, &unlock, told)?, config, stop, ready)
}

/// As `serve`, over a store that is open; closes it.
pub(super) fn serve_opened(
    opened: &Opened,
    config: &Config,
    stop: StopOn,
    ready: impl FnOnce(&Addresses) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Runtime)?;
    let served = runtime.block_on(run(opened, config, stop, ready));
    // Threads that still work for requests that nobody waits for any more are not waited for either.
    runtime.shutdown_background();
    let failed = opened.failure.borrow().clone();
    match failed {
        Some(cause) => Err(StartError::Failed(cause)),
        None => served.and(opened.close()),
    }
}

/// Puts the start on record, and tells the log. On record is also what it puts in force: what the root key is
/// locked by, any of which unlocks it, and the hash of the configuration with all that the environment and flags say.
fn record_start(opened: &Opened, config: &Config, addresses: &Addresses) -> Result<(), StartError> {
    let (Addresses { http, kmip, .. }, version) = (addresses, env!("CARGO_PKG_VERSION"));
    let kinds = offline::root::status(config)?.unlocked_by;
    let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    let text = toml::to_string(config).map_err(|error| StartError::Failed(error.to_string()))?;
    let digest = opened.engine.crypto().sha256(&[text.as_bytes()]);
    let (kinds, digest) = (kinds.join(" or "), hex::encode(digest));
    note(opened, Action::Unseal, format!("root key unlocked by {}", opened.unlocked_by))?;
    let put_in_force = format!("root key locked by {kinds}, configuration SHA-256 {digest}");
    note(
        opened,
        Action::Start,
        format!("version {version}, REST on {http}, KMIP on {kmip}, {put_in_force}"),
    )?;
    info!(version, %http, %kmip, "ready");
    Ok(())
}

/// Tells whatever started the server how it is, where that wants to know: `NOTIFY_SOCKET` of sd_notify(3). Nothing rests on it.
fn tell_manager(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "whatever started the server could not be told how it is");
    }
}

async fn run(
    opened: &Opened,
    config: &Config,
    stop: StopOn,
    ready: impl FnOnce(&Addresses) -> Result<(), StartError>,
) -> Result<(), StartError> {
    descriptors::raise();
    let mut stop = Stop::new(stop)?;
    let authority = Arc::new(opened.authority()?);
    let identity = Arc::new(ServerIdentity::new(authority.clone(), config, opened.engine.clock().clone())?);
    let server = Server::new(opened, config, (authority, Named::by(config)?), &identity);
    let (trigger, shutdown) = shutdown_signal();
    let mut tasks = JoinSet::new();
    let addresses = server.listen(config, &identity, &shutdown, &mut tasks).await?;
    server.tell_others(&opened.store, &identity, &shutdown, &mut tasks)?;
    tasks.spawn(scheduler::run(
        opened.engine.clone(),
        identity,
        (server.resealing.clone(), server.backups.clone()),
        server.authenticator.clone(),
        shutdown,
    ));
    record_start(opened, config, &addresses)?;
    server.health.set_ready(true);
    let started = ready(&addresses).inspect(|()| tell_manager(NotifyState::Ready));
    if started.is_ok() {
        let mut failure = opened.failure.clone();
        loop {
            let asked = tokio::select! {
                asked = stop.asked() => asked,
                _ = failure.wait_for(Option::is_some) => {
                    error!("stopping, since the store failed");
                    break;
                }
            };
            match asked {
                // A server without a file was started by hand at a terminal, which is gone: it goes too, in good order.
                "SIGHUP" if config.origin.is_some() => {
                    // INVARIANT: nothing holds up the wait for what stops the server, also no file that cannot be read.
                    let reloader = server.reloader.clone();
                    tokio::spawn(async move { reloader.reload_by_signal().await });
                }
                cause => {
                    info!(cause, "stopping: open requests may finish");
                    break;
                }
            }
        }
    }
    server.health.set_ready(false);
    tell_manager(NotifyState::Stopping);
    trigger.request();
    // Open requests may wait for a target that is written to slowly.
    opened.store.hurry();
    while tasks.join_next().await.is_some() {}
    if opened.failure.borrow().is_none() {
        for count in server.authenticator.all_floods() {
            tokio::task::block_in_place(|| opened.execute("write to the journal", &count))?;
        }
        note(opened, Action::Stop, "stopped in order".into())?;
    }
    started
}

/// Others whom only the configuration names.
struct Named {
    endpoints: Vec<Endpoint>,
    issuers: Issuers,
    notifications: Notifications,
    organisations: organisations::Organisations,
    sinks: Sinks,
    witnesses: Witnesses,
}

impl Named {
    fn by(config: &Config) -> Result<Self, StartError> {
        Ok(Self {
            endpoints: endpoints::configured(config)?,
            issuers: Issuers::new(&config.authn.jwt)?,
            notifications: Notifications::configured(config)?,
            organisations: organisations::Organisations::configured(&config.authn.certificates)?,
            sinks: Sinks::configured(config)?,
            witnesses: Witnesses::configured(config)?,
        })
    }
}

/// What makes backups of this store.
fn backups(opened: &Opened, config: &Config) -> Backups {
    let memory = memory::state(config.memory.lock);
    let scratch = config.data.dir.join("index").join("drill.sqlite");
    let settings = config.backup.settings();
    Backups::new(opened.engine.clone(), opened.store.clone(), settings, (scratch, memory))
}

/// What the listeners share.
struct Server {
    engine: Arc<Engine>,
    health: Health,
    authenticator: Arc<Authenticator>,
    rest: Arc<Rest>,
    kmip: Arc<Kmip>,
    notifications: Arc<Notifications>,
    sinks: Arc<Sinks>,
    watch: Arc<Progress>,
    witnesses: Arc<Witnesses>,
    resealing: Arc<Resealing>,
    backups: Arc<Backups>,
    reloader: Arc<Reloader>,
    /// INVARIANT: each listener has limits of its own: strangers on one must not fill another.
    limits: [Limits; 4],
}

impl Server {
    fn new(
        opened: &Opened,
        config: &Config,
        (authority, named): (Arc<CertificateAuthority>, Named),
        identity: &Arc<ServerIdentity>,
    ) -> Self {
        let Named { endpoints, issuers, notifications, organisations, sinks, witnesses } = named;
        let engine = opened.engine.clone();
        let failures_max = config.limits.failures_recorded_per_second_max;
        let authenticator =
            Arc::new(Authenticator::new(engine.clone(), failures_max).with_organisations(organisations));
        authenticator.set_issuers(issuers);
        authenticator
            .set_requests_max(config.limits.client_requests_max(), config.limits.address_requests_max());
        let health = Health::default();
        let resealing = Arc::new(Resealing::new(engine.clone(), opened.store.clone()));
        let backups = Arc::new(backups(opened, config));
        let in_flight = Arc::new(InFlight::new(config.limits.in_flight_bytes_max));
        let kmip = kmip_settings(config);
        let kmip = Kmip::new(engine.clone(), authenticator.clone(), kmip, in_flight.clone());
        let kmip = kmip.with_endpoints(endpoints).with_authority(authority.clone());
        let (kmip, sinks, witnesses) = (Arc::new(kmip), Arc::new(sinks), Arc::new(witnesses));
        let notifications = Arc::new(notifications);
        let watch = watch::progress();
        let limits = [(); 4].map(|()| Limits::new(descriptors::connection_limits(config)));
        let parts = Parts {
            identity: identity.clone(),
            authenticator: authenticator.clone(),
            backups: backups.clone(),
            in_flight: in_flight.clone(),
            kmip: kmip.clone(),
            listeners: limits.to_vec(),
        };
        let reloader = Arc::new(Reloader::new(engine.clone(), config.clone(), parts));
        let rest = Arc::new(Rest::new(Api {
            engine: engine.clone(),
            authenticator: authenticator.clone(),
            authority,
            health: health.clone(),
            started: Instant::now(),
            in_flight,
            reloader: reloader.clone(),
            resealing: resealing.clone(),
            backups: backups.clone(),
            kmip: kmip.clone(),
            notifications: notifications.clone(),
            sinks: sinks.clone(),
            watch: watch.clone(),
            witnesses: witnesses.clone(),
            cursors: Cursors::default(),
            feeds: Feeds::default(),
        }));
        Self {
            engine,
            health,
            authenticator,
            rest,
            kmip,
            notifications,
            sinks,
            watch,
            witnesses,
            resealing,
            backups,
            reloader,
            limits,
        }
    }

    /// Those whom the configuration names are told what happens, from now on.
    fn tell_others(
        &self,
        store: &Arc<Store>,
        identity: &Arc<ServerIdentity>,
        shutdown: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), StartError> {
        self.kmip.push(identity, shutdown, tasks);
        self.notifications.run(&self.engine, shutdown, tasks).map_err(StartError::Runtime)?;
        self.witnesses.run((store, self.engine.crypto()), shutdown, tasks);
        watch::run(&self.engine, &self.watch, shutdown, tasks).map_err(StartError::Runtime)?;
        self.sinks.run(&self.engine, identity, shutdown, tasks)
    }

    async fn listen(
        &self,
        config: &Config,
        identity: &ServerIdentity,
        shutdown: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) -> Result<Addresses, StartError> {
        let [of_http, of_kmip, of_appliances, of_plain] = &self.limits;
        let vouching = self.authenticator.organisations();
        let organisations = (!vouching.is_empty()).then(|| vouching.clone() as Arc<dyn Organisations>);
        let door = Door {
            client_certificate: ClientCertificate::Optional,
            protocols: &["http/1.1"],
            appliances: None,
            organisations,
        };
        let http = Protection::Tls(identity.endpoint(door.clone())?);
        let http = Listener::bind("http", config.listen.http, http, of_http).await?;
        let door = Door { client_certificate: ClientCertificate::Required, protocols: &[], ..door };
        let kmip = Protection::Tls(identity.endpoint(door.clone())?);
        let kmip = Listener::bind("kmip", config.listen.kmip, kmip, of_kmip).await?;
        let old = match config.listen.appliances {
            Some(address) => {
                let door = Door { appliances: Some(Arc::new(Pinned::new(self.engine.clone()))), ..door };
                let old = Protection::Tls(identity.endpoint(door)?);
                Some(Listener::bind("appliances", address, old, of_appliances).await?)
            }
            None => None,
        };
        let plain = match config.listen.plain_http {
            Some(address) => {
                Some(Listener::bind("plain-http", address, Protection::PlainLoopback, of_plain).await?)
            }
            None => None,
        };
        let plain_http = plain.as_ref().map(Listener::address);
        let appliances = old.as_ref().map(Listener::address);
        let addresses = Addresses { http: http.address(), kmip: kmip.address(), appliances, plain_http };
        for listener in [Some(http), plain].into_iter().flatten() {
            tasks.spawn(listener.run(self.rest.clone(), shutdown.clone()));
        }
        for listener in [Some(kmip), old].into_iter().flatten() {
            tasks.spawn(listener.run(self.kmip.clone(), shutdown.clone()));
        }
        tasks.spawn(self.kmip.clone().tend(shutdown.clone()));
        Ok(addresses)
    }
}

fn note(opened: &Opened, action: Action, detail: String) -> Result<(), StartError> {
    tokio::task::block_in_place(|| {
        opened.execute("write to the journal", &Note { action, detail, denied: false })
    })
}

/// Waits for what asks to stop.
pub(crate) enum Stop {
    Signals { terminate: Signal, interrupt: Signal, hang_up: Signal },
    Shutdown(Shutdown),
}

impl Stop {
    /// # Errors
    /// Where the system gives no signals.
    pub(crate) fn new(on: StopOn) -> Result<Self, StartError> {
        let signal = |kind| signal(kind).map_err(StartError::Runtime);
        Ok(match on {
            StopOn::Signals => Self::Signals {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hang_up: signal(SignalKind::hangup())?,
            },
            StopOn::Shutdown(shutdown) => Self::Shutdown(shutdown),
        })
    }

    /// What asked, for the log.
    pub(crate) async fn asked(&mut self) -> &'static str {
        match self {
            Self::Signals { terminate, interrupt, hang_up } => tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                _ = hang_up.recv() => "SIGHUP",
            },
            Self::Shutdown(shutdown) => {
                shutdown.requested().await;
                "asked to"
            }
        }
    }
}
