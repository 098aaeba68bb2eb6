//! Put and Notify: what happens to objects, sent to those that the configuration names, one message after the other, each
//! until it is answered. A reader that is slow, absent or talks rubbish costs one task and one page of the journal, and holds
//! up nobody else. Not here: what the messages say (message), and how far a reader has come (follow).
//!
//! INVARIANT: nothing that came over a network adds an endpoint or changes one.

use std::sync::Arc;

use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::RealmId;
use keyreeve_core::record::{Record, RecordKey};
use keyreeve_core::{Error, ErrorKind};
use keyreeve_kmip::message::ResponseItem;
use keyreeve_kmip::values::DateTime;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::Kmip;
use crate::authn::request_id;
use crate::config::{self, Config};
use crate::follow::{Follower, Pause, Progress};
use crate::frontends::echo::{QUOTED_BYTES_MAX, cut};
use crate::listen::Shutdown;
use crate::quote::disturbs;
use crate::server_identity::{ServerIdentity, read_authorities};
use crate::start::StartError;

mod line;
mod message;

use line::Line;
use message::Event;

/// One whom messages are sent to.
pub(crate) struct Endpoint {
    configured: config::Endpoint,
    tls_name: ServerName<'static>,
    authorities: Arc<RootCertStore>,
    progress: Arc<Progress>,
}

/// Tries of one message that reach the other end and get no answer, before it is given up: about a quarter of an hour.
const TRIES_MAX: u32 = 20;

/// Why an attempt to tell something came to nothing, and is worth another one.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    /// Nothing that lies in the message: it is tried for ever.
    Elsewhere(String),
    /// The other end was there and did not answer this message, or it cannot be read here.
    WithIt(String),
}

/// How an attempt to tell something ended.
enum Told {
    /// It was taken.
    Taken,
    /// The other end refused it, and why.
    Refused(String),
    /// By the rights that it has now it is not told this.
    Withheld,
}

/// Those that the configuration names.
///
/// # Errors
/// [`StartError`] for a name that no certificate bears, and for a file that holds no authorities.
pub(crate) fn configured(config: &Config) -> Result<Vec<Endpoint>, StartError> {
    config.kmip.endpoints.iter().cloned().map(Endpoint::new).collect()
}

impl Endpoint {
    fn new(configured: config::Endpoint) -> Result<Self, StartError> {
        let wrong = |cause: String| StartError::Value(format!("the endpoint {}: {cause}", configured.name));
        let name = configured.tls_name.as_deref().unwrap_or_else(|| configured.host()).to_owned();
        let tls_name = ServerName::try_from(name)
            .map_err(|_| wrong("tls_name is neither a DNS name nor an address".to_owned()))?;
        let authorities = read_authorities(&configured.ca_file).map_err(wrong)?;
        let progress = Arc::new(Progress::new(format!("kmip-endpoint/{}", configured.name)));
        Ok(Self { configured, tls_name, authorities, progress })
    }

    /// How far it has come.
    pub(crate) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Why it is told nothing at all, by whose rights it would be, for doctor.
    pub(super) fn barred(&self, engine: &Engine) -> Option<String> {
        let cause = match self.caller(engine) {
            Err(cause) => cause,
            Ok(caller) => {
                caller.principal()?.revoked?;
                format!("the client {}, whose rights it has, was revoked", self.configured.principal)
            }
        };
        Some(format!("The KMIP endpoint {} is told nothing, nor later: {cause}.", self.configured.name))
    }

