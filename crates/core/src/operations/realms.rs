//! Realms: make, list, show and delete them. That belongs to people of the first realm, who reach nothing in the others. Not
//! here: erasing what is in a realm that is deleted (erase), and replacing its lost administrator (recovery).

use std::{collections::BTreeSet, ops::Bound, sync::Arc};

use super::{
    Operation, Subject,
    destroy::waiting_days,
    principals::{NewCredential, check_name, put_credential, told},
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    engine::damaged,
    error::{Error, ErrorKind, Result},
    model::{KeyId, Principal, PrincipalId, RealmId, Role, State},
    ports::{
        crypto::Crypto,
        store::{IndexHit, IndexRange, Store},
    },
    record::{IndexKind, Realm, Record, RecordKey},
    request::{Context, Resolved},
};

/// Realms at most, those that were deleted too.
pub const REALMS_MAX: usize = 1024;

/// Goes before a name that becomes the id of a realm.
const DOMAIN: &[u8] = b"keyreeve realm 1\0";

/// Bytes of a realm's name at most.
const NAME_BYTES_MAX: usize = 64;

/// Index rows that are read at a time.
const PAGE_ROWS: usize = 256;

/// Makes a realm with its first administrator, who alone can do anything in it.
pub struct CreateRealm {
    /// Its name: 1 to 64 small letters, digits and `. _ -`, beginning with a letter or digit.
    pub name: String,
    /// The administrator's id, made by `new_id` beforehand.
    pub administrator_id: PrincipalId,
    /// The administrator's name.
    pub administrator: String,
    /// The administrator's credentials.
    pub credentials: Vec<NewCredential>,
}

/// Lists all realms, the first one first, then by name.
pub struct ListRealms;

/// Shows one realm.
pub struct ShowRealm {
    /// Its name.
    pub name: String,
}

/// Deletes a realm: nobody of it is let in any more. Its keys are destroyed by whoever asked, by [`super::erase::Erase`] run by
/// the server itself in that realm.
pub struct DeleteRealm {
    /// Its name.
    pub name: String,
    /// Also where there are keys in it, which are to be destroyed.
    pub destroy_all: bool,
    /// It was deleted before, and what is left in it is to be destroyed: nobody approves that once more.
    pub goes_on: bool,
}

/// Takes the deletion of a realm back that was meant for an empty one, where something was made in it at the last moment.
pub struct ReopenRealm {
    /// Which.
    pub realm: RealmId,
}

/// A realm, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The realm.
    pub realm: Realm,
    /// Whether there is nothing in it that is not destroyed.
    pub is_empty: bool,
}

impl Operation for CreateRealm {
    type Reply = Realm;

