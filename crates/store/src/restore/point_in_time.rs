//! Point-in-time recovery, as a pure rule: what becomes of a record, given the record then and the newest one.
//!
//! The state is that of then, but for what must not come back: what was destroyed, revoked or taken away later stays so,
//! what has to do with sealing is always the newest, and counters never go back (shared/destruction.md, Restore).
//! Where the two states come from, and where the result goes, does not live here.

use std::sync::Arc;

use keyreeve_core::{
    Result,
    model::{Counts, Grant, Key, ManagedObject, Principal, State, Uses},
    persons::{is_person_name, principal_of},
    record::{Change, Record, RecordKey},
    restored::lower_limits,
};
use serde::Serialize;

use crate::faults::{Fault, breaks};

/// Lines of one list that are told; all are counted.
const LINES_MAX: usize = 10_000;

/// The two states, for the few rules that look beyond one record.
pub(crate) trait States {
    /// A record as it was then.
    fn then(&self, key: &RecordKey) -> Result<Option<Record>>;
    /// The newest record.
    fn head(&self, key: &RecordKey) -> Result<Option<Record>>;
}

/// What would appear, disappear, change and stay as it is now, against the newest state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// Names that come back.
    pub appears: Lines,
    /// Keys, versions and principals made since.
    pub disappears: Lines,
    /// What was changed since and is taken back.
    pub changes: Lines,
    /// What the past had and does not come back: destroyed, waiting for its destruction, revoked, or taken away since.
    pub stays: Lines,
}

/// One list of the preview.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub lines: Vec<Line>,
}

/// One line of the preview. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `key`, `version`, `principal`, `credential`, `realm` or `name`.
    pub what: &'static str,
    /// Its id.
    pub id: String,
    /// The name that it has, or that its key has.
    pub name: String,
    /// Why it stands here.
    pub why: String,
}

impl Lines {
    fn add(&mut self, what: &'static str, id: impl ToString, name: &str, why: &str) {
        self.count += 1;
        if self.lines.len() < LINES_MAX {
            self.lines.push(Line { what, id: id.to_string(), name: name.to_owned(), why: why.to_owned() });
        }
    }
}

/// Goes over the records of both states, in any order.
pub(crate) struct Merge<'a> {
    /// For the rules that look beyond one record.
    pub(crate) states: &'a dyn States,
    /// What was made since is kept.
    pub(crate) keep_new: bool,
    /// What has been found so far.
    pub(crate) preview: Preview,
}