    /// Tells it what happens, until the server stops.
    pub(super) async fn run(
        self: Arc<Self>,
        kmip: Arc<Kmip>,
        identity: Arc<ServerIdentity>,
        mut shutdown: Shutdown,
    ) {
        let mut follower = None;
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            () = self.follow(&kmip, &identity, &mut follower) => {}
        }
        if let Some(Err(error)) = async { Some(follower.as_mut()?.save_at_stop().await) }.await {
            debug!(endpoint = self.configured.name, %error, "a cursor is not on record: what it stands for is told again");
        }
    }

    async fn follow(&self, kmip: &Kmip, identity: &ServerIdentity, place: &mut Option<Follower>) {
        let mut pause = Pause::default();
        loop {
            let stuck = match place {
                None => match Follower::open(kmip.engine.clone(), self.progress.clone()).await {
                    Ok(follower) => {
                        *place = Some(follower);
                        continue;
                    }
                    Err(error) => error,
                },
                Some(follower) => match self.tell_page(kmip, identity, follower).await {
                    Ok(()) => {
                        // What failed was not the endpoint's, which may have nothing to be told for long.
                        self.progress.recovered();
                        pause = Pause::default();
                        continue;
                    }
                    Err(error) => error,
                },
            };
            self.failed(&kmip.engine, &stuck.to_string());
            sleep(pause.longer()).await;
        }
    }

    /// Tells what the next entries are about, or waits for some.
    async fn tell_page(
        &self,
        kmip: &Kmip,
        identity: &ServerIdentity,
        follower: &mut Follower,
    ) -> Result<(), Error> {
        let configured = self.configured.clone();
        let page = follower.page(move |entry| message::events(&entry, &configured)).await?;
        if page.is_empty() {
            follower.wait().await;
        }
        let mut line = None;
        for (lsn, events) in page {
            let told = !events.is_empty();
            for event in &events {
                if let Some(refusal) = self.tell(kmip, identity, event, &mut line, follower).await {
                    let detail = format!("{} {refusal}", self.configured.name);
                    warn!(endpoint = self.configured.name, "{detail}");
                    follower.save(Some(detail)).await?;
                }
            }
            follower.passed(lsn, told);
        }
        follower.save_if_due().await
    }

    /// Tries until the other end has answered; gives what became of it where it was not taken.
    async fn tell(
        &self,
        kmip: &Kmip,
        identity: &ServerIdentity,
        event: &Event,
        line: &mut Option<Line>,
        follower: &mut Follower,
    ) -> Option<String> {
        let (mut pause, mut tries) = (Pause::default(), 0);
        loop {
            let told = self.attempt(kmip, identity, event, line).await;
            if told.is_ok() && self.progress.recovered() {
                info!(endpoint = self.configured.name, "an endpoint can be told again what happens");
            }
            match told {
                Ok(Told::Taken) => {
                    self.progress.update(|standing| standing.told += 1);
                    return None;
                }
                Ok(Told::Withheld) => {
                    debug!(endpoint = self.configured.name, %event, "an event is not for an endpoint, by its rights");
                    self.progress.update(|standing| standing.withheld += 1);
                    return None;
                }
                Ok(Told::Refused(refusal)) => {
                    self.progress.update(|standing| standing.refused += 1);
                    return Some(format!("refused {event}: {refusal}"));
                }
                Err(trouble) => {
                    *line = None;
                    if let Some(cause) = trouble.gives_up(&mut tries) {
                        self.progress.update(|standing| standing.given_up += 1);
                        return Some(format!("did not take {event} in {tries} tries: {cause}"));
                    }
                    self.failed(&kmip.engine, trouble.cause());
                    // What was told before is not told again because this waits.
                    if let Err(error) = follower.save_if_due().await {
                        debug!(endpoint = self.configured.name, %error, "a cursor is not on record yet");
                    }
                    sleep(pause.longer()).await;
                }
            }
        }
    }

    /// Once. The object is read, with its entry in the journal, only when somebody is there to take it.
    async fn attempt(
        &self,
        kmip: &Kmip,
        identity: &ServerIdentity,
        event: &Event,
        line: &mut Option<Line>,
    ) -> Result<Told, Trouble> {
        let mut caller = self.caller(&kmip.engine).map_err(Trouble::Elsewhere)?;
        if message::is_withheld(kmip, &caller, event, self.configured.group.as_ref())? {
            return Ok(Told::Withheld);
        }
        let patience = kmip.settings().message_max;
        let too_slow = |_| format!("there was no answer within {} s", patience.as_secs());
        let line = match line {
            Some(line) => line,
            None => {
                let dialer = identity.dialer(&self.authorities);
                let dialer = dialer.map_err(|error| Trouble::Elsewhere(error.to_string()))?;
                let dialed = Line::dial(&dialer, &self.configured.address, &self.tls_name);
                let dialed = timeout(patience, dialed).await.map_err(too_slow).and_then(|dialed| dialed);
                line.insert(dialed.map_err(Trouble::Elsewhere)?)
            }
        };
        caller.source = Some(line.peer());
        let version = self.configured.version;
        let Some(payload) = message::payload(kmip, &caller, version, event).await? else {
            return Ok(Told::Withheld);
        };
        let now = DateTime(kmip.engine.clock().now().seconds());
        let answer = timeout(patience, line.exchange(version, now, payload)).await.map_err(too_slow);
        let refusal = answer.and_then(|answer| line::refusal(&answer?)).map_err(Trouble::WithIt)?;
        Ok(refusal.map_or(Told::Taken, Told::Refused))
    }

    /// The client whose rights decide, as it is now.
    fn caller(&self, engine: &Engine) -> Result<Caller, String> {
        let told = |error: Error| error.to_string();
        let name = &self.configured.principal;
        let unknown = || format!("there is no client {name}, whose rights it has (`keyreeve client add`)");
        let address = RecordKey::PrincipalName(RealmId::DEFAULT, name.clone());
        let id = match engine.store().get(&address).map_err(told)?.as_deref() {
            Some(Record::PrincipalName { principal, .. }) => *principal,
            _ => return Err(unknown()),
        };
        match engine.store().get(&RecordKey::Principal(id)).map_err(told)?.as_deref() {
            Some(Record::Principal(principal)) => {
                let request = request_id(engine).map_err(told)?;
                Ok(Caller::authenticated(Arc::clone(principal), "kmip", None, request).unattended())
            }
            _ => Err(unknown()),
        }
    }

    fn failed(&self, engine: &Engine, cause: &str) {
        warn!(endpoint = self.configured.name, %cause, "an endpoint cannot be told what happens; it is tried again");
        self.progress.fail(engine.clock().now(), cause.to_owned());
    }
}

