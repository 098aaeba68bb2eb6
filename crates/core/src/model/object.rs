//! The managed object: the unit of storage and lifecycle.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{
    AttributeKind, AttributeName, CryptoParameters, ErasureId, HashAlgorithm, KeyId, KeySpec, ObjectId,
    RealmId, State, Time, UsageMask, Value,
};
use crate::secret::SecretBytes;

/// Kind of managed object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ObjectType {
    SymmetricKey,
    PrivateKey,
    PublicKey,
    Certificate,
    CertificateRequest,
    SecretData,
    SplitKey,
    Template,
    PgpKey,
    OpaqueObject,
}

impl ObjectType {
    /// The word for people and for access rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::SymmetricKey => "symmetric-key",
            Self::PrivateKey => "private-key",
            Self::PublicKey => "public-key",
            Self::Certificate => "certificate",
            Self::CertificateRequest => "certificate-request",
            Self::SecretData => "secret-data",
            Self::SplitKey => "split-key",
            Self::Template => "template",
            Self::PgpKey => "pgp-key",
            Self::OpaqueObject => "opaque-object",
        }
    }
}

/// Encoding of key material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyFormat {
    /// The bytes themselves.
    Raw,
    /// Bytes that the server does not look into.
    Opaque,
    /// PKCS#1 RSAPrivateKey or RSAPublicKey, DER.
    Pkcs1,
    /// PKCS#8 PrivateKeyInfo, DER.
    Pkcs8,
    /// SubjectPublicKeyInfo, DER (KMIP calls it X.509); for a certificate the certificate.
    Spki,
    /// SEC 1 ECPrivateKey, DER.
    EcPrivateKey,
    /// Another code of KMIP's Key Format Type list, material kept as the front-end encoded it.
    Other(u32),
}

impl KeyFormat {
    /// A key that came wrapped and stays so, as the front-end encoded it: given as it came, and not used.
    pub const WRAPPED: Self = Self::Other(0x8000_4B57);
}

/// Plain key material on its way between a front-end, an operation, the sealer and the crypto port.
/// Holds secrets.
pub struct KeyMaterial {
    /// How `bytes` are encoded.
    pub format: KeyFormat,
    /// The material.
    pub bytes: SecretBytes,
}

/// A name that clients gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name {
    /// The name.
    pub value: String,
    /// True where the name is a URI (KMIP Name Type).
    pub is_uri: bool,
}

/// Why two objects belong together.
///
/// # Standard
/// KMIP 2.1 section 11.31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum LinkType {
    Certificate,
    PublicKey,
    PrivateKey,
    DerivationBase,
    DerivedKey,
    Replacement,
    Replaced,
    Parent,
    Child,
    Previous,
    Next,
    Pkcs12Certificate,
    Pkcs12Password,
    WrappingKey,
    /// Another code of KMIP's Link Type list.
    Other(u32),
}

/// A link to another object, by the identifier that the client or the server gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    /// Why.
    pub kind: LinkType,
    /// Identifier of the other object.
    pub target: String,
}

/// Digest of the material.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Hash function.
    pub hash: HashAlgorithm,
    /// The digest.
    #[serde(with = "serde_bytes")]
    pub value: Vec<u8>,
    /// Encoding of the material that was hashed.
    pub format: KeyFormat,
}

/// Keyed digest of material: tells who has the key of it that two objects have the same, and nobody else anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaterialDigest(#[serde(with = "serde_bytes")] pub [u8; 32]);

/// Why an object was revoked.
///
/// # Standard
/// KMIP 2.1 section 11.53; RFC 5280 section 5.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum RevocationReason {
    Unspecified,
    KeyCompromise,
    CaCompromise,
    AffiliationChanged,
    Superseded,
    CessationOfOperation,
    PrivilegeWithdrawn,
    Other(u32),
}

/// A revocation as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Why.
    pub reason: RevocationReason,
    /// Free text of the one who revoked.
    pub message: Option<String>,
}

/// Dates of an object's life. Those in the future move it by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dates {
    /// First seen by this server.
    pub initial: Time,
    /// Last change of object or attributes.
    pub last_change: Time,
    /// Becomes or became Active.
    pub activation: Option<Time>,
    /// Before it nothing is processed, though the object be Active.
    pub process_start: Option<Time>,
    /// From it on nothing is protected, though the object be Active.
    pub protect_stop: Option<Time>,
    /// Becomes or became Deactivated.
    pub deactivation: Option<Time>,
    /// Material destroyed.
    pub destroy: Option<Time>,
    /// End of the waiting period, while the object waits for its destruction and serves nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destruction: Option<Time>,
    /// Disabled since, while it is: it serves nobody until it is enabled, whatever happens to it meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Time>,
    /// Compromise is believed to have happened.
    pub compromise_occurrence: Option<Time>,
    /// Compromise became known.
    pub compromise: Option<Time>,
    /// Set aside to the archive.
    pub archive: Option<Time>,
    /// Made, perhaps on another system before.
    pub original_creation: Option<Time>,
}

