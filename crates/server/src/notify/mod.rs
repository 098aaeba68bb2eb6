//! Notifications: people and services that are told of alerts, each by a route of its own. One file a kind of destination. Not
//! here: what an alert is (core/alerts), and the file that names destinations (config/notify).
//!
//! INVARIANT: nothing that came over a network adds a destination or changes one: whoever could, would have the server call
//! any address, and alerts told to nobody.

mod email;
mod events;
mod line;
mod notice;
mod pagerduty;
mod post;
mod retry;
mod secrets;
mod shelf;
mod slack;
mod telling;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::Result;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::{Lsn, Time};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::authn::request_id;
use crate::config::{self, Config, DestinationKind};
use crate::follow::{Progress, Standing};
use crate::listen::Shutdown;
use crate::start::StartError;
use email::{Email, Reached};
use notice::Notice;
use pagerduty::Pagerduty;
use slack::Slack;
use telling::Teller;
use webhook::Webhook;

/// Whether a server that says this agrees to TLS, or takes a message; for fuzzing. `None` where it waits for more.
pub(crate) fn smtp_takes(answers: &[u8]) -> Option<bool> {
    Some(line::consents(answers)?.is_ok() || email::answered(answers)?)
}

/// Those who are told of alerts by one server.
#[derive(Default)]
pub struct Notifications {
    destinations: Vec<Arc<Destination>>,
    /// The server's first name, by which they know it.
    server: Arc<str>,
    give_up_days: u32,
}

/// Who is told, and how.
struct Destination {
    configured: config::Destination,
    outlet: Outlet,
    progress: Arc<Progress>,
    last: Mutex<Last>,
    /// Told by a test that was taken.
    is_back: Notify,
}

/// What became of the last messages.
#[derive(Clone, Debug, Default)]
struct Last {
    /// When one was taken.
    sent: Option<Time>,
    /// When one was not, and why.
    failed: Option<(Time, String)>,
}

/// What messages go out by.
enum Outlet {
    Webhook(Webhook),
    Email(Box<Email>),
    Slack(Slack),
    Pagerduty(Pagerduty),
}

/// Why a message was not taken. Texts hold no secret, and no URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nothing that lies in the message, and for how long the other end asks to be left alone.
    Elsewhere(String, Option<Duration>),
    /// The other end does not want this message.
    Refused(String),
    /// The other end wants nothing any more.
    Gone(String),
}

impl Failure {
    /// What was wrong.
    pub(super) fn cause(&self) -> &str {
        let (Self::Elsewhere(cause, _) | Self::Refused(cause) | Self::Gone(cause)) = self;
        cause
    }
}

/// What became of a test.
pub struct Tested {
    /// Whether the message was taken.
    pub sent: bool,
    /// What the other end answered, or why the message was not taken.
    pub said: String,
}

impl Notifications {
    /// Those that the configuration names.
    ///
    /// # Errors
    /// [`StartError`] for a file that cannot be read, or holds what it should not, and for addresses that are none.
    pub fn configured(config: &Config) -> std::result::Result<Self, StartError> {
        let destination = |configured: &config::Destination| {
            let outlet = Outlet::new(configured).map_err(|cause| {
                StartError::Value(format!("the destination {}: {cause}", configured.name))
            })?;
            let progress = Arc::new(Progress::new(reader(&configured.name)));
            let configured = configured.clone();
            let (last, is_back) = (Mutex::default(), Notify::new());
            Ok(Arc::new(Destination { configured, outlet, progress, last, is_back }))
        };
        let destinations = config.notify.destinations.iter();
        let destinations = destinations.map(destination).collect::<std::result::Result<_, StartError>>()?;
        let server = config.tls.names.first().map_or("", String::as_str).into();
        Ok(Self { destinations, server, give_up_days: config.notify.give_up_days })
    }

    /// Tells them of what happens from now on, until the server stops.
    ///
    /// # Errors
    /// Where no thread is to be had.
    pub(crate) fn run(
        &self,
        engine: &Arc<Engine>,
        shutdown: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) -> std::io::Result<()> {
        if self.destinations.is_empty() {
            return Ok(());
        }
        let teller = Teller {
            engine: Arc::clone(engine),
            server: Arc::clone(&self.server),
            shelf: Arc::default(),
            give_up_after: Duration::from_secs(u64::from(self.give_up_days) * 86_400),
        };
        let destinations = self.destinations.clone();
        telling::run(destinations, teller, shutdown.clone(), tasks)
    }

