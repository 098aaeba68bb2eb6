//! The watch: shows the rules of alerts each entry of the journal as it comes, and puts on record what they find. One thread that
//! steps behind requests: on a busy server alerts come late rather than slow it. Not here: what is noticed (core), and how people
//! get to know of it.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use keyreeve_core::Result;
use keyreeve_core::access::Caller;
use keyreeve_core::alerts::{Finding, Observed, Watch};
use keyreeve_core::engine::Engine;
use keyreeve_core::model::{Lsn, Time};
use keyreeve_core::operations::alerts::RaiseAlert;
use keyreeve_core::record::Entry;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::authn::request_id;
use crate::entry_json::host;
use crate::execute::execute;
use crate::follow::{Follower, Pause, Progress};
use crate::listen::Shutdown;

/// What its cursor is called.
const READER: &str = "alerts";
/// How much of the past the rules see again after a start, so that they know what is usual.
const REMEMBERED_DAYS: i64 = 42;
/// Entries of the past that they see at most: a minute's work or so.
const REMEMBERED_ENTRIES_MAX: u64 = 10_000_000;
/// How long entries gather before they are looked at.
const GATHERED_FOR: Duration = Duration::from_millis(200);
/// Steps behind requests, but is not starved by what comes last of all.
const NICENESS: i32 = 10;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The watch's way through the journal.
struct Way {
    follower: Follower,
    watch: Watch,
    /// Up to here the rules are only reminded: what they find was on record before.
    reminded_to: Lsn,
    /// What was found and is not on record yet.
    found: VecDeque<Finding>,
    pseudonyms: RandomState,
}

/// How far the watch is, for metrics and doctor.
pub(crate) fn progress() -> Arc<Progress> {
    Arc::new(Progress::new(READER.to_owned()))
}

/// Watches from where it was left, until the server stops.
///
/// # Errors
/// Where no thread is to be had.
pub(crate) fn run(
    engine: &Arc<Engine>,
    progress: &Arc<Progress>,
    shutdown: &Shutdown,
    tasks: &mut JoinSet<()>,
) -> std::io::Result<()> {
    let (engine, progress, shutdown) = (engine.clone(), progress.clone(), shutdown.clone());
    let (ended, end) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    thread::Builder::new().name("alerts".into()).spawn(move || {
        if let Err(error) = keyreeve_store::lower_priority(NICENESS) {
            warn!(%error, "alerts cannot let requests go first");
        }
        runtime.block_on(watch(engine, progress, shutdown));
        drop(ended);
    })?;
    // The sender says nothing: that it is gone is the end.
    tasks.spawn(async move { drop(end.await) });
    Ok(())
}

async fn watch(engine: Arc<Engine>, progress: Arc<Progress>, mut shutdown: Shutdown) {
    let mut way = None;
    tokio::select! {
        biased;
        () = shutdown.requested() => {}
        () = go(&engine, &progress, &mut way) => {}
    }
    if let Some(Way { mut follower, .. }) = way
        && let Err(error) = follower.save_at_stop().await
    {
        debug!(%error, "how far alerts are is not on record: they look again at what they saw");
    }
}

async fn go(engine: &Arc<Engine>, progress: &Arc<Progress>, place: &mut Option<Way>) {
    let mut pause = Pause::default();
    loop {
        let went = match place {
            Some(way) => way.step(engine).await,
            None => Way::open(engine, progress).await.map(|way| *place = Some(way)),
        };
        match went {
            Ok(()) => {
                pause = Pause::default();
                progress.recovered();
            }
            Err(error) => {
                warn!(%error, "alerts cannot look at the journal, or not put on record what they found; tried again");
                progress.fail(engine.clock().now(), error.to_string());
                sleep(pause.longer()).await;
            }
        }
    }
}

impl Way {
    async fn open(engine: &Arc<Engine>, progress: &Arc<Progress>) -> Result<Self> {
        let mut follower = Follower::open(engine.clone(), progress.clone()).await?;
        let reminded_to = follower.at();
        follower.go_to(remembered_from(engine, reminded_to)?);
        let (watch, found) = (Watch::default(), VecDeque::new());
        Ok(Self { follower, watch, reminded_to, found, pseudonyms: RandomState::new() })
    }

