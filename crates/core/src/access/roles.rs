//! The ready-made roles, ownership and grants: what is allowed where no rule says otherwise. The roles stand in
//! rules/roles.cedar for people to read; this table decides the same, faster, and the tests hold it to that text.

use super::{Action, ActionGroup, Target};
use crate::model::{Grant, Key, Principal, Role, Time};

/// What a decision looks at besides who asks for what.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// When.
    pub(super) now: Time,
    /// The pairs that a ciphertext is bound to.
    pub(super) encryption_context: &'a [(String, String)],
}

/// What allows an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A ready-made role.
    Role(Role),
    /// The role User, on a key of its own.
    Ownership,
    /// A grant on the key; it ends then.
    Grant(Option<Time>),
}

/// The role of the principal, its ownership or a grant that allows the action.
pub(super) fn basis(
    principal: &Principal,
    action: Action,
    target: Target<'_>,
    circumstances: Circumstances<'_>,
) -> Option<Basis> {
    if let Some(role) = principal.roles.iter().find(|role| role_allows(**role, action.group())) {
        return Some(Basis::Role(*role));
    }
    match target {
        Target::Key(key) => own_or_granted(principal, key, action, circumstances),
        Target::Realm(_) => None,
    }
}

/// Whether a grant of any kind, that has not ended, lets the principal know that the key exists.
pub(super) fn has_grant(principal: &Principal, key: &Key, now: Time) -> bool {
    key.grants.iter().any(|grant| grant.principal == principal.id && grant.counts_at(now))
}

fn role_allows(role: Role, group: ActionGroup) -> bool {
    use ActionGroup::{Administer, Audit, Make, Manage, Open, Read, Share, System, Use};
    match role {
        Role::Admin => matches!(group, Use | Manage | Read | Make | Share | Administer | Audit | Open),
        Role::Operator => matches!(group, Manage | Read | Make | Open),
        Role::User => matches!(group, Make | Open),
        Role::Auditor => match group {
            Read | Audit | Open => true,
            Use | Manage | Make | Share | Administer | System => false,
        },
    }
}

fn own_or_granted(
    principal: &Principal,
    key: &Key,
    action: Action,
    circumstances: Circumstances<'_>,
) -> Option<Basis> {
    use ActionGroup::{Manage, Read, Share, Use};
    if !matches!(action.group(), Use | Manage | Read | Share) {
        return None;
    }
    if key.owner == principal.id && principal.roles.contains(&Role::User) {
        return Some(Basis::Ownership);
    }
    if action.group() == Share {
        return None;
    }
    // A grant to use or manage includes reading what the key is, whatever it is narrowed to.
    let reads = |grant: &Grant| action.group() == Read && !grant.actions.is_empty();
    let covers = |grant: &Grant| {
        grant.actions.contains(&action) && grant.takes(circumstances.encryption_context) || reads(grant)
    };
    let counts = |grant: &&Grant| {
        grant.principal == principal.id && grant.counts_at(circumstances.now) && covers(grant)
    };
    key.grants.iter().find(counts).map(|grant| Basis::Grant(grant.expires))
}
