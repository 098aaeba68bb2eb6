//! Recovery: a lost administrator of a realm is replaced, or somebody gets access for an emergency. Not here: proving that enough recovery shares are there, which whoever
//! opens the store by them has done (the server's offline tools).

use std::{collections::BTreeSet, iter, ops::Bound, sync::Arc};

use super::{
    Operation, Subject,
    access_rules::stored,
    persons::id_named,
    principals::{NewCredential, add, check_name, principal_named, put_credential, revoke_credentials},
    realms::{self, REALMS_MAX},
    server::server_data,
};
use crate::{
    access::{
        Action, Permit, Target,
        approvals::{ApprovalRules, rules_name},
        rules::Question,
    },
    engine::Engine,
    error::{Error, ErrorKind, Result},
    model::{CredentialKind, Principal, PrincipalId, RealmId, Role, Time},
    ports::store::{IndexRange, Store},
    record::{IndexKind, Realm, Record, RecordKey},
    request::{Context, Resolved},
};

/// Makes an administrator in the realm in which the server itself is at work, or gives one that is there new credentials in
/// place of all that it had. Waits for nobody's approval.
pub struct RecoverAdministrator {
    /// Its name.
    pub name: String,
    /// Its id, where it is new.
    pub id: PrincipalId,
    /// Its credentials from now on.
    pub credentials: Vec<NewCredential>,
    /// Name of the administrator that is shut out for it.
    pub replaces: Option<String>,
    /// An access for an emergency, which is over by itself then.
    pub ends: Option<Time>,
    /// What proved that this may be done, for the record: no secret.
    pub proven_by: String,
}

impl Operation for RecoverAdministrator {
    type Reply = Arc<Principal>;

    fn action(&self) -> Action {
        if self.ends.is_some() { Action::BreakGlass } else { Action::RecoverAdministrator }
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Arc<Principal>> {
        check_name(&self.name)?;
        let (principal, told) = match id_named(context, &self.name)? {
            Some(_) => (self.renewed(context)?, "has new credentials in place of all others"),
            None => (self.made(context)?, "is new"),
        };
        // INVARIANT: a person's name does not get on record.
        let name = &principal.name;
        context.note_target(name);
        self.require_power(context, &principal)?;
        let until = self.ends.map(|ends| format!(" until {ends}")).unwrap_or_default();
        let mut detail = format!("the administrator {name}{until} {told}; proven by {}", self.proven_by);
        if let Some(lost) = &self.replaces {
            let lost = self.shut_out(context, lost)?;
            detail = format!("{detail}; {lost} is shut out");
        }
        context.note_detail(detail);
        Ok(principal)
    }
}

impl RecoverAdministrator {
    fn made(&self, context: &mut Context<'_>) -> Result<Arc<Principal>> {
        let realm = context.realm();
        for credential in &self.credentials {
            put_credential(context, self.id, credential, None)?;
        }
        let principal = Arc::new(Principal {
            id: self.id,
            realm,
            name: self.name.clone(),
            roles: BTreeSet::from([Role::Admin]),
            groups: BTreeSet::new(),
            created: context.now(),
            revoked: None,
            ends: self.ends,
            person: None,
            erased: None,
            credentials: self.credentials.iter().map(|credential| credential.id).collect(),
        });
        context.put(Record::PrincipalName { realm, name: self.name.clone(), principal: self.id });
        context.put(Record::Principal(Arc::clone(&principal)));
        Ok(principal)
    }

    fn renewed(&self, context: &mut Context<'_>) -> Result<Arc<Principal>> {
        let before = principal_named(context, &self.name)?;
        if before.revoked.is_some() {
            let public = format!("{} was revoked; name somebody new", before.name);
            return Err(Error::new(ErrorKind::WrongState, public));
        }
        if self.ends.is_some() && before.ends.is_none() {
            let public =
                format!("{} is there to stay; name somebody new, whose access ends by itself", before.name);
            return Err(Error::new(ErrorKind::AlreadyExists, public));
        }
        // INVARIANT: whoever has what was lost is shut out.
        revoke_credentials(context, &before, |_| true)?;
        let mut principal = Principal::clone(&before);
        principal.roles.insert(Role::Admin);
        principal.ends = self.ends;
        let mut principal = Arc::new(principal);
        for credential in &self.credentials {
            (principal, _) = add(context, &principal, credential)?;
        }
        Ok(principal)
    }

