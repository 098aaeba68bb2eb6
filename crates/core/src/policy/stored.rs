//! Policies of a realm as they are stored: one record, with the documents in all their versions and what they are attached to.
//! Not here: who may change them (the operations).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{
    document::{Document, parse},
    profiles::{PROFILES, default_profile, profile},
};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Key, KeyId, RealmId, Time},
    record::{Record, RecordKey, ServerData},
};

/// Documents of one realm at most, the shipped ones not counted.
const POLICIES_MAX: usize = 64;

/// Bytes of all versions of all documents of a realm at most.
const TEXTS_BYTES_MAX: usize = 512 * 1024;

/// Keys and tags with an attachment at most.
const ATTACHED_MAX: usize = 4096;

/// Realms whose policies are kept ready; beyond it all are made ready anew.
const REALMS_MAX: usize = 256;

/// One version of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredVersion {
    /// From 1.
    pub number: u32,
    /// The document, as it was applied.
    pub text: String,
    /// When.
    pub changed: Time,
    /// Name of the principal that applied it.
    pub by: String,
}

/// A document in all its versions; the newest holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPolicy {
    /// Its name.
    pub name: String,
    /// Oldest first; never empty.
    pub versions: Vec<StoredVersion>,
}

/// What a document is attached to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// All keys of the realm, instead of the profile `default`.
    Realm,
    /// Keys with this tag of this value.
    Tag(String, String),
    /// One key.
    Key(KeyId),
}

/// One attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// To what.
    pub to: Place,
    /// The document's name.
    pub policy: String,
}

/// The documents of a realm and what they are attached to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    /// Counts changes, from 1; 0: there never was one.
    pub revision: u64,
    /// In the order of their names.
    pub policies: Vec<StoredPolicy>,
    /// At most one to each place.
    pub attached: Vec<Attached>,
}

impl Policies {
    /// The document of this name, shipped or the realm's own, as it holds now.
    ///
    /// # Errors
    /// `NotFound`; `Internal` where a stored one cannot be read: then nothing is decided by any.
    pub fn document(&self, name: &str) -> Result<Arc<Document>> {
        if let Some(shipped) = profile(name) {
            return Ok(shipped);
        }
        let newest = self.named(name).and_then(|policy| policy.versions.last());
        let newest = newest.ok_or_else(|| Error::not_found("policy"))?;
        let read = parse(&newest.text).map_err(|error| Error::internal(format!("policy {name}: {error}")))?;
        Ok(Arc::new(read))
    }

    /// The realm's own document of this name.
    pub fn named(&self, name: &str) -> Option<&StoredPolicy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// Adds a document, or a version of one. `false`: it was there just so.
    ///
    /// # Errors
    /// `InvalidField`, `AlreadyExists` for the name of a shipped one, `LimitExceeded`, `TooLarge`.
    pub(crate) fn apply(&mut self, text: &str, now: Time, by: &str) -> Result<(String, u32, bool)> {
        let document = parse(text)?;
        if PROFILES.iter().any(|(name, _)| *name == document.name) {
            let public = format!(
                "the policy {} is shipped and stays as it is: give yours another name",
                document.name
            );
            return Err(Error::new(ErrorKind::AlreadyExists, public));
        }
        let version =
            |number| StoredVersion { number, text: text.to_owned(), changed: now, by: by.to_owned() };
        let number = match self.policies.iter_mut().find(|policy| policy.name == document.name) {
            Some(policy) => {
                let newest = policy.versions.last().map_or(0, |newest| newest.number);
                if policy.versions.last().is_some_and(|newest| newest.text == text) {
                    return Ok((document.name, newest, false));
                }
                policy.versions.push(version(newest + 1));
                newest + 1
            }
            None => {
                self.policies.push(StoredPolicy { name: document.name.clone(), versions: vec![version(1)] });
                1
            }
        };
        self.policies.sort_by(|a, b| a.name.cmp(&b.name));
        if self.policies.len() > POLICIES_MAX {
            let public = format!("a realm has at most {POLICIES_MAX} policies; remove some first");
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        let versions = self.policies.iter().flat_map(|policy| &policy.versions);
        if versions.map(|version| version.text.len()).sum::<usize>() > TEXTS_BYTES_MAX {
            let public = format!(
                "all versions of the policies of a realm have at most {TEXTS_BYTES_MAX} bytes together; remove policies that \
                 nothing is attached to"
            );
            return Err(Error::new(ErrorKind::TooLarge, public));
        }
        self.revision += 1;
        Ok((document.name, number, true))
    }

    /// Takes a document away, with its versions.
    ///
    /// # Errors
    /// `NotFound`; `WrongState` while it is attached.
    pub(crate) fn remove(&mut self, name: &str) -> Result<()> {
        if self.attached.iter().any(|attached| attached.policy == name) {
            let public =
                format!("the policy {name} is attached: detach it first (`keyreeve policy list` says where)");
            return Err(Error::new(ErrorKind::WrongState, public));
        }
        let before = self.policies.len();
        self.policies.retain(|policy| policy.name != name);
        if self.policies.len() == before {
            return Err(Error::not_found("policy"));
        }
        self.revision += 1;
        Ok(())
    }

    /// Attaches a document in place of what was attached there.
    ///
    /// # Errors
    /// `NotFound`, `LimitExceeded`.
    pub(crate) fn attach(&mut self, name: &str, to: Place) -> Result<()> {
        self.document(name)?;
        self.attached.retain(|attached| attached.to != to);
        if self.attached.len() >= ATTACHED_MAX {
            let public = format!(
                "policies are attached to at most {ATTACHED_MAX} places: give keys a tag and attach one to that"
            );
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        self.attached.push(Attached { to, policy: name.to_owned() });
        self.revision += 1;
        Ok(())
    }

    /// Detaches what is attached there, and tells its name.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn detach(&mut self, from: &Place) -> Result<String> {
        let at = self.attached.iter().position(|attached| attached.to == *from);
        let at = at.ok_or_else(|| Error::not_found("attachment of a policy there"))?;
        self.revision += 1;
        Ok(self.attached.remove(at).policy)
    }
}

/// Where a realm's policies are.
pub(crate) fn address(realm: RealmId) -> RecordKey {
    RecordKey::Server(record_name(realm))
}

/// The name of the record of a realm's policies.
pub(crate) fn record_name(realm: RealmId) -> String {
    format!("policies of realm {realm}")
}

/// The documents of a realm, read.
pub(crate) struct Ready {
    revision: u64,
    realm: Option<Arc<Document>>,
    tags: HashMap<(String, String), Arc<Document>>,
    keys: HashMap<KeyId, Arc<Document>>,
}

impl Ready {
    /// Reads what is attached.
    ///
    /// # Errors
    /// `Internal` where a document cannot be read.
    pub(crate) fn of(policies: &Policies) -> Result<Self> {
        let (revision, realm) = (policies.revision, default_profile());
        let mut ready = Self { revision, realm, tags: HashMap::new(), keys: HashMap::new() };
        let mut read: HashMap<&str, Arc<Document>> = HashMap::new();
        for attached in &policies.attached {
            let document = match read.get(&*attached.policy) {
                Some(document) => Arc::clone(document),
                None => policies.document(&attached.policy).map_err(|error| {
                    Error::internal(format!("policy {}, which is attached: {error}", attached.policy))
                })?,
            };
            read.insert(&attached.policy, Arc::clone(&document));
            match &attached.to {
                Place::Realm => ready.realm = Some(document),
                Place::Tag(tag, value) => drop(ready.tags.insert((tag.clone(), value.clone()), document)),
                Place::Key(key) => drop(ready.keys.insert(*key, document)),
            }
        }
        Ok(ready)
    }

