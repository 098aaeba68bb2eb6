//! Principals and their credentials: make, list, renew, revoke, and recognise by a proof.

use std::{
    collections::BTreeSet,
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use super::{
    Operation, Subject,
    change_principal::require_left,
    persons::{id_named, names_key, no_persons_yet, put_person, recorded},
    realms,
};
use crate::{
    access::{
        Action, Permit,
        approvals::{ApprovalRule, DEFAULT_RULE, Person, Terms},
    },
    engine::damaged,
    error::{Error, ErrorKind, Result},
    model::{
        Credential, CredentialId, CredentialKind, ObjectId, Principal, PrincipalId, Role, Time, TokenScope,
    },
    persons,
    ports::store::{IndexRange, Store},
    record::{IndexKind, Record, RecordKey},
    request::{Context, Resolved},
};

/// A credential to be added.
#[derive(Clone, Debug)]
pub struct NewCredential {
    /// SHA-256 of the token, of the SubjectPublicKeyInfo DER of the certificate, or of what names a subject, under a prefix of
    /// its method: identities of different methods never meet.
    pub id: CredentialId,
    /// Kind.
    pub kind: CredentialKind,
    /// Not accepted from then on.
    pub expires: Option<Time>,
    /// What proves it came with the request, so that the same request makes the same; else the server makes it anew each time.
    pub is_given: bool,
}

/// Makes a principal with its first credentials.
pub struct CreatePrincipal {
    /// Id, made by `new_id` beforehand, since a certificate names it.
    pub id: PrincipalId,
    /// Name, unique in the realm.
    pub name: String,
    /// Roles.
    pub roles: BTreeSet<Role>,
    /// Credentials.
    pub credentials: Vec<NewCredential>,
    /// Whether it is a person, whose name and personal fields can be erased: they stand sealed wherever they are kept.
    pub person: bool,
}

/// Adds a credential to a principal; with `replace` the older ones of the same kind stop counting.
pub struct AddCredential {
    /// Name of the principal.
    pub name: String,
    /// The credential.
    pub credential: NewCredential,
    /// Revoke the older credentials of the same kind.
    pub replace: bool,
}

/// Shuts a principal out with all its credentials.
pub struct RevokePrincipal {
    /// Name.
    pub name: String,
    /// Also where too few are left then who could approve what approval rules are about.
    pub leave_rules_stuck: bool,
}

/// A principal, and the name of the approval rule that the realm got with it.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// As it is now.
    pub principal: Arc<Principal>,
    /// The rule, where the realm got one.
    pub approval_rule: Option<&'static str>,
}

/// Lists principals with their credentials, by name.
pub struct ListPrincipals {
    /// Start after this name.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Only the one of this name.
    pub only: Option<String>,
}

/// Credentials of one principal at most.
pub(super) const CREDENTIALS_MAX: usize = 1024;
/// Credentials of one principal from which on tokens of logins that count no more are forgotten at the next login.
const SESSIONS_KEPT: usize = 64;
/// Milliseconds of an hour and of a day.
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A principal with its credentials.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The principal.
    pub principal: Arc<Principal>,
    /// Its credentials, oldest first.
    pub credentials: Vec<Arc<Credential>>,
    /// Of a person the name, which the principal's own only stands for; `erased` once it is.
    pub person: Option<String>,
}

impl CreatePrincipal {
    /// The name on record: in place of a person's a word that says nothing.
    fn recorded_name(&self) -> String {
        if self.person { persons::word(self.id) } else { self.name.clone() }
    }

    /// As it will be; who is a person has it noted by [`Self::put_person`].
    fn made(&self, context: &Context<'_>) -> Principal {
        Principal {
            id: self.id,
            realm: context.realm(),
            name: self.recorded_name(),
            roles: self.roles.clone(),
            groups: BTreeSet::new(),
            created: context.now(),
            revoked: None,
            ends: None,
            credentials: self.credentials.iter().map(|credential| credential.id).collect(),
            person: None,
            erased: None,
        }
    }
}

impl Operation for CreatePrincipal {
    type Reply = Enrolled;

