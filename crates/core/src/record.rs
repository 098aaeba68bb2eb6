//! What is stored: records, and journal entries that change them. The serde form of these types is the stored form;
//! docs/journal-format.md describes it, and a golden data folder holds it still.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    access::Action,
    error::ErrorKind,
    model::{
        AttributeName, Counts, Credential, CredentialId, Erasure, ErasureId, Key, KeyId, Lsn, ManagedObject,
        MaterialDigest, NodeId, ObjectId, Place, Principal, PrincipalId, RealmId, RealmLeaves, ReplacedNodes,
        RequestId, SealedNode, State, StoredCertificate, Time, TreeHead, UseKind, Uses,
    },
    ports::seal::SealedMaterial,
};

/// Address of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RecordKey {
    /// A realm.
    Realm(RealmId),
    /// A managed object.
    Object(ObjectId),
    /// Its sealed material.
    Material(ObjectId),
    /// A key.
    Key(KeyId),
    /// A name of a key in a realm.
    KeyName(RealmId, String),
    /// A principal.
    Principal(PrincipalId),
    /// A name of a principal in a realm.
    PrincipalName(RealmId, String),
    /// A credential.
    Credential(CredentialId),
    /// A sealed secret or setting of the server itself, such as the CA.
    Server(String),
    /// The head of the key tree: there is one.
    Tree,
    /// A node of the key tree.
    Node(NodeId),
    /// Nodes that this generation replaced.
    Replaced(u64),
    /// The leaf nodes that a realm fills.
    Leaves(RealmId),
    /// What is left of a destruction.
    Erasure(ErasureId),
    /// A certificate of destruction.
    Certificate(ErasureId),
    /// A place of an epoch key.
    Place(String),
    /// Counters of an object.
    Counts(ObjectId),
    /// How often an object served.
    Uses(ObjectId),
    /// Who had this material first, in a realm.
    MaterialDigest(RealmId, MaterialDigest),
}

/// A realm (tenant).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Realm {
    /// Identifier.
    pub id: RealmId,
    /// Name, unique.
    pub name: String,
    /// When it was made.
    pub created: Time,
    /// Set once it is deleted; from then on nobody of it is let in. The record stays, and so does the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Time>,
}

/// Server data that is no managed object: certificates in plain, keys sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerData {
    /// Name, as in its `RecordKey`.
    pub name: String,
    /// Readable part.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
    /// Secret part, sealed under the object id that it names.
    pub sealed: Option<SealedMaterial>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Record {
    Realm(Realm),
    Object(Arc<ManagedObject>),
    Material(Arc<SealedMaterial>),
    Key(Arc<Key>),
    KeyName {
        realm: RealmId,
        name: String,
        key: KeyId,
        /// A further name, which can be moved to another key.
        #[serde(default, skip_serializing_if = "is_false")]
        alias: bool,
    },
    Principal(Arc<Principal>),
    PrincipalName {
        realm: RealmId,
        name: String,
        principal: PrincipalId,
    },
    Credential(Arc<Credential>),
    Server(Arc<ServerData>),
    Tree(Arc<TreeHead>),
    Node(Arc<SealedNode>),
    Replaced(Arc<ReplacedNodes>),
    Leaves(RealmLeaves),
    Erasure(Arc<Erasure>),
    Certificate(Arc<StoredCertificate>),
    Place(Arc<Place>),
    Counts(Counts),
    Uses(Uses),
    MaterialDigest {
        realm: RealmId,
        digest: MaterialDigest,
        object: ObjectId,
    },
}

impl Record {
    /// The record's address.
    pub fn key(&self) -> RecordKey {
        match self {
            Self::Realm(realm) => RecordKey::Realm(realm.id),
            Self::Object(object) => RecordKey::Object(object.id),
            Self::Material(material) => RecordKey::Material(material.object),
            Self::Key(key) => RecordKey::Key(key.id),
            Self::KeyName { realm, name, .. } => RecordKey::KeyName(*realm, name.clone()),
            Self::Principal(principal) => RecordKey::Principal(principal.id),
            Self::PrincipalName { realm, name, .. } => RecordKey::PrincipalName(*realm, name.clone()),
            Self::Credential(credential) => RecordKey::Credential(credential.id),
            Self::Server(server) => RecordKey::Server(server.name.clone()),
            Self::Tree(_) => RecordKey::Tree,
            Self::Node(node) => RecordKey::Node(node.id),
            Self::Replaced(replaced) => RecordKey::Replaced(replaced.generation),
            Self::Leaves(leaves) => RecordKey::Leaves(leaves.realm),
            Self::Erasure(erasure) => RecordKey::Erasure(erasure.id),
            Self::Certificate(certificate) => RecordKey::Certificate(certificate.id),
            Self::Place(place) => RecordKey::Place(place.name.clone()),
            Self::Counts(counts) => RecordKey::Counts(counts.object),
            Self::Uses(uses) => RecordKey::Uses(uses.object),
            Self::MaterialDigest { realm, digest, .. } => RecordKey::MaterialDigest(*realm, *digest),
        }
    }
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// One change of the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// The record is now this.
    Put(Record),
    /// The record is gone.
    Delete(RecordKey),
    /// The secret material of an object left the server so many times more. Adds up in the order of the journal and
    /// never makes another request stale.
    Exported(ObjectId, u64),
    /// Units of an object's usage limits were used up. Adds up as `Exported` does; the committer refuses it where fewer are
    /// left.
    Spent {
        /// The object.
        object: ObjectId,
        /// How many, at least 1.
        units: u64,
        /// Of how many in all, as its attribute said.
        of: u64,
    },
    /// So many nonces may be drawn for what an object encrypts or wraps. Adds up as `Exported` does.
    Drawn(ObjectId, u64),
}