    /// How far each has come.
    pub(crate) fn progress(&self) -> impl Iterator<Item = &Progress> {
        self.destinations.iter().map(|destination| &*destination.progress)
    }

    /// What is wrong, for doctor.
    pub fn troubles(&self, published: Lsn) -> impl Iterator<Item = String> {
        let told = move |one: &Arc<Destination>| [one.progress.trouble(published), one.progress.missed()];
        self.destinations.iter().flat_map(told).flatten()
    }

    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.named(name).is_some()
    }

    /// Sends a message that says nothing to one of them, once; `None` where there is none of this name.
    ///
    /// # Errors
    /// The generator's.
    pub async fn test(&self, engine: &Engine, name: &str) -> Result<Option<Tested>> {
        let Some(destination) = self.named(name) else { return Ok(None) };
        let id = format!("test-{}", request_id(engine)?);
        let notice = Notice::test(id, engine.clock().now(), &self.server);
        let told = destination.send(engine, &notice, &mut Reached::new()).await;
        Ok(Some(match told {
            Ok(said) => {
                destination.is_back.notify_waiters();
                Tested { sent: true, said }
            }
            Err(failure) => Tested { sent: false, said: failure.cause().to_owned() },
        }))
    }

    /// For REST; `published` is the end of the journal.
    pub fn to_json(&self, published: Lsn) -> Vec<Value> {
        self.destinations.iter().map(|destination| destination.to_json(published)).collect()
    }

    fn named(&self, name: &str) -> Option<&Arc<Destination>> {
        self.destinations.iter().find(|destination| destination.configured.name == name)
    }
}

/// What a destination's cursor is called.
fn reader(name: &str) -> String {
    format!("notify/{name}")
}

impl Destination {
    /// Once; gives what the other end said.
    async fn send(
        &self,
        engine: &Engine,
        notice: &Notice,
        reached: &mut Reached,
    ) -> std::result::Result<String, Failure> {
        let sent = self.outlet.deliver(engine, notice, reached).await;
        let now = engine.clock().now();
        let mut last = self.last.lock();
        match &sent {
            Ok(_) => *last = Last { sent: Some(now), failed: None },
            Err(failure) => last.failed = Some((now, failure.cause().to_owned())),
        }
        sent
    }

    fn to_json(&self, published: Lsn) -> Value {
        let Last { sent, failed } = self.last.lock().clone();
        let Standing { at, told, given_up, failing, .. } = self.progress.standing();
        let trouble = failing.or(failed).map(|(_, cause)| cause);
        let config::Destination { name, to, severity, realms, rules, .. } = &self.configured;
        json!({
            "name": name,
            "to": to,
            "severity": severity,
            "realms": realms,
            "rules": rules,
            "last_sent": sent.map(|time| time.to_string()),
            "lag_entries": published.0.saturating_sub(at.0),
            "told": told,
            "given_up": given_up,
            "trouble": trouble,
        })
    }
}

impl Outlet {
    fn new(configured: &config::Destination) -> std::result::Result<Self, String> {
        Ok(match configured.to {
            DestinationKind::Webhook => Self::Webhook(Webhook::new(configured)?),
            DestinationKind::Email => Self::Email(Box::new(Email::new(configured)?)),
            DestinationKind::Slack => Self::Slack(Slack::new(configured)?),
            DestinationKind::Pagerduty => Self::Pagerduty(Pagerduty::new(configured)?),
        })
    }

    async fn deliver(
        &self,
        engine: &Engine,
        notice: &Notice,
        reached: &mut Reached,
    ) -> std::result::Result<String, Failure> {
        match self {
            Self::Webhook(webhook) => webhook.deliver(&**engine.crypto(), engine.clock().now(), notice).await,
            Self::Email(email) => email.deliver(notice, reached).await,
            Self::Slack(slack) => slack.deliver(notice).await,
            Self::Pagerduty(pagerduty) => pagerduty.deliver(notice).await,
        }
    }
}
