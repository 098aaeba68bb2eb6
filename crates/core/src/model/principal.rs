//! Principals and the credentials by which they prove who they are.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{PrincipalId, RealmId, Time};

/// Built-in role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything in the realm.
    Admin,
    /// Manages all keys, uses none.
    Operator,
    /// Makes keys; manages and uses its own, and what was granted.
    User,
    /// Reads metadata and the journal.
    Auditor,
}

/// Somebody or something that can be authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Identifier, never reused.
    pub id: PrincipalId,
    /// Realm it belongs to.
    pub realm: RealmId,
    /// Name, unique in the realm.
    pub name: String,
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// When it was made.
    pub created: Time,
    /// Set once it is shut out; from then on no credential of it is accepted.
    pub revoked: Option<Time>,
    /// Its credentials, oldest first.
    pub credentials: Vec<CredentialId>,
}

/// What a credential is looked up by: SHA-256 over the presented proof (token bytes, or SubjectPublicKeyInfo DER).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialId(#[serde(with = "serde_bytes")] pub [u8; 32]);

/// Kind of credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialKind {
    /// A TLS client certificate of the house's CA.
    Certificate {
        /// Serial number, big-endian.
        #[serde(with = "serde_bytes")]
        serial: Vec<u8>,
    },
    /// A bearer token; only its hash is kept.
    Token,
}

/// A credential of a principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Look-up id.
    pub id: CredentialId,
    /// Whose.
    pub principal: PrincipalId,
    /// Kind.
    pub kind: CredentialKind,
    /// When it was made.
    pub created: Time,
    /// Not accepted from then on.
    pub expires: Option<Time>,
    /// Set once revoked.
    pub revoked: Option<Time>,
}
