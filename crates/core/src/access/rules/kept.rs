//! Rules made ready, and decisions of theirs, kept for as long as nothing that they depend on has moved. Not here: deciding.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;
use quick_cache::sync::Cache;

use super::{
    facts::Question,
    set::{RuleSet, Said},
    stored::AccessRules,
};
use crate::{
    access::{Action, Target},
    error::{Error, Result},
    model::{Key, KeyId, Principal, PrincipalId, RealmId, State},
    record::{Record, ServerData},
};

/// Decisions that are kept.
const DECISIONS_MAX: usize = 16_384;

/// Realms whose rules are kept ready; beyond it all are made ready anew.
const REALMS_MAX: usize = 256;

/// The kept rules and decisions of an engine.
pub(crate) struct KeptDecisions {
    ready: Mutex<HashMap<RealmId, Ready>>,
    decisions: Cache<(PrincipalId, Option<KeyId>, Action, bool), Arc<Kept>>,
}

struct Ready {
    /// The record that they were made from.
    of: Arc<ServerData>,
    rules: Arc<RuleSet>,
}

/// INVARIANT: a decision holds where all of this is what it was. Records are compared by address: they never change in
/// place, and a record that is held here gives its address to no other.
pub(super) struct Kept {
    pub(super) rules: Arc<RuleSet>,
    pub(super) principal: Arc<Principal>,
    pub(super) key: Option<Arc<Key>>,
    pub(super) state: Option<State>,
    pub(super) protocol: &'static str,
    pub(super) source: Option<IpAddr>,
    pub(super) said: Said,
}

impl KeptDecisions {
    pub(crate) fn new() -> Self {
        Self { ready: Mutex::default(), decisions: Cache::new(DECISIONS_MAX) }
    }

    /// The rules of a realm, from their record as it is now.
    ///
    /// # Errors
    /// `Internal` where they cannot be read.
    pub(super) fn ready(&self, realm: RealmId, record: &Record) -> Result<Arc<RuleSet>> {
        let Record::Server(data) = record else {
            return Err(Error::internal("the address of access rules holds another kind of record"));
        };
        if let Some(ready) = self.ready.lock().get(&realm)
            && Arc::ptr_eq(&ready.of, data)
        {
            return Ok(Arc::clone(&ready.rules));
        }
        // Not under the lock: requests of other realms go on meanwhile.
        let stored: AccessRules = ciborium::from_reader(&data.data[..]).map_err(Error::internal)?;
        let rules = Arc::new(stored.compile(realm)?);
        let mut ready = self.ready.lock();
        if ready.len() >= REALMS_MAX {
            ready.clear();
        }
        ready.insert(realm, Ready { of: Arc::clone(data), rules: Arc::clone(&rules) });
        Ok(rules)
    }

    /// What was said to this before, where it was asked just so.
    pub(super) fn find(&self, question: &Question<'_>, forbids_only: bool) -> Option<Arc<Kept>> {
        self.decisions.get(&address(question, forbids_only))
    }

    pub(super) fn keep(&self, question: &Question<'_>, forbids_only: bool, kept: Kept) {
        self.decisions.insert(address(question, forbids_only), Arc::new(kept));
    }
}

fn address(question: &Question<'_>, forbids_only: bool) -> (PrincipalId, Option<KeyId>, Action, bool) {
    let key = match question.target {
        Target::Key(key) => Some(key.id),
        Target::Realm(_) => None,
    };
    (question.principal.id, key, question.action, forbids_only)
}
