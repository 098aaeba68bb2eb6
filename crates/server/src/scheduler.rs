//! The scheduler: a tick a second for what is due. Not here: what is due, and what is done then.

use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::operations::apply_dates::ApplyDates;
use keyreeve_core::{ErrorKind, Result};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::warn;

use crate::authn::request_id;
use crate::backups::Backups;
use crate::execute::execute;
use crate::listen::Shutdown;
use crate::reseal::Resealing;
use crate::server_identity::ServerIdentity;

const TICK_SECONDS: u64 = 1;
/// How long dates rest where what is due cannot be moved.
const DATES_REST: Duration = Duration::from_secs(60);

/// Ticks until a shutdown is asked for.
pub async fn run(
    engine: Arc<Engine>,
    identity: Arc<ServerIdentity>,
    (resealing, backups): (Arc<Resealing>, Arc<Backups>),
    mut shutdown: Shutdown,
) {
    let mut ticks = interval(Duration::from_secs(TICK_SECONDS));
    let mut dates_rest_until = Instant::now();
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            _ = ticks.tick() => {}
        }
        identity.renew_if_due();
        resealing.go_on_if_due();
        backups.go_on_if_due();
        if Instant::now() < dates_rest_until {
            continue;
        }
        match apply_dates(&engine).await {
            Ok(true) => {}
            // Only damaged objects are due: each attempt is an entry.
            Ok(false) => dates_rest_until = Instant::now() + DATES_REST,
            // The store tells of its own failure, and the server stops.
            Err(error) if error.kind() == ErrorKind::Unavailable => {}
            Err(error) => warn!(%error, "dates that have come could not be recorded"),
        }
    }
}

/// Gives whether nothing is left that is due.
async fn apply_dates(engine: &Arc<Engine>) -> Result<bool> {
    // An entry moves a few objects; many may have come due while the server was down.
    while ApplyDates::is_due(&**engine.store(), engine.clock().now())? {
        if execute(engine, &Caller::system(request_id(engine)?), ApplyDates).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
