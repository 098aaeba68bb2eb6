//! What KMIP is configured with.

use serde::{Deserialize, Serialize};

use super::endpoint::{self, Endpoint};

/// KMIP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kmip {
    /// Answer Interop.
    pub interop: bool,
    /// Name of the private key that certifies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What becomes of credentials in a request's header.
    pub credentials: Credentials,
    /// Who is sent Put and Notify.
    #[serde(deserialize_with = "endpoint::checked")]
    pub endpoints: Vec<Endpoint>,
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
