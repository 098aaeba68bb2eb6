//! Each destination's way through the journal: it is told of one alert after the other, each until it was taken or given up, at
//! least once and over restarts. One that is away, slow or refuses costs a task, and holds up no request and no other
//! destination. Not here: how a message gets there.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use keyreeve_core::Result;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::{Lsn, Time};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::email::Reached;
use super::notice::{Event, Notice};
use super::retry::{Next, Tries};
use super::shelf::Shelf;
use super::{Destination, events};
use crate::config::{self, DestinationEvent};
use crate::follow::{Follower, Pause};
use crate::listen::Shutdown;

/// How long entries gather before a destination that has caught up looks at them: to be woken for each commit costs a busy
/// server more than what is told.
const GATHERED_FOR: Duration = Duration::from_millis(500);

/// Steps behind requests, but is not starved by what comes last of all.
const NICENESS: i32 = 10;

/// What all destinations of a server share.
#[derive(Clone)]
pub(super) struct Teller {
    pub(super) engine: Arc<Engine>,
    /// The server's first name.
    pub(super) server: Arc<str>,
    pub(super) shelf: Arc<Shelf>,
    /// How old an alert is when it is of no use to tell of it any more.
    pub(super) give_up_after: Duration,
}

/// Tells all of them of what happens, on one thread that steps behind requests.
pub(super) fn run(
    destinations: Vec<Arc<Destination>>,
    teller: Teller,
    shutdown: Shutdown,
    tasks: &mut JoinSet<()>,
) -> std::io::Result<()> {
    let (ended, end) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("notifications".into()).spawn(move || {
        if let Err(error) = keyreeve_store::lower_priority(NICENESS) {
            warn!(%error, "notifications cannot let requests go first");
        }
        runtime.block_on(async {
            let mut all = JoinSet::new();
            for destination in destinations {
                all.spawn(destination.run(teller.clone(), shutdown.clone()));
            }
            while all.join_next().await.is_some() {}
        });
        drop(ended);
    })?;
    // The sender says nothing: that it is gone is the end.
    tasks.spawn(async move { drop(end.await) });
    Ok(())
}

