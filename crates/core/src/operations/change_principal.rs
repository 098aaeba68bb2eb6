//! Change principal: the roles and groups of somebody. Not here: its credentials (principals), and what groups may
//! (access rules).

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Operation, Subject,
    access_rules::{require_administrator, stored},
    principals::{Enrolled, own_credential, principal_named, rule_by_default},
};
use crate::{
    access::{
        Action, Permit,
        approvals::{Person, Terms},
    },
    error::{Error, ErrorKind, Result},
    model::{Principal, Role},
    record::Record,
    request::{Context, Resolved},
};

/// Groups of one principal at most.
pub const GROUPS_MAX: usize = 64;

/// Changes what is given; what is `None` stays as it is.
pub struct ChangePrincipal {
    /// Name of the principal.
    pub name: String,
    /// Its roles from now on.
    pub roles: Option<BTreeSet<Role>>,
    /// Its groups from now on.
    pub groups: Option<BTreeSet<String>>,
}

impl Operation for ChangePrincipal {
    type Reply = Enrolled;

    fn action(&self) -> Action {
        Action::ChangePrincipal
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let before = principal_named(context, &self.name)?;
        let mut terms = vec![("client".into(), before.name.clone())];
        let words = |words: Vec<&str>| words.join(", ");
        let roles = self.roles.iter();
        terms.extend(
            roles.map(|roles| ("roles".into(), words(roles.iter().map(|role| role.word()).collect()))),
        );
        let groups = self.groups.iter();
        terms.extend(
            groups.map(|groups| ("groups".into(), words(groups.iter().map(String::as_str).collect()))),
        );
        // Whoever knows one of these is who gets the power.
        for id in &before.credentials {
            let known = own_credential(context, *id)?;
            if known.counts_at(context.now()) {
                terms.push(("credential".into(), format!("{id}, made {}", known.created)));
            }
        }
        Ok(Some(terms))
    }

    fn person(&self, context: &mut Context<'_>) -> Result<Option<Person>> {
        let before = principal_named(context, &self.name)?;
        let after = Arc::new(self.changed(&before));
        Ok(Some(Person { before: Some(before), after, proof: false }))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Enrolled> {
        context.note_target(&self.name);
        let before = principal_named(context, &self.name)?;
        if before.revoked.is_some() {
            let public = format!("{} was revoked; make a new principal", before.name);
            return Err(Error::new(ErrorKind::WrongState, public));
        }
        if let Some(groups) = &self.groups {
            check_groups(groups)?;
        }
        let principal = self.changed(&before);
        if principal == *before {
            return Ok(Enrolled { principal: before, approval_rule: None });
        }
        let principal = Arc::new(principal);
        require_left(context, &before, &principal)?;
        let words = |words: Vec<&str>| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
        let roles = words(principal.roles.iter().map(|role| role.word()).collect());
        let groups = words(principal.groups.iter().map(String::as_str).collect());
        context.note_detail(format!("roles {roles}; groups {groups}"));
        context.put(Record::Principal(Arc::clone(&principal)));
        let approval_rule = rule_by_default(context, Some(&before), &principal)?;
        Ok(Enrolled { principal, approval_rule })
    }
}

impl ChangePrincipal {
    fn changed(&self, before: &Principal) -> Principal {
        let mut principal = before.clone();
        principal.groups = self.groups.clone().unwrap_or(principal.groups);
        principal.roles = self.roles.clone().unwrap_or(principal.roles);
        principal
    }
}

/// Refuses to make somebody this where no administrator would be left.
///
/// # Errors
/// `Denied`; the store's.
pub(super) fn require_left(
    context: &mut Context<'_>,
    before: &Principal,
    changed: &Arc<Principal>,
) -> Result<()> {
    // Whoever was none takes none away.
    if !before.roles.contains(&Role::Admin) {
        return Ok(());
    }
    let rules = stored(context)?.compile(context.realm())?;
    require_administrator(context, &rules, Some(changed))
}

/// Names of groups are like those of principals, in small letters, so that no two differ by case alone.
///
/// # Errors
/// `InvalidField`, `LimitExceeded`.
fn check_groups(groups: &BTreeSet<String>) -> Result<()> {
    if groups.len() > GROUPS_MAX {
        let public = format!("a principal is in at most {GROUPS_MAX} groups");
        return Err(Error::new(ErrorKind::LimitExceeded, public));
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-@:".contains(c);
    let is_name = |group: &String| !group.is_empty() && group.len() <= 128 && group.chars().all(fits);
    match groups.iter().find(|group| !is_name(group)) {
        None => Ok(()),
        Some(group) => {
            let public =
                format!("{group:?}: a group's name has 1 to 128 small letters, digits and . _ - @ :");
            Err(Error::new(ErrorKind::InvalidField, public))
        }
    }
}
