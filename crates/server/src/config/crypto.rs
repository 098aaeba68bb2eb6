//! Settings of the cryptography.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// Keys of one length that are made ahead at most.
const KEYS_AHEAD_MAX: usize = 8;

/// The cryptography.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Crypto {
    /// RSA keys of each length that are made ahead, 8 at most. None by default: a machine that is copied while it runs
    /// would give both copies the same keys.
    #[serde(deserialize_with = "keys_ahead")]
    pub rsa_keys_ahead: usize,
}

fn keys_ahead<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        keys @ 0..=KEYS_AHEAD_MAX => Ok(keys),
        _ => Err(D::Error::custom(format!("at most {KEYS_AHEAD_MAX} keys"))),
    }
}