impl Destination {
    /// Tells it of what happens from now on, until the server stops.
    pub(super) async fn run(self: Arc<Self>, teller: Teller, mut shutdown: Shutdown) {
        let mut follower = None;
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            () = self.follow(&teller, &mut follower) => {}
        }
        if let Some(Err(error)) = async { Some(follower.as_mut()?.save_at_stop().await) }.await {
            debug!(destination = self.configured.name, %error, "a cursor is not on record: what it stands for is told again");
        }
    }

    async fn follow(&self, teller: &Teller, place: &mut Option<Follower>) {
        let mut pause = Pause::default();
        loop {
            let went = match place {
                Some(follower) => self.tell_page(teller, follower).await,
                None => match Follower::open(teller.engine.clone(), self.progress.clone()).await {
                    Ok(follower) => {
                        *place = Some(follower);
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
            };
            match went {
                Ok(()) => pause = Pause::default(),
                Err(error) => {
                    self.failed(teller.engine.clock().now(), &error.to_string());
                    sleep(pause.longer()).await;
                }
            }
        }
    }

    /// Tells what the next entries are about, or waits for some.
    async fn tell_page(&self, teller: &Teller, follower: &mut Follower) -> Result<()> {
        let (engine, server) = (Arc::clone(&teller.engine), Arc::clone(&teller.server));
        let after = follower.at();
        let read = follower.page(move |entry| events::notice(&engine, &server, &entry));
        let page = teller.shelf.page(after, read).await?;
        if page.is_empty() {
            follower.wait().await;
            sleep(GATHERED_FOR).await;
        }
        for (lsn, notice) in page.iter() {
            let wanted = notice.as_ref().filter(|notice| takes(&self.configured, notice));
            match wanted {
                Some(notice) => self.tell_and_save(teller, follower, *lsn, notice).await?,
                None => follower.passed(*lsn, false),
            }
        }
        follower.save_if_due().await
    }

    /// Tells it, and puts on record that this is done: a crash later tells none of it again.
    async fn tell_and_save(
        &self,
        teller: &Teller,
        follower: &mut Follower,
        lsn: Lsn,
        notice: &Notice,
    ) -> Result<()> {
        let given_up = self.tell(teller, notice).await?;
        follower.passed(lsn, true);
        match given_up {
            None => follower.save(None).await,
            Some(cause) => {
                let detail = format!("{} was not told of {}: {cause}", self.configured.name, notice.subject);
                warn!(destination = self.configured.name, "{detail}");
                self.progress.update(|standing| standing.given_up += 1);
                follower.save(Some(detail)).await
            }
        }
    }

    /// Tries until it was taken, or there is no use any more; gives why, then.
    async fn tell(&self, teller: &Teller, notice: &Notice) -> Result<Option<String>> {
        let (mut tries, mut reached) = (Tries::new(teller.give_up_after), Reached::new());
        loop {
            let failure = match self.send(&teller.engine, notice, &mut reached).await {
                Ok(said) => {
                    debug!(destination = self.configured.name, said, "a destination was told");
                    self.progress.update(|standing| standing.told += 1);
                    if self.progress.recovered() {
                        info!(
                            destination = self.configured.name,
                            "a destination can be told again what happens"
                        );
                    }
                    return Ok(None);
                }
                Err(failure) => failure,
            };
            let now = teller.engine.clock().now();
            self.failed(now, failure.cause());
            match tries.next(&failure, age(now, notice.time), chance(&teller.engine)?) {
                Next::GiveUp => return Ok(Some(failure.cause().to_owned())),
                // A test that was taken says that it is there again.
                Next::Again(pause) => tokio::select! {
                    () = sleep(pause) => {}
                    () = self.is_back.notified() => {}
                },
            }
        }
    }

    fn failed(&self, now: Time, cause: &str) {
        warn!(destination = self.configured.name, %cause, "a destination was not told; it is tried again");
        self.progress.fail(now, cause.to_owned());
    }
}

/// Whether a destination's route takes it.
fn takes(configured: &config::Destination, notice: &Notice) -> bool {
    let config::Destination { events, severity, realms, rules, .. } = configured;
    let is_wanted = match notice.event {
        Event::Alert => {
            events.contains(&DestinationEvent::Alerts)
                && notice.severity >= severity.severity()
                && (rules.is_empty() || rules.contains(&notice.rule))
        }
        Event::Rotation => events.contains(&DestinationEvent::Rotations),
        Event::Test => false,
    };
    is_wanted && (realms.is_empty() || realms.contains(&notice.realm))
}

/// How old something is; one of the future is new.
fn age(now: Time, then: Time) -> Duration {
    Duration::from_millis(u64::try_from(now.0.saturating_sub(then.0)).unwrap_or(0))
}

fn chance(engine: &Engine) -> Result<u64> {
    let mut random = [0; 8];
    engine.crypto().fill(&mut random)?;
    Ok(u64::from_be_bytes(random))
}

#[cfg(test)]
mod tests {
    use keyreeve_core::alerts::Severity;

    use super::*;
    #[test]
    fn a_route_takes_its_events_of_its_realms() {
        let text = "[[notify.destinations]]\nname = \"ops\"\nto = \"slack\"\nurl_file = \"f\"\nevents = [\"rotations\"]\n\
                    realms = [\"default\"]\n";
        let config: config::Config = toml::from_str(text).unwrap();
        let configured = config.notify.destinations[0].clone();
        let notice = Notice { event: Event::Rotation, ..Notice::test("a".to_owned(), Time(0), "kms") };
        assert!(takes(&configured, &notice));
        assert!(!takes(&configured, &Notice { realm: "other".to_owned(), ..notice.clone() }));
        let all = config::Destination { realms: Vec::new(), ..configured.clone() };
        assert!(takes(&all, &Notice { realm: "other".to_owned(), ..notice.clone() }));
        let alerts = config::Destination { events: vec![DestinationEvent::Alerts], ..configured.clone() };
        assert!(!takes(&alerts, &notice));
        let alert = |severity| Notice {
            event: Event::Alert,
            severity,
            rule: "canary".to_owned(),
            ..Notice::test("a".to_owned(), Time(0), "kms")
        };
        assert!(!takes(&configured, &alert(Severity::Page)));
        let told = [Severity::Inform, Severity::Warn, Severity::Page].map(|one| takes(&alerts, &alert(one)));
        assert_eq!(told, [false, true, true]);
        let rules = |rule: &str| config::Destination { rules: vec![rule.to_owned()], ..alerts.clone() };
        assert!(takes(&rules("canary"), &alert(Severity::Page)));
        assert!(!takes(&rules("export"), &alert(Severity::Page)));
        assert!(!takes(&configured, &Notice { event: Event::Test, ..notice }));
    }

    #[test]
    fn what_lies_in_the_future_is_new() {
        assert_eq!(age(Time(5), Time(3)), Duration::from_millis(2));
        assert_eq!(age(Time(3), Time(5)), Duration::ZERO);
        assert_eq!(age(Time(i64::MIN), Time(i64::MAX)), Duration::ZERO);
    }
}
