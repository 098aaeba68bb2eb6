//! Grant: a key's owner lets others use or manage it; and what grants there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Operation, Subject,
    principals::{name_of, principal_named},
    subject,
};
use crate::{
    access::{Action, ActionGroup, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{Grant as Given, Key, PrincipalId, Time},
    record::Record,
    request::{Context, Reference, Resolved},
};

/// Sets what a principal may do with a key; an empty set takes the grant back.
pub struct Grant {
    /// The key.
    pub key: Reference,
    /// Name of the principal.
    pub principal: String,
    /// What it may.
    pub actions: BTreeSet<Action>,
    /// Not from then on.
    pub expires: Option<Time>,
    /// Only with an encryption context that has all of these pairs.
    pub encryption_context: BTreeMap<String, String>,
}

/// Pairs that a grant is narrowed to, at most.
const PAIRS_MAX: usize = 16;

/// Grants of one key at most.
const GRANTS_MAX: usize = 1024;

impl Operation for Grant {
    type Reply = Arc<Key>;

    fn action(&self) -> Action {
        Action::Grant
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let principal = principal_named(context, &self.principal)?.id;
        let actions: Vec<&str> = self.actions.iter().map(|action| action.word()).collect();
        let mut terms = Terms::new();
        terms.push(("grant to".into(), format!("{} ({principal})", self.principal)));
        terms.push(("actions".into(), actions.join(", ")));
        terms.extend(self.expires.map(|expires| ("until".into(), expires.to_string())));
        if !self.encryption_context.is_empty() {
            terms.push(("only with the encryption context".into(), format!("{:?}", self.encryption_context)));
        }
        Ok(Some(terms))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Arc<Key>> {
        let mut key = Key::clone(&subject(resolved)?.key);
        let principal = principal_named(context, &self.principal)?.id;
        if let Some(action) = self.actions.iter().find(|action| !grantable(**action)) {
            let public = format!("{} cannot be granted on a key", action.word());
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        key.grants.retain(|grant| grant.principal != principal);
        if !self.actions.is_empty() {
            key.grants.push(self.given(principal, context.now())?);
        }
        if key.grants.len() > GRANTS_MAX {
            let public = format!("a key has at most {GRANTS_MAX} grants; take one back first");
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        context.note_detail(format!("to {}", self.principal));
        let key = Arc::new(key);
        context.put(Record::Key(Arc::clone(&key)));
        Ok(key)
    }
}

impl Grant {
    fn given(&self, principal: PrincipalId, now: Time) -> Result<Given> {
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(Error::new(ErrorKind::InvalidField, "the grant would end before it begins"));
        }
        if self.encryption_context.len() > PAIRS_MAX {
            let public = format!("a grant is narrowed to at most {PAIRS_MAX} pairs of an encryption context");
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        let bound = |action: &Action| {
            use Action::{DataKey, DataKeyWithoutPlaintext, Decrypt, Encrypt};
            matches!(action, Encrypt | Decrypt | DataKey | DataKeyWithoutPlaintext)
        };
        // Else it would look narrowed, and allow nothing.
        if !self.encryption_context.is_empty()
            && let Some(action) = self.actions.iter().find(|action| !bound(action))
        {
            let public =
                format!("{} has no encryption context that a grant could be narrowed to", action.word());
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        Ok(Given {
            principal,
            actions: self.actions.clone(),
            expires: self.expires,
            encryption_context: self.encryption_context.clone(),
        })
    }
}

/// Lists the grants of a key, for whoever may see it.
pub struct Grants {
    /// The key.
    pub key: Reference,
}

impl Operation for Grants {
    /// Each principal by name, with what it may.
    type Reply = Vec<(String, Given)>;

    fn action(&self) -> Action {
        Action::GetAttributes
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Self::Reply> {
        let key = subject(resolved)?.key;
        key.grants.iter().map(|given| Ok((name_of(context, given.principal)?, given.clone()))).collect()
    }
}

/// Granting the right to grant would let a permission spread beyond the owner's sight.
fn grantable(action: Action) -> bool {
    action != Action::Grant
        && matches!(action.group(), ActionGroup::Use | ActionGroup::Manage | ActionGroup::Read)
}