    fn action(&self) -> Action {
        Action::CreatePrincipal
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let roles: Vec<&str> = self.roles.iter().map(|role| role.word()).collect();
        let name = if self.person { "a person".into() } else { self.name.clone() };
        let mut terms = vec![("new client".into(), name), ("roles".into(), roles.join(", "))];
        if self.person {
            // Binds the approval to the name, which is not to stand on record.
            let names = names_key(context, false)?.ok_or_else(no_persons_yet)?;
            let digest = persons::name_digest(context.crypto(), &names, context.realm(), &self.name);
            terms.push(("name, as a digest".into(), digest));
        }
        let told =
            self.credentials.iter().map(|new| ("credential".into(), told(new, context.now(), self.person)));
        terms.extend(told);
        Ok(Some(terms))
    }

    fn person(&self, context: &mut Context<'_>) -> Result<Option<Person>> {
        let after = Arc::new(self.made(context));
        Ok(Some(Person { before: None, after, proof: false }))
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Enrolled> {
        let name = self.recorded_name();
        context.note_target(&name);
        check_name(&self.name)?;
        let taken = [&self.name, &name].into_iter().find_map(|name| id_named(context, name).transpose());
        if taken.transpose()?.is_some() {
            let public = format!("a principal named {name:?} exists; choose another name");
            return Err(Error::new(ErrorKind::AlreadyExists, public));
        }
        let mut principal = self.made(context);
        let person = if self.person { Some(put_person(context, self.id, &self.name)?) } else { None };
        for credential in &self.credentials {
            let mut credential = credential.clone();
            if let Some((_, profile)) = &person {
                credential.kind = profile.concealed(context.crypto(), credential.id, credential.kind)?;
            }
            put_credential(context, self.id, &credential, None)?;
        }
        principal.person = person.map(|(id, _)| id);
        let principal = Arc::new(principal);
        context.put(Record::PrincipalName { realm: permit.realm(), name, principal: self.id });
        context.put(Record::Principal(Arc::clone(&principal)));
        let approval_rule = rule_by_default(context, None, &principal)?;
        Ok(Enrolled { principal, approval_rule })
    }
}

impl Operation for AddCredential {
    type Reply = Arc<Principal>;

    fn action(&self) -> Action {
        Action::RenewCredential
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let (name, is_person) = recorded(context, &self.name)?;
        Ok(Some(vec![
            ("new credential of".into(), name),
            ("credential".into(), told(&self.credential, context.now(), is_person)),
            ("replace".into(), self.replace.to_string()),
        ]))
    }

    fn person(&self, context: &mut Context<'_>) -> Result<Option<Person>> {
        let known = principal_named(context, &self.name)?;
        Ok(Some(Person { before: Some(Arc::clone(&known)), after: known, proof: true }))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Arc<Principal>> {
        context.note_target(&self.name);
        let principal = principal_named(context, &self.name)?;
        if principal.revoked.is_some() {
            let public = format!("{} was revoked; make a new principal", principal.name);
            return Err(Error::new(ErrorKind::WrongState, public));
        }
        if self.replace {
            revoke_credentials(context, &principal, |kind| same_kind(kind, &self.credential.kind))?;
        }
        add(context, &principal, &self.credential).map(|(principal, _)| principal)
    }
}

impl Operation for RevokePrincipal {
    type Reply = Arc<Principal>;

    fn action(&self) -> Action {
        Action::RevokePrincipal
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(vec![
            ("revoke client".into(), recorded(context, &self.name)?.0),
            ("leave rules stuck".into(), self.leave_rules_stuck.to_string()),
        ]))
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Arc<Principal>> {
        context.note_target(&self.name);
        let before = principal_named(context, &self.name)?;
        let mut principal = Principal::clone(&before);
        if principal.id == permit.principal() {
            let public = "you would shut yourself out; another administrator can revoke you";
            return Err(Error::new(ErrorKind::Denied, public));
        }
        if !self.leave_rules_stuck && before.revoked.is_none() {
            require_approvers_left(context, &before)?;
        }
        principal.revoked = principal.revoked.or(Some(context.now()));
        revoke_credentials(context, &principal, |_| true)?;
        let principal = Arc::new(principal);
        require_left(context, &before, &principal)?;
        context.put(Record::Principal(Arc::clone(&principal)));
        Ok(principal)
    }
}

impl Operation for ListPrincipals {
    type Reply = Vec<Listed>;

