//! The scheduler: a tick a second for what is due. Not here: what is due, and what is done then.

use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::RealmId;
use keyreeve_core::operations::apply_dates::ApplyDates;
use keyreeve_core::operations::realms;
use keyreeve_core::{ErrorKind, Result};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use crate::adoptions::Adoptions;
use crate::authn::{Authenticator, request_id};
use crate::backups::Backups;
use crate::execute::execute;
use crate::listen::Shutdown;
use crate::reseal::Resealing;
use crate::rotations::Rotations;
use crate::server_identity::ServerIdentity;

const TICK_SECONDS: u64 = 1;
/// How long dates rest where what is due cannot be moved.
const DATES_REST: Duration = Duration::from_secs(60);

/// Ticks until a shutdown is asked for.
pub async fn run(
    engine: Arc<Engine>,
    identity: Arc<ServerIdentity>,
    (resealing, backups): (Arc<Resealing>, Arc<Backups>),
    authenticator: Arc<Authenticator>,
    mut shutdown: Shutdown,
) {
    let mut ticks = interval(Duration::from_secs(TICK_SECONDS));
    let (mut dates_rest_until, mut rotations) = (Instant::now(), Rotations::default());
    let mut adoptions = Adoptions::default();
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            _ = ticks.tick() => {}
        }
        identity.renew_if_due();
        count_failures(&engine, &authenticator).await;
        authenticator.organisations().refresh_if_due(engine.clock().now().seconds());
        resealing.go_on_if_due();
        backups.go_on_if_due();
        // Dates first: what ends must not wait until keys are made.
        if Instant::now() >= dates_rest_until && !apply_dates(&engine).await {
            // Only what is damaged is due: each attempt is an entry.
            dates_rest_until = Instant::now() + DATES_REST;
        }
        match adoptions.go_on(&engine).await {
            Err(error) if error.kind() != ErrorKind::Unavailable => {
                warn!(%error, "what policies want rotated cannot be looked for");
            }
            _ => {}
        }
        match rotations.go_on(&engine).await {
            Err(error) if error.kind() != ErrorKind::Unavailable => {
                warn!(%error, "what is due cannot be rotated");
            }
            _ => {}
        }
    }
}

/// Puts on record what floods were counted.
async fn count_failures(engine: &Arc<Engine>, authenticator: &Authenticator) {
    for count in authenticator.floods() {
        warn!("{}", count.detail);
        let Ok(request) = request_id(engine) else { return };
        // The store tells of its own failure.
        let _ = execute(engine, &Caller::system(request), count).await;
    }
}

/// Gives whether nothing is left that is due, in whatever realm. What cannot be done in one keeps no other waiting.
async fn apply_dates(engine: &Arc<Engine>) -> bool {
    let made = match realms::made(&**engine.store(), realms::REALMS_MAX) {
        Ok(made) => made,
        Err(error) => {
            warn!(%error, "realms cannot be listed for the dates in them");
            Vec::new()
        }
    };
    let mut done = true;
    for realm in std::iter::once(RealmId::DEFAULT).chain(made) {
        match apply_dates_in(engine, realm).await {
            Ok(all) => done &= all,
            // The store tells of its own failure, and the server stops.
            Err(error) if error.kind() == ErrorKind::Unavailable => return true,
            Err(error) => {
                warn!(%realm, %error, "dates that have come could not be recorded");
                done = false;
            }
        }
    }
    done
}

async fn apply_dates_in(engine: &Arc<Engine>, realm: RealmId) -> Result<bool> {
    let mut behind = None;
    // An entry moves a few objects; many may have come due while the server was down.
    while ApplyDates::is_due(&**engine.store(), realm, engine.clock().now())? {
        let caller = Caller::system(request_id(engine)?).in_realm(realm);
        let applied = execute(engine, &caller, ApplyDates { behind }).await?;
        behind = applied.behind;
        if applied.moved == 0 && behind.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