impl Change {
    /// True where it holds whatever others change meanwhile, so that nothing that read the record becomes stale.
    pub fn commutes(&self) -> bool {
        self.counted().is_some()
    }

    /// Address of what changes.
    pub fn key(&self) -> RecordKey {
        match self {
            Self::Put(record) => record.key(),
            Self::Delete(key) => key.clone(),
            Self::Exported(object, _) | Self::Spent { object, .. } | Self::Drawn(object, _) => {
                RecordKey::Counts(*object)
            }
        }
    }

    /// What it adds to the counters of an object, where it commutes.
    pub fn counted(&self) -> Option<Counts> {
        match self {
            Self::Exported(object, by) => Some(Counts { exported: *by, ..Counts::none(*object) }),
            Self::Spent { object, units, .. } => Some(Counts { spent: *units, ..Counts::none(*object) }),
            Self::Drawn(object, by) => Some(Counts { drawn: *by, ..Counts::none(*object) }),
            Self::Put(_) | Self::Delete(_) => None,
        }
    }
}

/// How a request ended, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done.
    Success,
    /// Refused by access rules.
    Denied,
    /// Failed otherwise.
    Failed,
}

/// An entry before it has a position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryDraft {
    /// When the operation ran.
    pub time: Time,
    /// Realm.
    pub realm: RealmId,
    /// Who asked.
    pub principal: PrincipalId,
    /// The name that the principal had, for readers.
    pub principal_name: String,
    /// Protocol it came over: `kmip`, `rest`, `system`.
    pub protocol: String,
    /// The request.
    pub request: RequestId,
    /// Address of the peer, where there is one.
    pub source: Option<String>,
    /// What was asked.
    pub action: Action,
    /// The key, where one was found.
    pub key: Option<KeyId>,
    /// The object, where one was found.
    pub object: Option<ObjectId>,
    /// The name or id that was asked for, cut at 256 bytes.
    pub target: Option<String>,
    /// Further keys that served, such as the one that wrapped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<KeyId>,
    /// One of these keys was made as a canary.
    #[serde(default, skip_serializing_if = "is_false")]
    pub canary: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Of what kind a denial or failure was; `None` for a success, and in entries from before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ErrorKind>,
    /// Reason of a denial or failure, or a detail worth reading; holds no secret.
    pub detail: Option<String>,
    /// Changes of the state, in order.
    pub changes: Vec<Change>,
    /// Which attributes of objects that were there before the changes touch. A change holds the object as it is after it, so
    /// that nothing else tells what was another way before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<Touched>,
    /// Where a person asked: `source`, `target` and `detail`, which are left out above, sealed under the person's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<SealedFields>,
}

/// Personal fields of an entry, as it holds them for ever. Nobody reads them once the person's key is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedFields {
    /// Whose: names the server data that holds the person's key.
    pub person: ObjectId,
    /// AES-GCM nonce.
    #[serde(with = "serde_bytes")]
    pub nonce: [u8; 12],
    /// Ciphertext and tag.
    #[serde(with = "serde_bytes")]
    pub ciphertext: Vec<u8>,
}

/// The attributes of one object that an entry set, changed or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// The object.
    pub object: ObjectId,
    /// The attributes, the standard's first, then vendors'; never none.
    pub attributes: Vec<AttributeName>,
}

impl EntryDraft {
    /// The object that served, and for what, where the entry is a use of one that succeeded.
    pub fn used(&self) -> Option<(ObjectId, UseKind)> {
        used(self.action, self.outcome, self.object)
    }

    /// True where a full disk must not keep it from being recorded: it has changes by an action that is urgent, or begins
    /// an erasure. Refusals are not, so that nobody uses up what is held back by asking for what is not granted.
    pub fn is_urgent(&self) -> bool {
        let erases = |change: &Change| matches!(change, Change::Put(Record::Erasure(_)));
        self.changes.iter().any(|change| self.action.is_urgent() || erases(change))
    }
}