/// A managed object without its material.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedObject {
    /// Identifier, never reused.
    pub id: ObjectId,
    /// Realm it lives in.
    pub realm: RealmId,
    /// The series it belongs to.
    pub key: KeyId,
    /// Its version number within the series, from 1.
    pub version: u32,
    /// Counts the changes of this record, from 1. Bound into `mac`.
    pub revision: u64,
    /// Kind of object.
    pub object_type: ObjectType,
    /// Further kind: SecretData type, certificate type, opaque data type, as KMIP codes.
    pub subtype: Option<u32>,
    /// State as last recorded; `lifecycle::state_at` adds what dates did since.
    pub state: State,
    /// Algorithm, length and curve, where known.
    pub spec: Option<KeySpec>,
    /// Encoding that the material is kept in.
    pub format: KeyFormat,
    /// Allowed uses.
    pub usage: UsageMask,
    /// Ways to use it; the first is the default.
    pub parameters: Vec<CryptoParameters>,
    /// Dates.
    pub dates: Dates,
    /// Set once revoked.
    pub revocation: Option<Revocation>,
    /// Names given by KMIP clients.
    pub names: Vec<Name>,
    /// Groups.
    pub groups: Vec<String>,
    /// Links to others.
    pub links: Vec<Link>,
    /// Digests of keys of high entropy; those of other secrets are computed when asked for.
    pub digests: Vec<Digest>,
    /// Material leaves only wrapped.
    pub sensitive: bool,
    /// `sensitive` since creation.
    pub always_sensitive: bool,
    /// Material may leave at all.
    pub extractable: bool,
    /// `extractable` was never true.
    pub never_extractable: bool,
    /// Never handed out since creation (KMIP Fresh).
    pub fresh: bool,
    /// What erases its material everywhere, once destroyed; also the certificate's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasure: Option<ErasureId>,
    /// All other attributes, by name.
    pub further: BTreeMap<AttributeName, Vec<Value>>,
    /// Indices of the values of attributes of which some were deleted; of all others they are 0, 1, 2 and so on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub indices: BTreeMap<AttributeName, AttributeIndices>,
    /// MAC under a key derived from the material's KEK over revision and attributes, 32 bytes; empty once destroyed.
    #[serde(with = "serde_bytes")]
    pub mac: Vec<u8>,
}

/// Which index each value of an attribute has: it does not change when others are added or deleted.
///
/// # Standard
/// KMIP 1.4 section 2.1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeIndices {
    /// Of each value, in their order.
    pub of: Vec<u32>,
    /// Of the next value that is added: none that was another's.
    pub next: u32,
}

impl AttributeIndices {
    /// Of so many values of which none was ever deleted.
    pub fn first(count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Self { of: (0..count).collect(), next: count }
    }

    /// As they are where `count` values are there by now: the server may have added or taken away some.
    pub fn fitted(mut self, count: usize) -> Self {
        if self.of.len() > count {
            return Self::first(count);
        }
        while self.of.len() < count {
            self.add();
        }
        self
    }

    /// The index of a value that is added.
    pub fn add(&mut self) -> u32 {
        let index = self.next;
        self.of.push(index);
        self.next = self.next.saturating_add(1);
        index
    }

    /// True where nothing was ever deleted.
    pub fn is_first(&self) -> bool {
        *self == Self::first(self.of.len())
    }
}

impl ManagedObject {
    /// The indices of the attribute's values, of which there are so many.
    pub fn indices_of(&self, name: &AttributeName, count: usize) -> AttributeIndices {
        let known = self.indices.get(name).cloned();
        known.map_or_else(|| AttributeIndices::first(count), |known| known.fitted(count))
    }

    /// True for a key that is known here, and whose value is kept elsewhere (KMIP Key Value Present and Key Value
    /// Location).
    pub fn is_valueless(&self) -> bool {
        is_valueless(&self.further)
    }
}

/// Whether these further attributes are those of a key whose value is kept elsewhere.
pub(crate) fn is_valueless(further: &BTreeMap<AttributeName, Vec<Value>>) -> bool {
    let name = AttributeName::Standard(AttributeKind::KeyValuePresent);
    further.get(&name).is_some_and(|values| values[..] == [Value::Boolean(false)])
}
