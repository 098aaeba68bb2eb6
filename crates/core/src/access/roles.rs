//! Built-in roles, until the policy engine comes. Default deny.

use super::{Action, ActionGroup, Target};
use crate::model::{Key, Principal, Role};

/// True where a role of the principal, its ownership or a grant allows the action.
pub(super) fn allows(principal: &Principal, action: Action, target: Target<'_>) -> bool {
    let by_role = principal.roles.iter().any(|role| role_allows(*role, action.group()));
    by_role || matches!(target, Target::Key(key) if own_or_granted(principal, key, action))
}

/// True where the principal may know that the key exists.
pub(super) fn may_see(principal: &Principal, key: &Key) -> bool {
    allows(principal, Action::GetAttributes, Target::Key(key))
        || key.grants.iter().any(|grant| grant.principal == principal.id)
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

fn own_or_granted(principal: &Principal, key: &Key, action: Action) -> bool {
    use ActionGroup::{Manage, Read, Share, Use};
    let ownable = matches!(action.group(), Use | Manage | Read | Share);
    let owns = key.owner == principal.id && principal.roles.contains(&Role::User);
    // A grant to use or manage includes reading what the key is.
    let granted = action.group() != Share
        && key.grants.iter().any(|grant| {
            grant.principal == principal.id
                && (grant.actions.contains(&action)
                    || action.group() == ActionGroup::Read && !grant.actions.is_empty())
        });
    ownable && (owns || granted)
}