    fn action(&self) -> Action {
        Action::ListPrincipals
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Vec<Listed>> {
        if let Some(name) = &self.only {
            let principal = principal_named(context, name)?;
            return Ok(vec![listed(context, principal)?]);
        }
        let from = match &self.after {
            Some(name) => Bound::Excluded(name.clone().into_bytes()),
            None => Bound::Unbounded,
        };
        let range =
            IndexRange { realm: permit.realm(), kind: IndexKind::Principal, from, to: Bound::Unbounded };
        let mut page = Vec::new();
        for hit in context.find(&range, None, self.limit.clamp(1, 1000))? {
            let principal = principal(context, PrincipalId(hit.id))?;
            page.push(listed(context, principal)?);
        }
        Ok(page)
    }
}

fn listed(context: &mut Context<'_>, principal: Arc<Principal>) -> Result<Listed> {
    let mut credentials = Vec::with_capacity(principal.credentials.len());
    for id in &principal.credentials {
        let credential = own_credential(context, *id)?;
        credentials.push(context.engine().opened_credential(&principal, &credential)?);
    }
    let name = |_| context.engine().name_for_people(&principal);
    let person = principal.person.map(name).transpose()?;
    Ok(Listed { principal, credentials, person })
}

/// The principal that a proof belongs to, if the proof counts now, beside these others. The caller has checked the proofs
/// themselves.
///
/// # Errors
/// `Unauthenticated`, with the reason for the log alone; the store's.
pub fn authenticate(
    store: &dyn Store,
    proof: CredentialId,
    others: &[CredentialId],
    now: Time,
) -> Result<Arc<Principal>> {
    let refuse =
        |cause: String| Err(Error::new(ErrorKind::Unauthenticated, "authentication failed").because(cause));
    let address = RecordKey::Credential(proof);
    let record = store.get(&address)?;
    let credential = match record.as_deref() {
        Some(Record::Credential(credential)) => credential,
        Some(other) => return Err(damaged(&address, other)),
        None => return refuse("this credential was never issued here".into()),
    };
    let address = RecordKey::Principal(credential.principal);
    let record = store.get(&address)?;
    let principal = match record.as_deref() {
        Some(Record::Principal(principal)) => principal,
        Some(other) => return Err(damaged(&address, other)),
        None => return refuse(format!("principal {} is missing", credential.principal)),
    };
    if realms::is_deleted(store, principal.realm)? {
        return refuse(format!("{} is of a realm that was deleted", principal.name));
    }
    if credential.revoked.is_some() || principal.revoked.is_some() {
        return refuse(format!("a credential of {} that was revoked", principal.name));
    }
    if !credential.counts_at(now) || !principal.counts_at(now) {
        return refuse(format!("a credential of {} that has expired", principal.name));
    }
    if certificate_is_revoked(store, credential)? {
        return refuse(format!("a credential of {} whose certificate was revoked", principal.name));
    }
    if let Some(cause) = session_is_over(store, credential, others, now)? {
        return refuse(format!("a token of a login of {} {cause}", principal.name));
    }
    Ok(Arc::clone(principal))
}

/// Why a token of a login counts no more, though it is neither revoked nor expired itself.
fn session_is_over(
    store: &dyn Store,
    token: &Credential,
    others: &[CredentialId],
    now: Time,
) -> Result<Option<&'static str>> {
    let CredentialKind::Session { by, beside, .. } = &token.kind else { return Ok(None) };
    // INVARIANT: what a login gave on a connection with a certificate is worth nothing without this one.
    if beside.is_some_and(|beside| !others.contains(&beside)) {
        return Ok(Some("without the certificate of that login"));
    }
    // INVARIANT: what a login gave counts no longer than what was shown for it.
    let address = RecordKey::Credential(*by);
    match store.get(&address)?.as_deref() {
        Some(Record::Credential(shown)) if shown.counts_at(now) && shown.principal == token.principal => {
            Ok(None)
        }
        Some(Record::Credential(_)) | None => Ok(Some("with what counts no more")),
        Some(other) => Err(damaged(&address, other)),
    }
}

/// Whether the object was revoked that a credential is.
fn certificate_is_revoked(store: &dyn Store, credential: &Credential) -> Result<bool> {
    let Some(id) = credential.certificate else { return Ok(false) };
    let address = RecordKey::Object(id);
    match store.get(&address)?.as_deref() {
        Some(Record::Object(object)) => Ok(object.revocation.is_some()),
        Some(other) => Err(damaged(&address, other)),
        None => Ok(false),
    }
}

/// The principal of this name in the caller's realm.
///
/// # Errors
/// `NotFound`.
pub fn principal_named(context: &mut Context<'_>, name: &str) -> Result<Arc<Principal>> {
    let id = id_named(context, name)?.ok_or_else(|| Error::not_found("principal"))?;
    let principal = principal(context, id)?;
    // INVARIANT: a person's name does not get on record.
    context.replace_target(name, &principal.name);
    Ok(principal)
}

/// The name of a principal for people; its id where it is not known.
pub(super) fn name_of(context: &mut Context<'_>, id: PrincipalId) -> Result<String> {
    if id == PrincipalId::SYSTEM {
        return Ok("system".into());
    }
    match principal(context, id) {
        Ok(principal) => Ok(principal.name.clone()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(id.to_string()),
        Err(error) => Err(error),
    }
}

pub(super) fn principal(context: &mut Context<'_>, id: PrincipalId) -> Result<Arc<Principal>> {
    let address = RecordKey::Principal(id);
    match context.get(address.clone())?.as_deref() {
        Some(Record::Principal(principal)) if principal.realm == context.realm() => Ok(Arc::clone(principal)),
        Some(Record::Principal(_)) | None => Err(Error::not_found("principal")),
        Some(other) => Err(damaged(&address, other)),
    }
}

/// The credential of this id, of whatever realm.
pub(super) fn credential(context: &mut Context<'_>, id: CredentialId) -> Result<Option<Arc<Credential>>> {
    let address = RecordKey::Credential(id);
    match context.get(address.clone())?.as_deref() {
        Some(Record::Credential(credential)) => Ok(Some(Arc::clone(credential))),
        Some(other) => Err(damaged(&address, other)),
        None => Ok(None),
    }
}

/// A credential that a principal names.
pub(super) fn own_credential(context: &mut Context<'_>, id: CredentialId) -> Result<Arc<Credential>> {
    let missing = || Error::internal("a principal names a credential that is missing");
    credential(context, id)?.ok_or_else(missing)
}

/// Forgets credentials of these kinds that no longer count, once there are so many that a principal's record would grow
/// without end.
///
/// # Errors
/// `LimitExceeded` where too many count.
pub(super) fn forget_old(
    context: &mut Context<'_>,
    principal: &mut Principal,
    which: impl Fn(&CredentialKind) -> bool,
) -> Result<()> {
    let mut kept = Vec::new();
    for id in &principal.credentials {
        let known = own_credential(context, *id)?;
        if which(&known.kind) && !known.counts_at(context.now()) {
            context.delete(RecordKey::Credential(*id));
        } else {
            kept.push(*id);
        }
    }
    principal.credentials = kept;
    if principal.credentials.len() < CREDENTIALS_MAX {
        return Ok(());
    }
    let public = format!("{} has {CREDENTIALS_MAX} credentials; revoke some of them first", principal.name);
    Err(Error::new(ErrorKind::LimitExceeded, public))
}

/// Adds a credential to a principal. Of tokens of logins those that count no more are forgotten once there are a few, of
/// others only where there is no room.
///
/// # Errors
/// `AlreadyExists`; `LimitExceeded` where too many count.
pub(super) fn add(
    context: &mut Context<'_>,
    principal: &Principal,
    new: &NewCredential,
) -> Result<(Arc<Principal>, Arc<Credential>)> {
    let mut principal = principal.clone();
    let (count, is_session) =
        (principal.credentials.len(), matches!(new.kind, CredentialKind::Session { .. }));
    if count >= CREDENTIALS_MAX {
        forget_old(context, &mut principal, |_| true)?;
    } else if is_session && count >= SESSIONS_KEPT {
        forget_old(context, &mut principal, |kind| matches!(kind, CredentialKind::Session { .. }))?;
    }
    let mut new = new.clone();
    if let Some(person) = principal.person {
        let profile = context.engine().profile(person)?.ok_or_else(|| Error::not_found("principal"))?;
        new.kind = profile.concealed(context.crypto(), new.id, new.kind)?;
    }
    let new = &new;
    let credential = put_credential(context, principal.id, new, None)?;
    principal.credentials.retain(|id| *id != new.id);
    principal.credentials.push(new.id);
    let principal = Arc::new(principal);
    context.put(Record::Principal(Arc::clone(&principal)));
    Ok((principal, credential))
}

/// Puts a credential on record; `certificate`: the object that it is.
///
/// # Errors
/// `AlreadyExists` where somebody has it, or had.
pub(super) fn put_credential(
    context: &mut Context<'_>,
    principal: PrincipalId,
    new: &NewCredential,
    certificate: Option<ObjectId>,
) -> Result<Arc<Credential>> {
    if let Some(known) = credential(context, new.id)? {
        give_up(context, principal, (&known, new))?;
    }
    let created = context.now();
    let credential = Arc::new(Credential {
        id: new.id,
        principal,
        kind: new.kind.clone(),
        created,
        expires: new.expires,
        revoked: None,
        certificate,
    });
    context.put(Record::Credential(Arc::clone(&credential)));
    Ok(credential)
}

/// Takes a credential that is known already from whom it belonged to, where it counts no more and may come back.
///
/// # Errors
/// `AlreadyExists` where it still counts, or is made once only.
fn give_up(
    context: &mut Context<'_>,
    principal: PrincipalId,
    (known, new): (&Credential, &NewCredential),
) -> Result<()> {
    if !new.kind.is_named() {
        // One key pair for two principals, or one certificate twice: whom would it prove?
        let public = "this credential is known already; make a new key pair";
        return Err(Error::new(ErrorKind::AlreadyExists, public));
    }
    let taken = || {
        let public = "this identity is a client's already; revoke that credential first";
        Error::new(ErrorKind::AlreadyExists, public)
    };
    if known.counts_at(context.now()) {
        return Err(taken());
    }
    if known.principal == principal {
        return Ok(());
    }
    // Nobody of another realm is found.
    let mut owner = Principal::clone(&*self::principal(context, known.principal).map_err(|_| taken())?);
    owner.credentials.retain(|id| *id != known.id);
    context.put(Record::Principal(Arc::new(owner)));
    Ok(())
}

/// Ends the credentials of these kinds.
///
/// # Errors
/// The store's.
pub(super) fn revoke_credentials(
    context: &mut Context<'_>,
    principal: &Principal,
    which: impl Fn(&CredentialKind) -> bool,
) -> Result<()> {
    for id in &principal.credentials {
        let known = own_credential(context, *id)?;
        if known.revoked.is_none() && which(&known.kind) {
            let revoked = Some(context.now());
            context.put(Record::Credential(Arc::new(Credential { revoked, ..Credential::clone(&known) })));
        }
    }
    Ok(())
}

fn same_kind(a: &CredentialKind, b: &CredentialKind) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// What a credential is, for those who approve it and for the hash of the request.
pub(super) fn told(new: &NewCredential, now: Time, is_person: bool) -> String {
    let what = match &new.kind {
        CredentialKind::Jwt { issuer, claim, .. } if is_person => format!("{claim} of {issuer}"),
        CredentialKind::Member { organisation, field, .. } if is_person => {
            format!("{field} of {organisation}")
        }
        CredentialKind::Certificate { .. } => "certificate".into(),
        CredentialKind::Pinned { .. } => "pinned certificate".into(),
        CredentialKind::Token => "token".into(),
        CredentialKind::ScopedToken(scope) => format!("token{}", told_scope(scope)),
        CredentialKind::Session { .. } => "token of a login".into(),
        CredentialKind::Jwt { issuer, claim, subject } => format!("{claim} {subject} of {issuer}"),
        CredentialKind::Member { organisation, field, name } => format!("{field} {name} of {organisation}"),
        CredentialKind::SecretId { uses_left, networks } => {
            let uses = uses_left.map_or_else(|| "any number of".into(), |uses| uses.to_string());
            let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
            format!(
                "secret id, {uses} uses, from {}",
                if networks.is_empty() { "anywhere".into() } else { networks.join(", ") }
            )
        }
        CredentialKind::Password(_) => "password".into(),
    };
    let proof = if new.is_given { new.id.to_string() } else { "made when it is done".into() };
    let days = match new.expires {
        // Counted from each request anew: by the hour, so that the same number of days is the same.
        Some(end) => format!("{} days", (end.0.saturating_sub(now.0) + HOUR_MS) / DAY_MS),
        None => "no end".into(),
    };
    format!("{what}, {proof}, {days}")
}

/// What a token is narrowed to: keys by their ids, which alone say which they are.
fn told_scope(scope: &TokenScope) -> String {
    let mut told = String::new();
    if !scope.actions().is_empty() {
        let actions: Vec<_> = scope.actions().iter().map(|action| action.word()).collect();
        told.push_str(&format!(" to {}", actions.join(", ")));
    }
    if !scope.keys().is_empty() {
        let keys: Vec<_> = scope.keys().iter().map(|key| format!("{} ({})", key.name, key.id)).collect();
        told.push_str(&format!(" with the keys {}", keys.join(", ")));
    }
    told
}

/// Gives the realm its approval rule where this makes its second administrator and nobody has settled yet what needs approval.
/// In the same entry: there is no moment at which one of two could act alone.
///
/// # Errors
/// The store's.
pub(super) fn rule_by_default(
    context: &mut Context<'_>,
    before: Option<&Principal>,
    after: &Principal,
) -> Result<Option<&'static str>> {
    let is_admin = |principal: &Principal| principal.is_lasting() && principal.roles.contains(&Role::Admin);
    if !is_admin(after) || before.is_some_and(is_admin) {
        return Ok(None);
    }
    let mut stored = context.approval_rules()?;
    if stored.settled || !stored.rules.is_empty() {
        return Ok(None);
    }
    let mut others = false;
    context.each_principal(|principal| {
        others = principal.id != after.id && is_admin(principal);
        if others { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if !others {
        return Ok(None);
    }
    stored.rules.push(ApprovalRule::by_default(context.now(), context.caller().name()));
    stored.settled = true;
    context.put_approval_rules(&stored)?;
    context.note_detail(format!("the second administrator: approval rule {DEFAULT_RULE}"));
    Ok(Some(DEFAULT_RULE))
}

/// Refuses to revoke somebody without whom a rule has fewer approvers, beside who asks, than it needs.
fn require_approvers_left(context: &mut Context<'_>, leaving: &Principal) -> Result<()> {
    let (asks, rules) = (context.caller().id(), context.approval_rules()?.rules);
    for rule in rules.iter().filter(|rule| rule.approver(leaving)) {
        let mut left = 0;
        context.each_principal(|principal| {
            let counts = principal.id != asks && principal.id != leaving.id && rule.approver(principal);
            left += usize::from(counts);
            if left < usize::from(rule.needs) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if left < usize::from(rule.needs) {
            let public = format!(
                "without {} the approval rule {} has too few who could approve what you ask for, also to release it: release it \
                 or make another approver first, or say that rules are left stuck",
                leaving.name, rule.name
            );
            return Err(Error::new(ErrorKind::WrongState, public));
        }
    }
    Ok(())
}

/// Names of principals are 1 to 128 letters, digits and `. _ - @ :`, so that they read the same everywhere.
pub(super) fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@:".contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(fits) {
        let public = "a principal's name has 1 to 128 letters, digits and . _ - @ :";
        return Err(Error::new(ErrorKind::InvalidField, public));
    }
    Ok(())
}

/// A new principal id.
///
/// # Errors
/// The generator's.
pub fn new_id(crypto: &dyn crate::ports::crypto::Crypto, now: Time) -> Result<PrincipalId> {
    let mut random = [0; 10];
    crypto.fill(&mut random)?;
    Ok(PrincipalId::from_parts(now.0.max(0) as u64, &random))
}