    /// Looks at the next entries, or waits for some.
    async fn step(&mut self, engine: &Arc<Engine>) -> Result<()> {
        self.raise(engine).await?;
        let (opener, pseudonyms) = (engine.clone(), self.pseudonyms.clone());
        let page = self.follower.page(move |entry| observed(&opener, &pseudonyms, entry)).await?;
        if page.is_empty() {
            self.follower.save_if_due().await?;
            self.follower.wait().await;
            sleep(GATHERED_FOR).await;
            return Ok(());
        }
        for (lsn, entry) in page {
            let found = self.watch.observe(&entry);
            let is_news = lsn > self.reminded_to;
            self.follower.passed(lsn, is_news && !found.is_empty());
            if is_news && !found.is_empty() {
                self.found.extend(found);
                self.raise(engine).await?;
            }
        }
        if self.follower.at() > self.reminded_to { self.follower.save_if_due().await } else { Ok(()) }
    }

    /// Puts on record what was found.
    async fn raise(&mut self, engine: &Arc<Engine>) -> Result<()> {
        while let Some(finding) = self.found.front() {
            raise(engine, finding).await?;
            self.found.pop_front();
        }
        Ok(())
    }
}

/// Puts a finding on record in its realm, unless it is.
///
/// # Errors
/// The store's.
pub(crate) async fn raise(engine: &Arc<Engine>, finding: &Finding) -> Result<()> {
    let raise = RaiseAlert { finding: finding.clone() };
    if raise.is_known(engine, finding.realm)? {
        return Ok(());
    }
    let caller = Caller::system(request_id(engine)?).in_realm(finding.realm);
    execute(engine, &caller, raise).await
}

/// The entry as rules see it. What they find stands in the journal for ever: of persons, whose names, addresses and words can be
/// erased, they see words that stand for them.
fn observed(engine: &Engine, pseudonyms: &RandomState, entry: Entry) -> Observed {
    let is_personal = entry.draft.personal.is_some();
    let name = entry.draft.principal_name.clone();
    let Entry { lsn, draft } = engine.reveal(entry);
    let source = draft.source.as_deref().map(host);
    let (source, target) = if is_personal {
        let word = |source: &str| format!("somewhere-{:08x}", pseudonyms.hash_one(network(source)) as u32);
        (source.map(word), draft.key.map(|key| key.to_string()))
    } else {
        (source.map(str::to_owned), draft.target)
    };
    Observed {
        lsn,
        time: draft.time,
        realm: draft.realm,
        principal: draft.principal,
        name,
        by_kmip: draft.protocol == "kmip",
        source,
        action: draft.action,
        key: draft.key,
        target,
        outcome: draft.outcome,
        reason: draft.reason,
        canary: draft.canary,
    }
}

/// The network that an address is of, as far as one site has it: /24 of IPv4, /48 of IPv6.
fn network(address: &str) -> Vec<u8> {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.octets()[..3].to_vec(),
        Ok(IpAddr::V6(address)) => address.octets()[..6].to_vec(),
        Err(_) => address.as_bytes().to_vec(),
    }
}

/// Behind which entry those begin that are not older than what rules remember.
///
/// # Errors
/// The store's.
fn remembered_from(engine: &Engine, end: Lsn) -> Result<Lsn> {
    let store = engine.store();
    let since = Time(engine.clock().now().0.saturating_sub(REMEMBERED_DAYS * DAY_MS));
    let oldest = store.journal_begins()?.0.saturating_sub(1);
    let (mut low, mut high) = (oldest.max(end.0.saturating_sub(REMEMBERED_ENTRIES_MAX)), end.0);
    // Entries are in the order of their times, near enough.
    while low < high {
        let middle = low + (high - low) / 2;
        match store.journal_within(Lsn(middle), 1, &mut { usize::MAX })?.first() {
            Some(entry) if entry.draft.time < since => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(Lsn(low))
}
