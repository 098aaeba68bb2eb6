//! Settings of the cryptography.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// Keys of one length that are made ahead at most.
const KEYS_AHEAD_MAX: usize = 8;

/// The cryptography.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Crypto {
    /// RSA keys of each length that are made ahead.
    #[serde(deserialize_with = "keys_ahead")]
    pub rsa_keys_ahead: usize,
}

impl Default for Crypto {
    fn default() -> Self {
        Self { rsa_keys_ahead: 2 }
    }
}

fn keys_ahead<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        keys @ 0..=KEYS_AHEAD_MAX => Ok(keys),
        _ => Err(D::Error::custom(format!("at most {KEYS_AHEAD_MAX} keys"))),
    }
}
