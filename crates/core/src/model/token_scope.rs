//! What a bearer token is narrowed to at its making. Not here: holding requests to it (access).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::KeyId;
use crate::{
    access::{Action, ActionGroup},
    error::{Error, ErrorKind, Result},
};

/// Keys that a token is narrowed to at most.
const KEYS_MAX: usize = 64;

/// A part of what its holder may. It gives no power, it only takes. Never holds what would make it wider: a narrowed token
/// changes nothing about who may do what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenScope {
    /// These actions alone; none: any.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    actions: BTreeSet<Action>,
    /// These keys alone; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<ScopedKey>,
}

/// A key that a token is narrowed to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScopedKey {
    /// Which. Another key of the same name is none.
    pub id: KeyId,
    /// What it was called when the token was made.
    pub name: String,
}

impl TokenScope {
    /// A scope of these actions and keys; of what is empty nothing is taken.
    ///
    /// # Errors
    /// `InvalidField` where it takes nothing, has more than 64 keys, or names an action that a narrowed token never has.
    pub fn new(actions: BTreeSet<Action>, mut keys: Vec<ScopedKey>) -> Result<Self> {
        keys.sort();
        keys.dedup();
        let wrong = |public: String| Err(Error::new(ErrorKind::InvalidField, public));
        if actions.is_empty() && keys.is_empty() {
            return wrong("a scope names actions, keys, or both".into());
        }
        if keys.len() > KEYS_MAX {
            return wrong(format!("a scope has at most {KEYS_MAX} keys"));
        }
        if let Some(action) = actions.iter().find(|action| !Self::may_hold(**action)) {
            return wrong(format!(
                "no narrowed token may {}: it could make itself wider; leave the action out, or make a token without a scope",
                action.word()
            ));
        }
        Ok(Self { actions, keys })
    }

    /// The actions, where they are narrowed; else empty.
    pub fn actions(&self) -> &BTreeSet<Action> {
        &self.actions
    }

    /// The keys, where they are narrowed; else empty.
    pub fn keys(&self) -> &[ScopedKey] {
        &self.keys
    }

    /// Whether the action is one of these. Asking who one is always is.
    pub fn holds_action(&self, action: Action) -> bool {
        if matches!(action, Action::Status | Action::Query) {
            return true;
        }
        Self::may_hold(action) && (self.actions.is_empty() || self.actions.contains(&action))
    }

    /// Whether the key is one of these.
    pub fn holds_key(&self, id: KeyId) -> bool {
        self.keys.is_empty() || self.keys.iter().any(|key| key.id == id)
    }

    /// Whether the action, done with the realm as a whole, keeps to the keys: it is about none, or finds these alone.
    pub fn holds_realm(&self, action: Action) -> bool {
        use Action::{Hash, ListAliases, ListKeys, Locate, Query, Random, Status};
        self.keys.is_empty()
            || matches!(action, Hash | ListAliases | ListKeys | Locate | Query | Random | Status)
    }

    /// INVARIANT: nothing that gives power, to others or by another credential, is in any scope.
    fn may_hold(action: Action) -> bool {
        use ActionGroup::{Administer, Audit, Make, Manage, Open, Read, Share, System, Use};
        match action.group() {
            Use | Manage | Read | Audit | Open => action != Action::DelegatedLogin,
            Make => action != Action::ReProvision,
            Share | Administer | System => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a scope of keys alone leaves: of each action either power over keys or reading.
    #[test]
    fn no_scope_holds_what_gives_power() {
        let key = ScopedKey { id: KeyId(uuid::Uuid::nil()), name: "k".into() };
        let keys_only = TokenScope::new(BTreeSet::new(), vec![key]).unwrap();
        for action in Action::ALL.iter().copied() {
            let gives_power =
                matches!(action.group(), ActionGroup::Share | ActionGroup::Administer | ActionGroup::System)
                    || matches!(action, Action::ReProvision | Action::DelegatedLogin);
            let made = TokenScope::new(BTreeSet::from([action]), Vec::new());
            assert_eq!(made.is_err(), gives_power, "{action:?}");
            assert_eq!(!keys_only.holds_action(action), gives_power, "{action:?}");
            if let Ok(scope) = made {
                let others = Action::ALL.iter().filter(|other| scope.holds_action(**other));
                let free = [action, Action::Status, Action::Query];
                assert!(others.into_iter().all(|other| free.contains(other)), "{action:?}");
            }
        }
    }
}