impl Merge<'_> {
    /// The changes, against the newest state, for one address; `then` and `head` are the records there.
    ///
    /// INVARIANT: an object that is put has the MAC and the revision of then: the caller makes them anew.
    ///
    /// # Errors
    /// The states'.
    pub(crate) fn record(&mut self, then: Option<Record>, head: Option<Record>) -> Result<Vec<Change>> {
        match (then, head) {
            (_, Some(head @ Record::PrincipalName { .. })) if leads_to_person(&head) => {
                self.person_name(&head)
            }
            (Some(then), None) if leads_to_person(&then) => Ok(Vec::new()),
            (Some(then @ (Record::KeyName { .. } | Record::PrincipalName { .. })), head) => {
                self.name(Some(then), head)
            }
            (None, Some(head @ (Record::KeyName { .. } | Record::PrincipalName { .. }))) => {
                self.name(None, Some(head))
            }
            // What is gone by now is gone: only names are given out again.
            (_, None) => Ok(Vec::new()),
            (None, Some(head)) => self.made_since(head),
            (Some(Record::Object(then)), Some(Record::Object(head))) => self.object(&then, &head),
            (Some(Record::Key(then)), Some(Record::Key(head))) => Ok(self.key(&then, &head)),
            (Some(Record::Principal(then)), Some(Record::Principal(head))) => {
                Ok(self.principal(&then, &head))
            }
            (Some(then @ Record::Realm(_)), Some(head)) => {
                Ok(if then == head { Vec::new() } else { vec![Change::Put(then)] })
            }
            (Some(then @ Record::Counts(_)), Some(_)) if breaks(Fault::CountersFromPast) => {
                Ok(vec![Change::Put(then)])
            }
            // Material, counters, credentials, server data, and all that has to do with sealing.
            (Some(_), Some(_)) => Ok(Vec::new()),
        }
    }

    fn made_since(&mut self, head: Record) -> Result<Vec<Change>> {
        let is_new = match &head {
            Record::Key(key) if self.keep_new => return self.new_key(key),
            Record::Key(key) => {
                self.preview.disappears.add("key", key.id, &key.name, "made since");
                true
            }
            Record::Principal(principal) if !self.keep_new => {
                self.preview.disappears.add("principal", principal.id, &principal.name, "made since");
                true
            }
            Record::Realm(realm) if !self.keep_new => {
                self.preview.disappears.add("realm", realm.id, &realm.name, "made since");
                true
            }
            Record::Object(object) => {
                let known = self.states.then(&RecordKey::Key(object.key))?;
                if let (false, Some(Record::Key(key))) = (self.keep_new, known) {
                    let why = format!("version {} was made since", object.version);
                    self.preview.disappears.add("version", object.id, &key.name, &why);
                }
                true
            }
            Record::Material(_) => true,
            Record::Counts(Counts { object, .. })
            | Record::Uses(Uses { object, .. })
            | Record::MaterialDigest { object, .. } => {
                self.states.then(&RecordKey::Object(*object))?.is_none()
            }
            // Whoever was known then and proved itself anew since is not shut out.
            Record::Credential(credential) => {
                self.states.then(&RecordKey::Principal(credential.principal))?.is_none()
            }
            Record::Server(data) => match principal_of(data) {
                Some(principal) => self.states.then(&RecordKey::Principal(principal))?.is_none(),
                None => false,
            },
            _ => false,
        };
        Ok(if is_new && !self.keep_new { vec![Change::Delete(head.key())] } else { Vec::new() })
    }

    /// A key made since that is kept gives way where its name belonged to another key then.
    fn new_key(&mut self, key: &Arc<Key>) -> Result<Vec<Change>> {
        let address = RecordKey::KeyName(key.realm, key.name.clone());
        let Some(Record::KeyName { key: owner, .. }) = self.states.then(&address)? else {
            return Ok(Vec::new());
        };
        if owner == key.id || self.states.head(&RecordKey::Key(owner))?.is_none() {
            return Ok(Vec::new());
        }
        let renamed = Key { name: key.id.to_string(), ..Key::clone(key) };
        self.preview.changes.add(
            "key",
            key.id,
            &key.name,
            "its name belongs to another key: it is named by its id",
        );
        let name =
            Record::KeyName { realm: key.realm, name: renamed.name.clone(), key: key.id, alias: false };
        Ok(vec![Change::Put(Record::Key(Arc::new(renamed))), Change::Put(name)])
    }

    /// Names follow what they name: those of then, where it is still there, and those of what was made since and is
    /// kept.
    fn name(&mut self, then: Option<Record>, head: Option<Record>) -> Result<Vec<Change>> {
        if then == head {
            return Ok(Vec::new());
        }
        if let Some(then) = then
            && let Some(named) = named(&then)
            && self.states.head(&named)?.is_some()
        {
            if let Record::KeyName { name, key, .. } = &then {
                self.preview.appears.add("name", key, name, "it was given up since");
            }
            return Ok(vec![Change::Put(then)]);
        }
        let Some(head) = head else { return Ok(Vec::new()) };
        let kept = match named(&head) {
            Some(named) => self.keep_new && self.states.then(&named)?.is_none(),
            None => true,
        };
        Ok(if kept { Vec::new() } else { vec![Change::Delete(head.key())] })
    }

    /// What leads to a person is made anew where somebody is erased, so that the newest counts.
    fn person_name(&self, head: &Record) -> Result<Vec<Change>> {
        let known = match named(head) {
            Some(named) => self.keep_new || self.states.then(&named)?.is_some(),
            None => true,
        };
        Ok(if known { Vec::new() } else { vec![Change::Delete(head.key())] })
    }

    fn object(&mut self, then: &Arc<ManagedObject>, head: &Arc<ManagedObject>) -> Result<Vec<Change>> {
        if then == head {
            return Ok(Vec::new());
        }
        let name = match self.states.head(&RecordKey::Key(head.key))? {
            Some(Record::Key(key)) => key.name.clone(),
            _ => String::new(),
        };
        let mut stay = |why: &str| {
            let why = format!("version {} {why}", head.version);
            self.preview.stays.add("version", head.id, &name, &why);
        };
        if head.state.is_destroyed() {
            if !then.state.is_destroyed() {
                stay("was destroyed since");
            }
            return Ok(Vec::new());
        }
        let mut merged = ManagedObject::clone(then);
        let revoked = head.revocation.is_some() && head.revocation != then.revocation;
        let compromised = head.state == State::Compromised && then.state != State::Compromised;
        if (revoked || compromised) && !breaks(Fault::DropRevocations) {
            stay("was revoked since");
            (merged.state, merged.revocation) = (head.state, head.revocation.clone());
            merged.dates = head.dates;
        }
        if head.dates.destruction.is_some() && then.dates.destruction.is_none() {
            stay("waits for its destruction");
        }
        // Also where it was cancelled since: a restore destroys nothing.
        merged.dates.destruction = head.dates.destruction;
        if head.dates.suspended.is_some() && then.dates.suspended.is_none() {
            stay("was disabled since");
            merged.dates.suspended = head.dates.suspended;
        }
        merged.erasure = head.erasure;
        // What has happened does not unhappen.
        merged.fresh &= head.fresh;
        merged.always_sensitive &= head.always_sensitive;
        merged.never_extractable &= head.never_extractable;
        if !breaks(Fault::CountersFromPast) {
            lower_limits(&mut merged, head);
        }
        let same = ManagedObject { revision: head.revision, mac: head.mac.clone(), ..merged.clone() };
        if same == **head {
            return Ok(Vec::new());
        }
        self.preview.changes.add(
            "version",
            head.id,
            &name,
            &format!("attributes of version {}", head.version),
        );
        Ok(vec![Change::Put(Record::Object(Arc::new(merged)))])
    }

    fn key(&mut self, then: &Arc<Key>, head: &Arc<Key>) -> Vec<Change> {
        let mut merged = Key::clone(then);
        if self.keep_new {
            merged.versions.clone_from(&head.versions);
        }
        merged.grants = then.grants.iter().filter_map(|grant| both(grant, &head.grants)).collect();
        if merged.grants != then.grants {
            self.preview.stays.add("key", head.id, &then.name, "grants were taken back since");
        }
        if merged == **head {
            return Vec::new();
        }
        self.preview.changes.add("key", head.id, &then.name, &differences(&merged, head));
        vec![Change::Put(Record::Key(Arc::new(merged)))]
    }

    fn principal(&mut self, then: &Arc<Principal>, head: &Arc<Principal>) -> Vec<Change> {
        let mut merged = Principal::clone(then);
        merged.roles = then.roles.intersection(&head.roles).copied().collect();
        // A group may permit or forbid: what it is in now is what administrators mean now.
        merged.groups.clone_from(&head.groups);
        merged.revoked = head.revoked;
        merged.erased = head.erased;
        merged.credentials.clone_from(&head.credentials);
        if (merged.roles != then.roles) || (head.revoked.is_some() && then.revoked.is_none()) {
            self.preview.stays.add("principal", head.id, &head.name, "rights were taken away since");
        }
        if merged == **head {
            return Vec::new();
        }
        self.preview.changes.add("principal", head.id, &head.name, "rights given since are taken back");
        vec![Change::Put(Record::Principal(Arc::new(merged)))]
    }
}

