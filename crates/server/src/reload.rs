//! Reloading: the configuration and what it names read anew while the server runs. All of it is checked and on record
//! before any of it counts; what needs a restart is named and stays as it was. Not here: how a configuration is read
//! (config).

use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::access::{Action, Caller};
use keyreeve_core::engine::Engine;
use keyreeve_core::operations::administer::Administer;
use keyreeve_core::{Error, ErrorKind, Result};
use parking_lot::RwLock;
use tracing::{info, warn};

use crate::authn::jwt::Issuers;
use crate::authn::{Authenticator, request_id};
use crate::backups::Backups;
use crate::config::{Anew, Change, Config, LimitsConfig};
use crate::descriptors::connection_limits;
use crate::execute::execute;
use crate::frontends::kmip::{self, Kmip};
use crate::in_flight::InFlight;
use crate::listen::Limits;
use crate::server_identity::{Checked, ServerIdentity};
use crate::start::log;

/// Takes the configuration over into a running server.
pub struct Reloader {
    engine: Arc<Engine>,
    config: RwLock<Config>,
    parts: Parts,
    /// Held while a reload is under way.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What a reload reaches.
pub struct Parts {
    /// The server's certificate.
    pub identity: Arc<ServerIdentity>,
    /// Who authenticates.
    pub authenticator: Arc<Authenticator>,
    /// The schedule of backups.
    pub backups: Arc<Backups>,
    /// Bytes of requests that are under way.
    pub in_flight: Arc<InFlight>,
    /// KMIP.
    pub kmip: Arc<Kmip>,
    /// The limits of each listener.
    pub listeners: Vec<Limits>,
}

/// What a reload came to.
pub struct Reloaded {
    /// Settings that changed.
    pub changed: Vec<Change>,
    /// Settings that were read and wait for the next start.
    pub needs_restart: Vec<Change>,
    /// The certificate that is shown from now on, in words, where it is another one.
    pub certificate: Option<String>,
}

/// What was read and checked. Holds a secret.
struct Plan {
    anew: Anew,
    certificate: Option<Checked>,
    issuers: Issuers,
    turn: tokio::sync::OwnedMutexGuard<()>,
}

impl Reloader {
    /// For a server that runs with this configuration.
    pub fn new(engine: Arc<Engine>, config: Config, parts: Parts) -> Self {
        Self { engine, config: RwLock::new(config), parts, turn: Arc::default() }
    }

    /// The server's certificate.
    pub fn identity(&self) -> &ServerIdentity {
        &self.parts.identity
    }

    /// The limits that hold now.
    pub fn limits(&self) -> LimitsConfig {
        self.config.read().limits
    }

    /// Reloads for a caller who may, to the end even where nobody waits for it any more.
    ///
    /// # Errors
    /// As every operation; `WrongState` where the file or what it names is wrong: then nothing has changed.
    pub async fn reload(self: &Arc<Self>, caller: Caller) -> Result<Reloaded> {
        let this = Arc::clone(self);
        let reloaded = tokio::spawn(async move { this.reload_in_turn(&caller).await }).await;
        reloaded.map_err(|cause| Error::internal(format!("a reload broke off: {cause}")))?
    }

    /// Reloads because a signal asked for it; the log tells how it went.
    pub async fn reload_by_signal(self: &Arc<Self>) {
        let reloaded = match request_id(&self.engine) {
            Ok(request) => self.reload(Caller::system(request)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = reloaded {
            warn!(%error, "the configuration was not taken over: all is as it was");
        }
    }

    async fn reload_in_turn(self: &Arc<Self>, caller: &Caller) -> Result<Reloaded> {
        let this = Arc::clone(self);
        let check = move || {
            let plan = this.check()?;
            let told = plan.reloaded().told();
            Ok((plan, told))
        };
        // INVARIANT: nothing changes before its entry is durable.
        let plan = execute(&self.engine, caller, Administer::new(Action::Reload, check)).await?;
        let reloaded = plan.reloaded();
        info!(by = caller.name(), "configuration read anew: {}", reloaded.told());
        self.take_over(plan);
        Ok(reloaded)
    }

    /// Runs for a caller who may: others hold nobody up. A file may take for ever to read, so that none waits for another.
    fn check(&self) -> Result<Plan> {
        let turn = Arc::clone(&self.turn).try_lock_owned().map_err(|_| {
            Error::new(ErrorKind::Unavailable, "another reload is under way; try again when it is done")
        })?;
        let refused = |cause: &dyn std::fmt::Display| {
            Error::new(ErrorKind::WrongState, format!("{cause}; nothing was changed"))
        };
        let config = self.config.read().clone();
        let anew = config.read_anew().map_err(|error| refused(&error))?;
        let certificate = self.parts.identity.check(&anew.config).map_err(|error| refused(&error))?;
        self.parts.authenticator.organisations().check().map_err(|error| refused(&error))?;
        let issuers = Issuers::new(&anew.config.authn.jwt).map_err(|error| refused(&error))?;
        Ok(Plan { anew, certificate, issuers, turn })
    }

    fn take_over(&self, Plan { anew, certificate, issuers, turn }: Plan) {
        let Parts { identity, authenticator, backups, in_flight, kmip, listeners } = &self.parts;
        let config = anew.config;
        authenticator.organisations().refresh();
        let connections = connection_limits(&config);
        if let Some(certificate) = certificate {
            identity.show(certificate);
        }
        listeners.iter().for_each(|limits| limits.set(connections));
        in_flight.set(config.limits.in_flight_bytes_max);
        kmip.set(kmip_settings(&config));
        authenticator.set_issuers(issuers.with_keys_of(&authenticator.issuers()));
        authenticator.set_failures_max(config.limits.failures_recorded_per_second_max);
        authenticator
            .set_requests_max(config.limits.client_requests_max(), config.limits.address_requests_max());
        backups.set(config.backup.settings());
        self.engine.set_failures_max(config.limits.client_failures_per_second_max);
        self.engine.set_destroy_waiting_days(config.destroy.waiting_days);
        log::set_levels(&config.log);
        *self.config.write() = config;
        drop(turn);
    }
}

impl Plan {
    fn reloaded(&self) -> Reloaded {
        Reloaded {
            changed: self.anew.changed.clone(),
            needs_restart: self.anew.needs_restart.clone(),
            certificate: self.certificate.as_ref().map(Checked::describe),
        }
    }
}

impl Reloaded {
    /// In words, for log and record.
    fn told(&self) -> String {
        let Self { changed, needs_restart, certificate } = self;
        let changed = changed.iter().map(ToString::to_string).chain(certificate.clone());
        let waiting = needs_restart.iter().map(|change| format!("needs a restart: {change}"));
        let told: Vec<String> = changed.chain(waiting).collect();
        if told.is_empty() { "nothing has changed".to_owned() } else { told.join("; ") }
    }
}

/// What KMIP is configured with.
pub(crate) fn kmip_settings(config: &Config) -> kmip::Settings {
    let message_bytes_max = config.limits.message_bytes_max;
    kmip::Settings {
        interop: config.kmip.interop,
        issuer: config.kmip.issuer.as_deref().filter(|name| !name.is_empty()).map(Arc::from),
        credentials: config.kmip.credentials,
        attestation: kmip::Attestation::new(&config.kmip),
        message_max: Duration::from_secs(config.limits.message_seconds_max),
        limits: keyreeve_kmip::Limits { message_bytes_max, ..keyreeve_kmip::Limits::default() },
    }
}
