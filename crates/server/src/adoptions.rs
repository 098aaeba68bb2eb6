//! Telling keys that were there before to rotate as policies want which were attached to their tags or realms: one walk through a
//! realm's keys after each change of its policies, some at each tick. Not here: what is wanted (core), and rotating.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::RealmId;
use keyreeve_core::operations::realms;
use keyreeve_core::operations::rotate::AdoptRotation;
use keyreeve_core::ports::store::IndexHit;
use keyreeve_core::{ErrorKind, Result};
use tracing::warn;

use crate::authn::request_id;
use crate::execute::execute;

/// Keys that are looked at in one tick.
const PAGE: usize = 256;

/// How far the walks are.
#[derive(Default)]
pub(crate) struct Adoptions {
    /// The revision of policies by which a realm's keys were walked through.
    done: BTreeMap<RealmId, u64>,
    /// The walk that is under way.
    walk: Option<Walk>,
}

struct Walk {
    realm: RealmId,
    revision: u64,
    behind: Option<IndexHit>,
}

impl Adoptions {
    /// Walks on by a page, where there is something to walk for.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn go_on(&mut self, engine: &Arc<Engine>) -> Result<()> {
        let walk = match self.walk.take() {
            Some(walk) => walk,
            None => match self.next(engine)? {
                Some(walk) => walk,
                None => return Ok(()),
            },
        };
        let Walk { realm, revision, behind } = walk;
        let (wanted, next) = AdoptRotation::wanted(engine, realm, behind.as_ref(), PAGE)?;
        for key in wanted {
            let caller = Caller::system(request_id(engine)?).in_realm(realm);
            match execute(engine, &caller, AdoptRotation { key }).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
                Err(error) => warn!(%key, %error, "a key cannot be rotated as its policies want"),
            }
        }
        match next {
            Some(behind) => self.walk = Some(Walk { realm, revision, behind: Some(behind) }),
            None => drop(self.done.insert(realm, revision)),
        }
        Ok(())
    }

    /// A realm whose policies have changed since its keys were walked through; after a start each that has some.
    fn next(&self, engine: &Arc<Engine>) -> Result<Option<Walk>> {
        let made = realms::made(&**engine.store(), realms::REALMS_MAX)?;
        for realm in std::iter::once(RealmId::DEFAULT).chain(made) {
            let revision = AdoptRotation::revision(engine, realm)?;
            if revision != self.done.get(&realm).copied().unwrap_or(0) {
                return Ok(Some(Walk { realm, revision, behind: None }));
            }
        }
        Ok(None)
    }
}
