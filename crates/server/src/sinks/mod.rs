//! Sinks: other security tools that are told what the journal says, each from a cursor of its own, at least once. One that is
//! slow, absent or full costs a task and a page of text, and holds up no request and no other sink. One file a kind of sink,
//! one a format. Not here: how far each has come (follow).
//!
//! INVARIANT: nothing that came over a network adds a sink or changes one.

use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::Result;
use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::Lsn;
use keyreeve_core::operations::cursor::ReplaySink;
use parking_lot::Mutex;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::config::{self, Config};
use crate::execute::execute;
use crate::follow::{Follower, Pause, Progress};
use crate::listen::Shutdown;
use crate::server_identity::{ServerIdentity, read_authorities};
use crate::start::StartError;

mod file;
mod formats;
mod stdout;
mod syslog;
mod workshop;

use file::Lines;
use syslog::{Header, Syslog};
use workshop::{Wanted, Workshop};

/// How long entries gather before a sink that has caught up is told of them.
const GATHERED_FOR: Duration = Duration::from_millis(50);

/// The sinks of one server.
#[derive(Default)]
pub struct Sinks(Vec<Arc<Sink>>);

/// Who is told.
struct Sink {
    configured: config::Sink,
    syslog: Option<Peer>,
    progress: Arc<Progress>,
    replay: Replay,
}

/// Whom syslog goes to.
struct Peer {
    address: String,
    name: ServerName<'static>,
    authorities: Arc<RootCertStore>,
}

/// Where it is to begin again.
#[derive(Default)]
struct Replay {
    after: Mutex<Option<Lsn>>,
    asked: Notify,
    /// Held by who puts a cursor on record: that somebody moved must not be overwritten.
    turn: tokio::sync::Mutex<()>,
}

/// What entries go out by.
enum Outlet {
    File(Lines),
    Stdout,
    Syslog(Box<Syslog>),
}

/// One sink's way through the journal.
struct Way {
    follower: Follower,
    outlet: Outlet,
    /// Up to where it is sure that it was told.
    sure: Lsn,
}

impl Sinks {
    /// Those that the configuration names.
    ///
    /// # Errors
    /// [`StartError`] for a name that no certificate bears, a file that holds no authorities, and a file among the server's
    /// own.
    pub fn configured(config: &Config) -> Result<Self, StartError> {
        let sinks = config.audit.sinks.iter().cloned();
        Ok(Self(sinks.map(|sink| Sink::new(sink, config).map(Arc::new)).collect::<Result<_, _>>()?))
    }

    /// Tells them what happens from now on, until the server stops.
    ///
    /// # Errors
    /// Where no thread is to be had.
    pub(crate) fn run(
        &self,
        engine: &Arc<Engine>,
        identity: &Arc<ServerIdentity>,
        shutdown: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), StartError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let workshop = Arc::new(Workshop::start().map_err(StartError::Runtime)?);
        for sink in &self.0 {
            let (sink, engine, workshop) = (sink.clone(), engine.clone(), workshop.clone());
            tasks.spawn(sink.run(engine, workshop, identity.clone(), shutdown.clone()));
        }
        Ok(())
    }

    /// For REST; `published` is the end of the journal.
    pub fn to_json(&self, published: Lsn) -> Vec<Value> {
        self.0.iter().map(|sink| sink.to_json(published)).collect()
    }

    /// How far each has come.
    pub(crate) fn progress(&self) -> impl Iterator<Item = &Progress> {
        self.0.iter().map(|sink| &*sink.progress)
    }

    /// What is wrong, for doctor.
    pub fn troubles(&self, published: Lsn) -> impl Iterator<Item = String> {
        let told = move |sink: &Arc<Sink>| [sink.progress.trouble(published), sink.progress.missed()];
        self.0.iter().flat_map(told).flatten()
    }

    /// Tells a sink all from behind a position once more, for a caller who may.
    ///
    /// # Errors
    /// As every operation; `NotFound` for a sink that the configuration does not name.
    pub async fn replay(&self, engine: &Arc<Engine>, caller: &Caller, name: &str, after: Lsn) -> Result<()> {
        let found = self.0.iter().find(|sink| sink.configured.name == name);
        let operation = |known| ReplaySink { reader: reader(name), after, known };
        let Some(sink) = found else { return execute(engine, caller, operation(false)).await };
        let _turn = sink.replay.turn.lock().await;
        execute(engine, caller, operation(true)).await?;
        *sink.replay.after.lock() = Some(after);
        sink.replay.asked.notify_one();
        Ok(())
    }
}