    /// Refuses to make somebody who could not mend the rules: nothing would be recovered.
    fn require_power(&self, context: &mut Context<'_>, principal: &Arc<Principal>) -> Result<()> {
        // Rules that cannot be read keep no administrator from mending them.
        let Ok(rules) = stored(context)?.compile(context.realm()) else { return Ok(()) };
        let target = Target::Realm(context.realm());
        match rules.could_forbid(&Question { principal, action: Action::SetAccessRules, target }) {
            None => Ok(()),
            Some(rule) => {
                let public = format!(
                    "the access rule {rule} could keep {} from changing rules: name an administrator whom it lets",
                    self.name
                );
                Err(Error::new(ErrorKind::WrongState, public))
            }
        }
    }

    /// Ends whoever has this name, and gives the name on record.
    fn shut_out(&self, context: &mut Context<'_>, name: &str) -> Result<String> {
        if name == self.name {
            let public = "nobody replaces themselves: name somebody new, or leave out whom it replaces";
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        let mut lost = Principal::clone(&*principal_named(context, name)?);
        revoke_credentials(context, &lost, |_| true)?;
        lost.revoked = lost.revoked.or(Some(context.now()));
        let recorded = lost.name.clone();
        context.put(Record::Principal(Arc::new(lost)));
        Ok(recorded)
    }
}

/// Who administers a realm, for who looks after the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administered {
    /// Name of the realm.
    pub realm: String,
    /// Administrators here to stay who can prove who they are now.
    pub now: usize,
    /// Those who still can at a later time, with what they have.
    pub later: usize,
    /// Whether rules want the approval of others.
    pub has_rules: bool,
    /// Names and ends of accesses for an emergency that are open.
    pub open: Vec<(String, Time)>,
}

/// Who administers each realm that was not deleted, now and at a later time.
///
/// # Errors
/// The store's.
pub fn administered(engine: &Engine, now: Time, later: Time) -> Result<Vec<Administered>> {
    let store = &**engine.store();
    let realms = iter::once(RealmId::DEFAULT).chain(realms::made(store, REALMS_MAX)?);
    let mut all = Vec::new();
    for id in realms {
        let record = store.get(&RecordKey::Realm(id))?;
        if let Some(Record::Realm(Realm { name, deleted: None, .. })) = record.as_deref() {
            let has_rules = match server_data(engine, &rules_name(id)) {
                Ok((data, _)) => {
                    let stored: ApprovalRules = ciborium::from_reader(&data[..]).map_err(Error::internal)?;
                    !stored.rules.is_empty()
                }
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            };
            let mut realm =
                Administered { realm: name.clone(), now: 0, later: 0, has_rules, open: Vec::new() };
            each_administrator(store, id, |principal| realm.count(store, principal, (now, later)))?;
            all.push(realm);
        }
    }
    Ok(all)
}

impl Administered {
    fn count(&mut self, store: &dyn Store, principal: &Principal, (now, later): (Time, Time)) -> Result<()> {
        if !principal.is_lasting() {
            let ends = principal.ends.filter(|_| principal.counts_at(now));
            self.open.extend(ends.map(|ends| (principal.name.clone(), ends)));
            return Ok(());
        }
        let (mut counts_now, mut counts_later) = (false, false);
        for id in &principal.credentials {
            if let Some(Record::Credential(credential)) = store.get(&RecordKey::Credential(*id))?.as_deref() {
                // A token of a login is no way to come back.
                let lasts = !matches!(credential.kind, CredentialKind::Session { .. });
                counts_now |= lasts && credential.counts_at(now);
                counts_later |= lasts && credential.counts_at(later);
            }
        }
        self.now += usize::from(counts_now);
        self.later += usize::from(counts_later);
        Ok(())
    }
}

fn each_administrator(
    store: &dyn Store,
    realm: RealmId,
    mut look: impl FnMut(&Principal) -> Result<()>,
) -> Result<()> {
    const PAGE: usize = 256;
    let range =
        IndexRange { realm, kind: IndexKind::Principal, from: Bound::Unbounded, to: Bound::Unbounded };
    let mut after = None;
    loop {
        let page = store.find(&range, after.as_ref(), PAGE)?;
        for hit in &page {
            let record = store.get(&RecordKey::Principal(PrincipalId(hit.id)))?;
            if let Some(Record::Principal(principal)) = record.as_deref()
                && principal.roles.contains(&Role::Admin)
            {
                look(principal)?;
            }
        }
        match page.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}