    /// Counts changes of the realm's policies.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// All documents that hold for a key with these tags: its own, those of its tags, and the realm's.
    pub(crate) fn holding(&self, key: KeyId, tags: &BTreeMap<String, String>) -> Vec<&Arc<Document>> {
        let mut holding: Vec<&Arc<Document>> = self.keys.get(&key).into_iter().collect();
        if !self.tags.is_empty() {
            let attached =
                tags.iter().filter_map(|(tag, value)| self.tags.get(&(tag.clone(), value.clone())));
            holding.extend(attached);
        }
        holding.extend(&self.realm);
        holding
    }
}

/// The policies that an engine keeps read.
#[derive(Default)]
pub(crate) struct KeptPolicies {
    ready: Mutex<HashMap<RealmId, Kept>>,
}

/// The record that they were made from, where there is one, and what was read.
type Kept = (Option<Arc<ServerData>>, Arc<Ready>);

impl KeptPolicies {
    /// The policies of a realm, from their record as it is now.
    ///
    /// # Errors
    /// `Internal` where they cannot be read: then nothing is done that they decide.
    pub(crate) fn ready(&self, realm: RealmId, record: Option<&Record>) -> Result<Arc<Ready>> {
        let data = match record {
            Some(Record::Server(data)) => Some(data),
            Some(_) => return Err(Error::internal("the address of policies holds another kind of record")),
            None => None,
        };
        // Records never change in place, and one that is held here gives its address to no other.
        let same = |of: &Option<Arc<ServerData>>| match (of, data) {
            (Some(of), Some(data)) => Arc::ptr_eq(of, data),
            (None, None) => true,
            _ => false,
        };
        if let Some((of, ready)) = self.ready.lock().get(&realm)
            && same(of)
        {
            return Ok(Arc::clone(ready));
        }
        let stored = match data {
            Some(data) => ciborium::from_reader(&data.data[..]).map_err(Error::internal)?,
            None => Policies::default(),
        };
        let ready = Arc::new(Ready::of(&stored)?);
        let mut kept = self.ready.lock();
        if kept.len() >= REALMS_MAX {
            kept.clear();
        }
        kept.insert(realm, (data.cloned(), Arc::clone(&ready)));
        Ok(ready)
    }
}

impl Place {
    /// Whether what is attached here holds for the key.
    pub fn holds(&self, key: &Key) -> bool {
        match self {
            Self::Realm => true,
            Self::Tag(tag, value) => key.tags.get(tag) == Some(value),
            Self::Key(id) => *id == key.id,
        }
    }
}