    fn action(&self) -> Action {
        Action::CreateRealm
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut terms = vec![("new realm".into(), self.name.clone())];
        terms.push(("administrator".into(), self.administrator.clone()));
        let now = context.now();
        terms.extend(self.credentials.iter().map(|new| ("credential".into(), told(new, now, false))));
        Ok(Some(terms))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Realm> {
        context.note_target(&self.name);
        check_realm_name(&self.name)?;
        check_name(&self.administrator)?;
        if let Some(known) = find(context, &self.name)? {
            let what = if known.deleted.is_some() {
                "was deleted, and its name is not taken again"
            } else {
                "exists"
            };
            let public = format!("a realm named {:?} {what}; choose another name", self.name);
            return Err(Error::new(ErrorKind::AlreadyExists, public));
        }
        if made(context.store(), REALMS_MAX)?.len() + 1 >= REALMS_MAX {
            let public = format!("there are {REALMS_MAX} realms already, with those that were deleted");
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        let id = id_of(context.crypto(), &self.name);
        let realm = Realm { id, name: self.name.clone(), created: context.now(), deleted: None };
        for credential in &self.credentials {
            put_credential(context, self.administrator_id, credential, None)?;
        }
        let (principal, name) = (self.administrator_id, self.administrator.clone());
        context.note_detail(format!("with the administrator {name}"));
        context.put(Record::Realm(realm.clone()));
        context.put(Record::PrincipalName { realm: id, name: name.clone(), principal });
        context.put(Record::Principal(Arc::new(Principal {
            id: principal,
            realm: id,
            name,
            roles: BTreeSet::from([Role::Admin]),
            groups: BTreeSet::new(),
            created: context.now(),
            revoked: None,
            ends: None,
            credentials: self.credentials.iter().map(|credential| credential.id).collect(),
            person: None,
            erased: None,
        })));
        Ok(realm)
    }
}

impl Operation for ListRealms {
    type Reply = Vec<Realm>;

    fn action(&self) -> Action {
        Action::ListRealms
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Vec<Realm>> {
        let ids = std::iter::once(RealmId::DEFAULT).chain(made(context.store(), REALMS_MAX)?);
        ids.filter_map(|id| realm(context, id).transpose()).collect()
    }
}

impl Operation for ShowRealm {
    type Reply = Shown;

    fn action(&self) -> Action {
        Action::ListRealms
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Shown> {
        context.note_target(&self.name);
        let realm = named(context, &self.name)?;
        Ok(Shown { is_empty: is_empty(context.store(), realm.id)?, realm })
    }
}

impl Operation for DeleteRealm {
    /// How it is now: nothing is in it, or what is to be destroyed.
    type Reply = Shown;

    fn action(&self) -> Action {
        Action::DeleteRealm
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn takes_long(&self) -> bool {
        true
    }

    fn spends_approval(&self) -> bool {
        !self.goes_on
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let realm = named(context, &self.name)?;
        Ok(Some(vec![
            ("delete realm".into(), self.name.clone()),
            ("id".into(), realm.id.to_string()),
            ("destroy all keys in it".into(), self.destroy_all.to_string()),
        ]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Shown> {
        context.note_target(&self.name);
        let mut realm = named(context, &self.name)?;
        // INVARIANT: what nobody approved begins nothing.
        if self.goes_on && realm.deleted.is_none() {
            return Err(Error::new(ErrorKind::Conflict, "the realm is open again: ask once more"));
        }
        if realm.id == RealmId::DEFAULT {
            let public = "the first realm stays: it is where the server's administrators are";
            return Err(Error::new(ErrorKind::WrongUsage, public));
        }
        let is_empty = is_empty(context.store(), realm.id)?;
        if !is_empty && !self.destroy_all {
            let public =
                format!("the realm {:?} is not empty: its keys would have to be destroyed", self.name);
            return Err(Error::new(ErrorKind::WrongState, public));
        }
        if !is_empty && realm.deleted.is_none() {
            refuse_waiting(context, &realm)?;
        }
        context.note_detail(if is_empty { "nothing is in it" } else { "all in it is to be destroyed" });
        if realm.deleted.is_none() {
            realm.deleted = Some(context.now());
            context.put(Record::Realm(realm.clone()));
        }
        Ok(Shown { realm, is_empty })
    }
}

impl Operation for ReopenRealm {
    /// Whether it was opened again.
    type Reply = bool;

    fn action(&self) -> Action {
        Action::ReopenRealm
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<bool> {
        let realm = realm(context, self.realm)?.ok_or_else(|| Error::not_found("realm"))?;
        context.note_target(&realm.name);
        if is_empty(context.store(), realm.id)? {
            return Ok(false);
        }
        context.put(Record::Realm(Realm { deleted: None, ..realm }));
        Ok(true)
    }
}

/// Ids of all realms that were made after the first, by name, also those that were deleted; so many at most.
///
/// # Errors
/// The store's.
pub fn made(store: &dyn Store, limit: usize) -> Result<Vec<RealmId>> {
    let range = whole(RealmId::DEFAULT, IndexKind::Realm);
    Ok(store.find(&range, None, limit)?.into_iter().map(|hit| RealmId(hit.id)).collect())
}

/// Whether this realm was deleted.
///
/// # Errors
/// The store's.
pub fn is_deleted(store: &dyn Store, realm: RealmId) -> Result<bool> {
    if realm == RealmId::DEFAULT {
        return Ok(false);
    }
    let address = RecordKey::Realm(realm);
    match store.get(&address)?.as_deref() {
        Some(Record::Realm(realm)) => Ok(realm.deleted.is_some()),
        Some(other) => Err(damaged(&address, other)),
        // INVARIANT: a realm that is not known lets nobody in.
        None => Ok(true),
    }
}

/// The realm of this name that was not deleted. For the server's own tools: it asks nobody's permission.
///
/// # Errors
/// `NotFound`; the store's.
pub fn open_named(store: &dyn Store, crypto: &dyn Crypto, name: &str) -> Result<RealmId> {
    for id in [RealmId::DEFAULT, id_of(crypto, name)] {
        let address = RecordKey::Realm(id);
        match store.get(&address)?.as_deref() {
            Some(Record::Realm(realm)) if realm.name == name && realm.deleted.is_none() => return Ok(id),
            Some(Record::Realm(_)) | None => {}
            Some(other) => return Err(damaged(&address, other)),
        }
    }
    Err(Error::not_found("realm"))
}

/// The realm of this name.
///
/// # Errors
/// `NotFound`.
pub(super) fn named(context: &mut Context<'_>, name: &str) -> Result<Realm> {
    find(context, name)?.ok_or_else(|| Error::not_found("realm"))
}

/// Whether the people of this realm are let in. Whoever asks is bound to its staying so.
pub(crate) fn is_open(context: &mut Context<'_>, id: RealmId) -> Result<bool> {
    if id == RealmId::DEFAULT {
        return Ok(true);
    }
    Ok(realm(context, id)?.is_some_and(|realm| realm.deleted.is_none()))
}

/// Whether what belongs to this realm is shown to the caller: its own, and to those of the first realm what is left of one that
/// was deleted, of which nobody else is there to ask.
pub(super) fn is_in_sight(context: &mut Context<'_>, id: RealmId) -> Result<bool> {
    if id == context.realm() {
        return Ok(true);
    }
    let is_first = context.realm() == RealmId::DEFAULT;
    Ok(is_first && realm(context, id)?.is_some_and(|realm| realm.deleted.is_some()))
}

/// The realm of this name or id, where the caller may see what belongs to it.
///
/// # Errors
/// `NotFound`, whether it is there or not.
pub(super) fn readable(context: &mut Context<'_>, text: &str) -> Result<RealmId> {
    let found = match text.parse::<RealmId>().ok().filter(|id| id.to_string() == text) {
        Some(id) => realm(context, id)?,
        None => find(context, text)?,
    };
    let unknown = || Error::new(ErrorKind::NotFound, "there is no such realm that you may read");
    let id = found.ok_or_else(unknown)?.id;
    if is_in_sight(context, id)? { Ok(id) } else { Err(unknown()) }
}

fn find(context: &mut Context<'_>, name: &str) -> Result<Option<Realm>> {
    if let Some(first) = realm(context, RealmId::DEFAULT)?.filter(|first| first.name == name) {
        return Ok(Some(first));
    }
    let id = id_of(context.crypto(), name);
    realm(context, id)
}

fn realm(context: &mut Context<'_>, id: RealmId) -> Result<Option<Realm>> {
    let address = RecordKey::Realm(id);
    match context.get(address.clone())?.as_deref() {
        Some(Record::Realm(realm)) => Ok(Some(realm.clone())),
        Some(other) => Err(damaged(&address, other)),
        None => Ok(None),
    }
}

fn id_of(crypto: &dyn Crypto, name: &str) -> RealmId {
    RealmId::named(crypto.sha256(&[DOMAIN, name.as_bytes()]))
}

/// Whether nothing is in the realm that is not destroyed, by states as they are recorded.
fn is_empty(store: &dyn Store, realm: RealmId) -> Result<bool> {
    for state in State::ALL.iter().filter(|state| !state.is_destroyed()) {
        let value = || Bound::Included(vec![*state as u8]);
        let range = IndexRange { realm, kind: IndexKind::State, from: value(), to: value() };
        if !store.find(&range, None, 1)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses where keys are there that may be destroyed only after a waiting period: their people can still take that back, which
/// nobody could once the realm is deleted.
fn refuse_waiting(context: &mut Context<'_>, realm: &Realm) -> Result<()> {
    let (mut after, mut waiting): (Option<IndexHit>, usize) = (None, 0);
    loop {
        let range = whole(realm.id, IndexKind::KeyByName);
        let hits = context.find(&range, after.as_ref(), PAGE_ROWS)?;
        for hit in &hits {
            waiting += usize::from(must_wait(context, KeyId(hit.id))?);
        }
        match hits.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    if waiting == 0 {
        return Ok(());
    }
    let public = format!(
        "of the realm {:?}, {waiting} keys may be destroyed only after a waiting period: have its administrators destroy them, and \
         delete it then",
        realm.name
    );
    Err(Error::new(ErrorKind::WrongState, public))
}

fn must_wait(context: &mut Context<'_>, id: KeyId) -> Result<bool> {
    // Not tracked: there may be millions, and what is made after the walk is looked at once the realm is closed.
    let store = context.store();
    let record = store.get(&RecordKey::Key(id))?;
    let Some(Record::Key(key)) = record.as_deref() else { return Ok(false) };
    if waiting_days(context, key, true)? == 0 {
        return Ok(false);
    }
    for object in key.objects() {
        if let Some(Record::Object(object)) = store.get(&RecordKey::Object(object))?.as_deref()
            && !object.state.is_destroyed()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn whole(realm: RealmId, kind: IndexKind) -> IndexRange {
    IndexRange { realm, kind, from: Bound::Unbounded, to: Bound::Unbounded }
}

fn check_realm_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let begins = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.len() > NAME_BYTES_MAX || !name.starts_with(begins) || !name.chars().all(fits) {
        let public = format!(
            "a realm's name has 1 to {NAME_BYTES_MAX} small letters, digits and . _ -, and begins with a letter or digit"
        );
        return Err(Error::new(ErrorKind::InvalidField, public));
    }
    Ok(())
}