/// Waits for entries, and lets some more come: to be woken for each commit costs a busy server more than what is told.
async fn gather(follower: &Follower) {
    follower.wait().await;
    sleep(GATHERED_FOR).await;
}

/// What a sink's cursor is called.
fn reader(name: &str) -> String {
    format!("sink/{name}")
}

impl Sink {
    fn new(configured: config::Sink, config: &Config) -> Result<Self, StartError> {
        let wrong = |cause: String| StartError::Value(format!("the sink {}: {cause}", configured.name));
        if configured.file.as_ref().is_some_and(|file| file.starts_with(&config.data.dir)) {
            return Err(wrong(
                "its file must not lie in data.dir, where nothing but the store may write".into(),
            ));
        }
        let syslog = match (&configured.address, &configured.ca_file) {
            (Some(address), Some(ca_file)) => {
                let name = configured.tls_name.as_deref().unwrap_or_else(|| configured.host()).to_owned();
                let name = ServerName::try_from(name)
                    .map_err(|_| wrong("tls_name is neither a DNS name nor an address".to_owned()))?;
                let authorities = read_authorities(ca_file).map_err(wrong)?;
                Some(Peer { address: address.clone(), name, authorities })
            }
            _ => None,
        };
        let progress = Arc::new(Progress::new(reader(&configured.name)));
        Ok(Self { configured, syslog, progress, replay: Replay::default() })
    }

    async fn run(
        self: Arc<Self>,
        engine: Arc<Engine>,
        workshop: Arc<Workshop>,
        identity: Arc<ServerIdentity>,
        mut shutdown: Shutdown,
    ) {
        let mut way = None;
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            () = self.follow(&engine, &workshop, &identity, &mut way) => {}
        }
        if let Some(way) = way
            && let Err(error) = self.close(way).await
        {
            debug!(sink = self.configured.name, %error, "a cursor is not on record: what it stands for is told again");
        }
    }

    async fn follow(
        &self,
        engine: &Arc<Engine>,
        workshop: &Workshop,
        identity: &Arc<ServerIdentity>,
        place: &mut Option<Way>,
    ) {
        let wanted = Wanted {
            format: self.configured.format,
            except: self.configured.except.clone().into(),
            header: self.syslog.is_some().then(|| Arc::new(Header::new())),
        };
        let mut pause = Pause::default();
        loop {
            let went = match place {
                Some(way) => self.tell_page(engine, workshop, &wanted, way).await,
                None => match Follower::open(engine.clone(), self.progress.clone()).await {
                    Ok(follower) => {
                        let (outlet, sure) = (self.outlet(identity), follower.at());
                        *place = Some(Way { follower, outlet, sure });
                        Ok(())
                    }
                    Err(error) => Err(error.to_string()),
                },
            };
            match went {
                Ok(()) => pause = Pause::default(),
                Err(cause) => {
                    self.failed(engine, cause);
                    if let Some(way) = place {
                        way.go_back();
                    }
                    sleep(pause.longer()).await;
                }
            }
        }
    }

    /// Tells the next entries, or waits for some.
    async fn tell_page(
        &self,
        engine: &Arc<Engine>,
        workshop: &Workshop,
        wanted: &Wanted,
        way: &mut Way,
    ) -> Result<(), String> {
        let asked = self.replay.after.lock().take();
        if let Some(after) = asked {
            info!(sink = self.configured.name, %after, "a sink is told once more what the journal says");
            way.begin_behind(after);
        }
        let page = match workshop.page(engine, way.follower.at(), wanted).await {
            Ok(page) => page,
            Err(error) => {
                let skipped = way.follower.skip_what_is_gone().await;
                if skipped.map_err(|error| error.to_string())? {
                    way.begin_behind(way.follower.at());
                    return Ok(());
                }
                return Err(error.to_string());
            }
        };
        match page.last {
            None => tokio::select! {
                () = gather(&way.follower) => {}
                () = self.replay.asked.notified() => {}
            },
            Some(last) => {
                way.outlet.send(page.text, last).await?;
                self.told(page.told, page.withheld);
                way.follower.passed(last, page.has_news);
            }
        }
        way.settle().await?;
        if way.follower.is_due() { self.save(way).await } else { Ok(()) }
    }

    /// Puts on record up to where it is sure, unless somebody has just moved the cursor.
    async fn save(&self, way: &mut Way) -> Result<(), String> {
        let _turn = self.replay.turn.lock().await;
        if self.replay.after.lock().is_some() {
            return Ok(());
        }
        way.follower.save_up_to(way.sure).await.map_err(|error| error.to_string())
    }

    async fn close(&self, mut way: Way) -> Result<(), String> {
        let outlet = std::mem::replace(&mut way.outlet, Outlet::Stdout);
        if let Some(sure) = outlet.close(way.follower.at()).await? {
            way.sure = sure;
        }
        self.save(&mut way).await
    }

    fn outlet(&self, identity: &Arc<ServerIdentity>) -> Outlet {
        match (&self.syslog, &self.configured.file) {
            (Some(Peer { address, name, authorities }), _) => Outlet::Syslog(Box::new(Syslog::new(
                identity.clone(),
                (address.clone(), name.clone()),
                authorities.clone(),
            ))),
            (None, Some(file)) => Outlet::File(Lines::new(file.clone())),
            (None, None) => Outlet::Stdout,
        }
    }

    fn told(&self, told: u64, withheld: u64) {
        self.progress.update(|standing| {
            standing.told += told;
            standing.withheld += withheld;
        });
        if told > 0 && self.progress.recovered() {
            info!(sink = self.configured.name, "a sink can be told again what happens");
        }
    }

    fn failed(&self, engine: &Engine, cause: String) {
        warn!(sink = self.configured.name, %cause, "a sink cannot be told what happens; it is tried again");
        self.progress.fail(engine.clock().now(), cause);
    }

    fn to_json(&self, published: Lsn) -> Value {
        let mut told = self.progress.to_json(published);
        if let Value::Object(fields) = &mut told {
            fields.remove("refused");
            fields.remove("reader");
            fields.insert("name".into(), json!(self.configured.name));
            fields.insert("to".into(), json!(self.configured.to));
            fields.insert("format".into(), json!(self.configured.format));
        }
        told
    }
}