/// As [`EntryDraft::used`], from the fields that tell it.
pub fn used(action: Action, outcome: Outcome, object: Option<ObjectId>) -> Option<(ObjectId, UseKind)> {
    Some((object?, action.use_kind().filter(|_| outcome == Outcome::Success)?))
}

/// A journal entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Position.
    pub lsn: Lsn,
    /// Everything else.
    #[serde(flatten)]
    pub draft: EntryDraft,
}

/// Secondary indexes. Values are order-preserving byte strings made by `index_terms`.
///
/// INVARIANT: whoever changes what a value looks like raises the format of the store's index checkpoint, so that indexes
/// on disk are made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum IndexKind {
    Object = 1,
    ObjectName = 2,
    ObjectType = 3,
    State = 4,
    Algorithm = 5,
    Group = 6,
    Link = 7,
    Attribute = 8,
    Date = 9,
    /// Next date that moves an object by itself, as 8 bytes; for the scheduler and for Locate by state.
    Due = 10,
    Usage = 11,
    KeyByName = 12,
    KeyTag = 13,
    Principal = 14,
    KeyOwner = 15,
    /// Leaf of the key tree that something is sealed under, as 8 bytes, and its check value; of all realms in the
    /// default one.
    Leaf = 16,
    /// An erasure that is not complete; of all realms in the default one.
    Erasure = 17,
    /// A place, by name; in the default realm.
    Place = 18,
    /// Nodes that are kept for a place of an older generation, by the generation that replaced them, as 8 bytes; in the
    /// default realm.
    Replaced = 19,
    /// An alias of a key, by itself.
    Alias = 20,
    /// When the server rotates an object by itself, as 8 bytes; of all realms in the default one.
    Rotation = 21,
    /// A realm, by name; in the default one, which has no row itself.
    Realm = 22,
}

/// Bytes of an indexed value at most; longer ones are cut.
pub const INDEX_VALUE_BYTES_MAX: usize = 512;

/// One index row that a record gives rise to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexTerm {
    /// Realm of the record.
    pub realm: RealmId,
    /// Which index.
    pub kind: IndexKind,
    /// The value, at most 512 bytes; longer ones are cut, so that readers check the record itself.
    pub value: Vec<u8>,
    /// Id of the object, key or principal.
    pub id: uuid::Uuid,
}

/// All index rows of a record. The store keeps them beside the record and removes them with it.
pub fn index_terms(record: &Record) -> Vec<IndexTerm> {
    match record {
        Record::Object(object) => object_terms(object),
        Record::Key(key) => {
            let term =
                |kind, value: Vec<u8>| IndexTerm { realm: key.realm, kind, value: cut(value), id: key.id.0 };
            let mut terms = vec![
                term(IndexKind::KeyByName, key.name.clone().into_bytes()),
                term(IndexKind::KeyOwner, key.owner.as_bytes().to_vec()),
            ];
            terms
                .extend(key.tags.iter().map(|(name, value)| term(IndexKind::KeyTag, tag_value(name, value))));
            terms
        }
        Record::KeyName { realm, name, key, alias: true } => {
            let value = cut(name.clone().into_bytes());
            vec![IndexTerm { realm: *realm, kind: IndexKind::Alias, value, id: key.0 }]
        }
        Record::Principal(principal) => vec![IndexTerm {
            realm: principal.realm,
            kind: IndexKind::Principal,
            value: cut(principal.name.clone().into_bytes()),
            id: principal.id.0,
        }],
        Record::Material(material) => vec![leaf_term(material)],
        Record::Server(server) => server.sealed.iter().map(leaf_term).collect(),
        Record::Realm(made) if made.id != RealmId::DEFAULT => vec![IndexTerm {
            realm: RealmId::DEFAULT,
            kind: IndexKind::Realm,
            value: cut(made.name.clone().into_bytes()),
            id: made.id.0,
        }],
        Record::Erasure(erasure) => vec![IndexTerm {
            realm: RealmId::DEFAULT,
            kind: IndexKind::Erasure,
            value: sortable(erasure.asked.0).to_vec(),
            id: erasure.id.0,
        }],
        Record::Place(place) => {
            vec![unidentified(IndexKind::Place, cut(place.name.clone().into_bytes()))]
        }
        Record::Replaced(replaced) => {
            vec![unidentified(IndexKind::Replaced, replaced.generation.to_be_bytes().to_vec())]
        }
        _ => Vec::new(),
    }
}

/// A row of what has no id: its value says it all.
fn unidentified(kind: IndexKind, value: Vec<u8>) -> IndexTerm {
    IndexTerm { realm: RealmId::DEFAULT, kind, value, id: uuid::Uuid::nil() }
}

