//! The model: managed objects, keys with versions, realms, principals. Data and its small rules, nothing that acts.

mod algorithm;
mod attribute;
mod code;
mod counts;
mod derivation;
mod erasure;
mod id;
mod key;
mod network;
mod object;
mod object_rule;
mod parameters;
mod password;
mod principal;
mod split;
mod state;
mod time;
mod token_scope;
mod usage;

pub use algorithm::{Algorithm, Curve, HashAlgorithm, KeySpec};
pub use attribute::{AttributeKind, AttributeName, Value};
pub use counts::{Counts, UsageLimits, UsageUnit, UseKind, Uses};
pub use derivation::{Derivation, Kdf, Prf};
pub use erasure::{
    Attestation, ERASED_OBJECTS_MAX, EpochChange, ErasedObject, Erasure, ErasureId, NodeId, Place, PlaceKind,
    RealmLeaves, ReplacedNodes, SealedNode, StoredCertificate, TreeHead,
};
pub use id::{KeyId, Lsn, ObjectId, PrincipalId, RealmId, RequestId};
pub use key::{DESTROY_WAITING_DAYS_MAX, Grant, Key, KeyPolicy, KeyVersion, LEASE_SECONDS_DEFAULT};
pub use network::Network;
pub(crate) use object::is_valueless;
pub use object::{
    AttributeIndices, Dates, Digest, KeyFormat, KeyMaterial, Link, LinkType, ManagedObject, MaterialDigest,
    Name, ObjectType, Revocation, RevocationReason,
};
pub use object_rule::{ObjectRule, RuleKind};
pub use parameters::{BlockCipherMode, CryptoParameters, MaskGenerator, PaddingMethod, SignatureScheme};
pub use password::{Password, Totp};
pub use principal::{Credential, CredentialId, CredentialKind, Principal, Role};
pub use split::{Split, SplitMethod};
pub use state::State;
pub use time::Time;
pub use token_scope::{ScopedKey, TokenScope};
pub use usage::UsageMask;