impl Way {
    /// Learns up to where what went out has come.
    async fn settle(&mut self) -> Result<(), String> {
        let at = self.follower.at();
        match &mut self.outlet {
            Outlet::Stdout => self.sure = at,
            Outlet::Syslog(syslog) => self.sure = syslog.settle()?.unwrap_or(self.sure),
            // A sync is dear, and what it is for is the cursor.
            Outlet::File(lines) if self.follower.is_due() => {
                lines.settle().await?;
                self.sure = at;
            }
            Outlet::File(_) => {}
        }
        Ok(())
    }

    /// What may not have come goes out once more.
    fn go_back(&mut self) {
        if let Outlet::Syslog(syslog) = &mut self.outlet {
            self.sure = syslog.hang_up().unwrap_or(self.sure);
        }
        self.follower.go_to(self.sure);
    }

    /// All behind this position goes out, whatever did before.
    fn begin_behind(&mut self, after: Lsn) {
        if let Outlet::Syslog(syslog) = &mut self.outlet {
            syslog.forget();
        }
        self.sure = after;
        self.follower.go_to(after);
    }
}

impl Outlet {
    async fn send(&mut self, text: Vec<u8>, up_to: Lsn) -> Result<(), String> {
        match self {
            // Where all was left out, there is nothing to write, and still somewhere to have come to.
            Self::File(_) | Self::Stdout if text.is_empty() => Ok(()),
            Self::File(lines) => lines.send(text).await,
            Self::Stdout => stdout::send(text).await,
            Self::Syslog(syslog) => syslog.send(&text, up_to).await,
        }
    }

    /// Ends it; up to where what went out has come, where that is more than was known.
    async fn close(self, at: Lsn) -> Result<Option<Lsn>, String> {
        match self {
            Self::File(mut lines) => lines.settle().await.map(|()| Some(at)),
            Self::Stdout => Ok(Some(at)),
            Self::Syslog(syslog) => Ok(syslog.close().await),
        }
    }
}