/// What both allow; nothing where that is nothing.
fn both(then: &Grant, head: &[Grant]) -> Option<Grant> {
    let now = head.iter().find(|grant| grant.principal == then.principal)?;
    let actions: std::collections::BTreeSet<_> = then.actions.intersection(&now.actions).copied().collect();
    let expires = [then.expires, now.expires].into_iter().flatten().min();
    let mut encryption_context = then.encryption_context.clone();
    for (name, value) in &now.encryption_context {
        // Two values for one name take no request: there is nothing that both allow.
        if encryption_context.insert(name.clone(), value.clone()).is_some_and(|other| other != *value) {
            return None;
        }
    }
    (!actions.is_empty()).then_some(Grant { principal: then.principal, actions, expires, encryption_context })
}

fn differences(merged: &Key, head: &Key) -> String {
    let parts = [
        (merged.name != head.name, "name"),
        (merged.versions != head.versions, "versions"),
        (merged.policy != head.policy, "policy"),
        (merged.tags != head.tags, "tags"),
        (merged.grants != head.grants, "grants"),
    ];
    parts.iter().filter(|(differs, _)| *differs).map(|(_, word)| *word).collect::<Vec<_>>().join(", ")
}

fn leads_to_person(record: &Record) -> bool {
    matches!(record, Record::PrincipalName { name, .. } if is_person_name(name))
}

/// What a name belongs to.
fn named(record: &Record) -> Option<RecordKey> {
    match record {
        Record::KeyName { key, .. } => Some(RecordKey::Key(*key)),
        Record::PrincipalName { principal, .. } => Some(RecordKey::Principal(*principal)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
