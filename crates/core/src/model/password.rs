//! What a password and a one-time code are checked by. Not here: checking them, and any password or seed in plain.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Verifier of a password, by Argon2id. Holds what helps to guess at the password: never printed.
///
/// # Standard
/// RFC 9106, version 0x13, one lane, 32 bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password {
    /// Salt.
    #[serde(with = "serde_bytes")]
    pub salt: [u8; 16],
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// What the password stretches to, behind a derivation of its own.
    #[serde(with = "serde_bytes")]
    pub check: [u8; 32],
    /// One-time codes, where they are wanted beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Totp>,
}

/// One-time codes by time. The seed is sealed under what the password stretches to: only its owner's login opens it.
///
/// # Standard
/// RFC 6238 with HMAC-SHA-1, six digits, 30 seconds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totp {
    /// AES-GCM nonce.
    #[serde(with = "serde_bytes")]
    pub nonce: [u8; 12],
    /// Ciphertext and tag of the seed.
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
    /// Time step of the code that was taken last: that one and those before it are taken no more.
    pub last_step: Option<u64>,
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password").field("totp", &self.totp.is_some()).finish_non_exhaustive()
    }
}
