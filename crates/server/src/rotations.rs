//! Rotating by itself what asks for it, when its time has come. Not here: when that is and what is made then (core).

use std::collections::BTreeMap;
use std::sync::Arc;

use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::{ObjectId, Time};
use keyreeve_core::operations::rotate::Rotate;
use keyreeve_core::record::{Record, RecordKey};
use keyreeve_core::{ErrorKind, Result};
use tracing::warn;

use crate::authn::request_id;
use crate::execute::execute;

/// Rotations in one go at most: making keys is slow, and what else is due waits meanwhile.
const IN_ONE_GO_MAX: usize = 16;
/// Objects that are looked at for them, a page after the other.
const PAGE: usize = 256;
/// How long an object rests that cannot be rotated: each try is an entry.
const REST_SECONDS: u32 = 3600;
/// Objects that rest at most; beyond them none is tried.
const RESTING_MAX: usize = 4096;

/// What cannot be rotated, and until when nobody tries again.
#[derive(Default)]
pub(crate) struct Rotations {
    resting: BTreeMap<ObjectId, Time>,
}

impl Rotations {
    /// Rotates some of what is due; the rest follows with the next ticks.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn go_on(&mut self, engine: &Arc<Engine>) -> Result<()> {
        let now = engine.clock().now();
        self.resting.retain(|_, until| *until > now && *until <= now.plus_seconds(REST_SECONDS));
        let (mut behind, mut tries) = (None, 0);
        loop {
            let page = Rotate::due(&**engine.store(), now, behind.as_ref(), PAGE)?;
            for hit in &page {
                if tries == IN_ONE_GO_MAX || self.resting.len() >= RESTING_MAX {
                    return Ok(());
                }
                let object = ObjectId(hit.id);
                if self.resting.contains_key(&object) {
                    continue;
                }
                tries += 1;
                let address = RecordKey::Object(object);
                let realm = match engine.store().get(&address)?.as_deref() {
                    Some(Record::Object(object)) => object.realm,
                    _ => continue,
                };
                let caller = Caller::system(request_id(engine)?).in_realm(realm);
                match execute(engine, &caller, Rotate { object }).await {
                    Ok(_) => {}
                    // The store tells of its own failure, and the server stops.
                    Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
                    Err(error) => {
                        warn!(%object, %error, "an object that is due cannot be rotated; tried again in an hour");
                        self.resting.insert(object, now.plus_seconds(REST_SECONDS));
                    }
                }
            }
            behind = page.last().filter(|_| page.len() == PAGE).cloned();
            if behind.is_none() {
                return Ok(());
            }
        }
    }
}