/// Where one leaf comes before another, its row does too.
fn leaf_term(material: &SealedMaterial) -> IndexTerm {
    let value = [material.leaf_index.to_be_bytes(), material.leaf_check].concat();
    IndexTerm { realm: RealmId::DEFAULT, kind: IndexKind::Leaf, value, id: material.object.0 }
}

fn object_terms(object: &ManagedObject) -> Vec<IndexTerm> {
    let mut terms = Vec::new();
    let mut add = |kind, value: Vec<u8>| {
        terms.push(IndexTerm { realm: object.realm, kind, value: cut(value), id: object.id.0 });
    };
    add(IndexKind::Object, Vec::new());
    add(IndexKind::ObjectType, vec![object.object_type as u8]);
    let state = if object.dates.suspended.is_some() { State::Suspended } else { object.state };
    add(IndexKind::State, vec![state as u8]);
    if let Some(spec) = &object.spec {
        add(IndexKind::Algorithm, algorithm_value(spec.algorithm));
    }
    for name in &object.names {
        add(IndexKind::ObjectName, name.value.clone().into_bytes());
    }
    for group in &object.groups {
        add(IndexKind::Group, group.clone().into_bytes());
    }
    for link in &object.links {
        add(IndexKind::Link, link.target.clone().into_bytes());
    }
    for (name, values) in &object.further {
        for value in values {
            add(IndexKind::Attribute, attribute_value(name, value));
        }
    }
    for (tag, date) in dates(object) {
        add(IndexKind::Date, date_value(tag, date));
    }
    if let Some(due) = crate::lifecycle::next_move(object) {
        add(IndexKind::Due, sortable(due.0).to_vec());
    }
    if let Some(due) = crate::attributes::next_rotation(object) {
        let (realm, value) = (RealmId::DEFAULT, sortable(due.0).to_vec());
        terms.push(IndexTerm { realm, kind: IndexKind::Rotation, value, id: object.id.0 });
    }
    terms
}

/// Index value of an algorithm.
pub fn algorithm_value(algorithm: crate::model::Algorithm) -> Vec<u8> {
    algorithm.word().into_bytes()
}

/// Index value of a key's tag.
pub fn tag_value(name: &str, value: &str) -> Vec<u8> {
    cut(pair(name.as_bytes(), value.as_bytes()))
}

/// Index value of a further attribute: its name and its value.
pub fn attribute_value(name: &AttributeName, value: &crate::model::Value) -> Vec<u8> {
    let name = match name {
        AttributeName::Standard(kind) => kind.word().to_owned(),
        AttributeName::Vendor { vendor, name } => format!("{vendor}\u{1f}{name}"),
    };
    // The stored form and not the debug form, which is no promise from one compiler to the next. Were encoding to fail,
    // the row would hold the name alone: both who writes rows and who searches come through here, and check the record.
    let mut encoded = Vec::new();
    if ciborium::into_writer(value, &mut encoded).is_err() {
        encoded.clear();
    }
    pair(name.as_bytes(), &encoded)
}

/// Index value of a date: which date, then when.
pub fn date_value(which: DateKind, at: Time) -> Vec<u8> {
    let mut value = vec![which as u8];
    value.extend_from_slice(&sortable(at.0));
    value
}

/// The dates that can be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum DateKind {
    Initial = 1,
    LastChange = 2,
    Activation = 3,
    ProcessStart = 4,
    ProtectStop = 5,
    Deactivation = 6,
    Destroy = 7,
    CompromiseOccurrence = 8,
    Compromise = 9,
    Archive = 10,
    OriginalCreation = 11,
}

fn dates(object: &ManagedObject) -> impl Iterator<Item = (DateKind, Time)> {
    let dates = object.dates;
    [
        (DateKind::Initial, Some(dates.initial)),
        (DateKind::LastChange, Some(dates.last_change)),
        (DateKind::Activation, dates.activation),
        (DateKind::ProcessStart, dates.process_start),
        (DateKind::ProtectStop, dates.protect_stop),
        (DateKind::Deactivation, dates.deactivation),
        (DateKind::Destroy, dates.destroy),
        (DateKind::CompromiseOccurrence, dates.compromise_occurrence),
        (DateKind::Compromise, dates.compromise),
        (DateKind::Archive, dates.archive),
        (DateKind::OriginalCreation, dates.original_creation),
    ]
    .into_iter()
    .filter_map(|(kind, date)| date.map(|date| (kind, date)))
}

/// Bytes that sort like the number.
pub fn sortable(number: i64) -> [u8; 8] {
    ((number as u64) ^ (1 << 63)).to_be_bytes()
}

fn pair(first: &[u8], second: &[u8]) -> Vec<u8> {
    [first, &[0], second].concat()
}

fn cut(mut value: Vec<u8>) -> Vec<u8> {
    value.truncate(INDEX_VALUE_BYTES_MAX);
    value
}
