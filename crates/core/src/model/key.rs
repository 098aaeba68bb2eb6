//! The key: a named, ordered series of versions under one policy.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{KeyId, KeySpec, ObjectId, ObjectType, PrincipalId, RealmId, Time};
use crate::access::Action;

/// One version: one object, or a private and a public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyVersion {
    /// From 1, without gaps.
    pub number: u32,
    /// The symmetric or private key, or the only object.
    pub primary: ObjectId,
    /// The public key of a pair made together.
    pub public: Option<ObjectId>,
}

/// How the key lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyPolicy {
    /// Versions may leave the server.
    pub exportable: bool,
    /// Days from the wish to destroy to the destruction, 0 to [`DESTROY_WAITING_DAYS_MAX`]; `None`: as the server's
    /// configuration says.
    pub destroy_waiting_days: Option<u16>,
    /// It may be destroyed without the waiting period: by KMIP, and where somebody asks for it.
    pub destroy_at_once: bool,
    /// Longest lease on its versions, in seconds; `None`: [`LEASE_SECONDS_DEFAULT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u32>,
    /// Material that an object has, or had, is not registered again; otherwise that is only told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reject_duplicates: bool,
    /// It was made to be watched: nobody has a reason to touch it. Nobody is told so who may not read the journal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub canary: bool,
}

/// A year.
pub const DESTROY_WAITING_DAYS_MAX: u16 = 365;

/// Nobody is told of a revoked key but by asking, and so a client should ask at least this often.
pub const LEASE_SECONDS_DEFAULT: u32 = 3600;

impl KeyPolicy {
    /// Longest lease on its versions, in seconds.
    pub fn lease_seconds(&self) -> u32 {
        self.lease_seconds.unwrap_or(LEASE_SECONDS_DEFAULT)
    }
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            exportable: false,
            destroy_waiting_days: None,
            destroy_at_once: true,
            lease_seconds: None,
            reject_duplicates: false,
            canary: false,
        }
    }
}

/// A permission that the owner gave to somebody on this key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who may.
    pub principal: PrincipalId,
    /// What.
    pub actions: BTreeSet<Action>,
    /// Not from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
    /// Only with an encryption context that has all of these pairs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub encryption_context: BTreeMap<String, String>,
}

impl Grant {
    /// Whether it has not ended at this time.
    pub fn counts_at(&self, now: Time) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// Whether it takes a request that is bound to these pairs.
    pub fn takes(&self, pairs: &[(String, String)]) -> bool {
        let bound = |name: &String, value: &String| pairs.iter().any(|(n, v)| n == name && v == value);
        self.encryption_context.iter().all(|(name, value)| bound(name, value))
    }
}

/// A key. KMIP sees its objects; REST and CLI see the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Identifier, never reused.
    pub id: KeyId,
    /// Realm it lives in.
    pub realm: RealmId,
    /// Name, unique in the realm; where nobody gave one, the text of the first object's id.
    pub name: String,
    /// Who made it.
    pub owner: PrincipalId,
    /// When.
    pub created: Time,
    /// Kind of its primary objects.
    pub object_type: ObjectType,
    /// Algorithm, length and curve for the next version, where known.
    pub spec: Option<KeySpec>,
    /// Versions, oldest first; never empty.
    pub versions: Vec<KeyVersion>,
    /// How it lives.
    pub policy: KeyPolicy,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
    /// Permissions of others.
    pub grants: Vec<Grant>,
}

impl Key {
    /// The newest version.
    pub fn latest(&self) -> Option<&KeyVersion> {
        self.versions.last()
    }

    /// The version of this number.
    pub fn version(&self, number: u32) -> Option<&KeyVersion> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// All objects of all versions, oldest first.
    pub fn objects(&self) -> impl Iterator<Item = ObjectId> + '_ {
        self.versions.iter().flat_map(|version| [Some(version.primary), version.public]).flatten()
    }
}