impl Trouble {
    /// What an error in reading for an endpoint means; `None`: it is not for this endpoint.
    fn of(kind: ErrorKind, cause: String) -> Option<Self> {
        use ErrorKind::{
            AlreadyExists, ApprovalPending, ArchiveMismatch, Archived, AttributeInstanceNotFound,
            AttributeNotFound, Conflict, ConstraintViolation, CryptoFailed, Denied, Destroyed, Internal,
            Invalid, InvalidField, KeyValueNotPresent, LimitExceeded, NotExtractable, NotFound,
            PreconditionFailed, ReadOnlyAttribute, Sensitive, TooLarge, Unauthenticated, Unavailable,
            Unsupported, UsageLimitExceeded, WrongState, WrongUsage,
        };
        match kind {
            NotFound
            | Destroyed
            | Archived
            | Denied
            | WrongState
            | WrongUsage
            | NotExtractable
            | Sensitive
            | ApprovalPending
            | AttributeNotFound
            | AttributeInstanceNotFound
            | KeyValueNotPresent
            | UsageLimitExceeded
            | Unsupported => None,
            // The client's roles changed since they were read: they are read anew.
            Unauthenticated | Unavailable | Conflict | LimitExceeded | PreconditionFailed => {
                Some(Self::Elsewhere(cause))
            }
            Internal | CryptoFailed | TooLarge | Invalid | InvalidField | ConstraintViolation
            | ReadOnlyAttribute | AlreadyExists | ArchiveMismatch => Some(Self::WithIt(cause)),
        }
    }

    fn cause(&self) -> &str {
        let (Self::Elsewhere(cause) | Self::WithIt(cause)) = self;
        cause
    }

    /// Counts a try; gives the cause where that was the last one.
    fn gives_up(&self, tries: &mut u32) -> Option<&str> {
        match self {
            Self::Elsewhere(_) => None,
            Self::WithIt(cause) => {
                *tries += 1;
                (*tries >= TRIES_MAX).then_some(cause)
            }
        }
    }
}

/// What somebody else wrote, for log and record.
fn quoted(item: &ResponseItem) -> String {
    let message = item.result_message.clone().unwrap_or_default();
    let clean: String = message.chars().filter(|c| !disturbs(*c)).collect();
    let reason = item.result_reason.map_or_else(|| "no reason".to_owned(), |reason| reason.to_string());
    format!("{reason}: {}", cut(clean, QUOTED_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_is_given_up_and_an_endpoint_that_is_away_never() {
        let cause = || "it closes".to_owned();
        let (mut tries, message) = (0, Trouble::WithIt(cause()));
        let away = Trouble::Elsewhere(cause());
        for _ in 1..TRIES_MAX {
            assert_eq!((message.gives_up(&mut tries), away.gives_up(&mut tries)), (None, None));
        }
        assert_eq!((away.gives_up(&mut tries), message.gives_up(&mut tries)), (None, Some("it closes")));
    }

    #[test]
    fn only_rights_and_states_keep_something_from_an_endpoint() {
        for kind in [ErrorKind::NotFound, ErrorKind::Denied, ErrorKind::Sensitive, ErrorKind::Archived] {
            assert_eq!(Trouble::of(kind, String::new()), None);
        }
        let elsewhere = Some(Trouble::Elsewhere(String::new()));
        assert_eq!(Trouble::of(ErrorKind::Unauthenticated, String::new()), elsewhere);
        assert_eq!(Trouble::of(ErrorKind::Internal, String::new()), Some(Trouble::WithIt(String::new())));
    }
}
