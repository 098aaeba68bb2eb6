//! Principals and the credentials by which they prove who they are.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Network, ObjectId, Password, PrincipalId, RealmId, Time, TokenScope};
use crate::error::{Error, ErrorKind, Result};

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

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::User, Self::Auditor];

    /// The word for people, and in access rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::User => "user",
            Self::Auditor => "auditor",
        }
    }
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
    /// Groups that an administrator put it in; access rules speak of them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// When it was made.
    pub created: Time,
    /// Set once it is shut out; from then on no credential of it is accepted.
    pub revoked: Option<Time>,
    /// When an access for an emergency is over: from then on no credential of it is accepted, whatever that says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Time>,
    /// Its credentials, oldest first.
    pub credentials: Vec<CredentialId>,
    /// Of a person: where its name and the key of its personal fields are kept, sealed, as long as they are. `name` is a
    /// word that says nothing then, and stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<ObjectId>,
    /// Set once a person's name and personal fields were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Time>,
}

impl Principal {
    /// Whether it is neither shut out nor over at this time.
    pub fn counts_at(&self, now: Time) -> bool {
        self.revoked.is_none() && self.ends.is_none_or(|ends| now < ends)
    }

    /// Whether it is here to stay: not shut out, and no access for an emergency. Those alone approve, and are the
    /// administrators that a realm must have.
    pub fn is_lasting(&self) -> bool {
        self.revoked.is_none() && self.ends.is_none()
    }
}

/// What a credential is looked up by: SHA-256 over the presented proof (token bytes, or SubjectPublicKeyInfo DER).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialId(#[serde(with = "serde_bytes")] pub [u8; 32]);

/// 64 hexadecimal digits. Who knows them has no proof of anything.
impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for CredentialId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::InvalidField, "an id of a credential has 64 hexadecimal digits");
        let mut id = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (byte, digits) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(id))
    }
}

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
    /// A TLS client certificate of somebody else, taken as it is, on the listener for old appliances alone.
    Pinned {
        /// SHA-256 of the certificate's DER.
        #[serde(with = "serde_bytes")]
        sha256: Vec<u8>,
    },
    /// A subject of an issuer of JSON Web Tokens that the configuration trusts.
    Jwt {
        /// The issuer's own name for itself, as in the claim `iss`.
        issuer: String,
        /// The claim that names the subject.
        claim: String,
        /// Whom it names.
        subject: String,
    },
    /// A name in client certificates of an organisation whose authorities the configuration names.
    Member {
        /// What the configuration calls the organisation.
        organisation: String,
        /// Which of a certificate's names it is: `uri`, `dns`, `email`, `subject`, `public-key`.
        field: String,
        /// The name.
        name: String,
    },
    /// A bearer token that a login gave, for a while; only its hash is kept.
    Session {
        /// What was shown at the login: the token counts no longer than that.
        by: CredentialId,
        /// Until when it can be renewed.
        until: Time,
        /// The certificate of the connection that it was given on: it counts beside that one alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beside: Option<CredentialId>,
    },
    /// A secret id, by which a machine logs in; only its hash is kept.
    SecretId {
        /// Logins that are left; none: any number.
        uses_left: Option<u32>,
        /// Where a login may come from; none: anywhere.
        networks: Vec<Network>,
    },
    /// A password, by which a person logs in.
    Password(Password),
    /// A bearer token for a part of what its holder may; only its hash is kept. A kind of its own: a server that knows no scopes
    /// must not take it for a whole one.
    ScopedToken(Arc<TokenScope>),
}

impl CredentialKind {
    /// Whether its id follows from a name that somebody else gives, so that it may come back once it was revoked. Other
    /// credentials are made once, and never again.
    pub fn is_named(&self) -> bool {
        matches!(self, Self::Jwt { .. } | Self::Member { .. })
    }

    /// Whether it is a bearer token that lasts by itself: not one of a login.
    pub fn is_token(&self) -> bool {
        matches!(self, Self::Token | Self::ScopedToken(_))
    }

    /// What it is narrowed to, where it is.
    pub fn scope(&self) -> Option<&Arc<TokenScope>> {
        match self {
            Self::ScopedToken(scope) => Some(scope),
            _ => None,
        }
    }

    /// The credential without which it counts no more, where there is one. That one rests on no other.
    pub fn rests_on(&self) -> Option<CredentialId> {
        match self {
            Self::Session { by, .. } => Some(*by),
            _ => None,
        }
    }
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
    /// The certificate that it is, where that is an object of the store: once that is revoked, this counts no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ObjectId>,
}

impl Credential {
    /// Whether it is accepted at this time: neither revoked nor expired.
    pub fn counts_at(&self, now: Time) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}
