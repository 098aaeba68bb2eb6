//! What KMIP is configured with.

use keyreeve_kmip::payloads::OPERATIONS;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::endpoint::{self, Endpoint};

/// KMIP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kmip {
    /// Answer Interop.
    pub interop: bool,
    /// Name of the private key that certifies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What becomes of credentials in a request's header.
    pub credentials: Credentials,
    /// The issuer in `authn.jwt` whose tokens attest for clients; none: nothing takes an attestation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation_issuer: Option<String>,
    /// The operations that take one, by their names in the standard.
    #[serde(deserialize_with = "known_operations")]
    pub attestation_operations: Vec<String>,
    /// Who is sent Put and Notify.
    #[serde(deserialize_with = "endpoint::checked")]
    pub endpoints: Vec<Endpoint>,
}

impl Default for Kmip {
    fn default() -> Self {
        Self {
            interop: false,
            issuer: None,
            credentials: Credentials::default(),
            attestation_issuer: None,
            attestation_operations: ["Get", "Export"].map(str::to_owned).into(),
            endpoints: Vec::new(),
        }
    }
}

/// Names of operations that a server offers.
fn known_operations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let unknown = |name: &&String| !OPERATIONS.iter().any(|known| known.name() == Some(name));
    match names.iter().find(unknown) {
        Some(name) => Err(D::Error::custom(format!("KMIP has no operation {name:?}"))),
        None => Ok(names),
    }
}

/// What becomes of a request whose header holds credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credentials {
    /// It is refused: what is not checked must not look as if it had been.
    #[default]
    Refuse,
    /// They say who asks, where they prove it; else it is refused.
    Check,
    /// They are not looked at, and the connection says who asks: for published test cases, and clients that cannot leave
    /// them out.
    Ignore,
}
