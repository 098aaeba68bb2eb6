//! Secret bytes in memory: zeroized when dropped, never printed, compared only in constant time by the crypto port.

use zeroize::{Zeroize, Zeroizing};

/// Bytes that nobody else may see. Holds secrets: no Debug, Clone, Serialize or `==`.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes ownership of `bytes`; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Copies `bytes` and leaves the source to its owner.
    pub fn copy_from(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// Copies `bytes` and overwrites the source with zeros.
    pub fn take_from(bytes: &mut [u8]) -> Self {
        let taken = Self::copy_from(bytes);
        bytes.zeroize();
        taken
    }

    /// The bytes themselves. Every call is a place to review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Number of bytes, which is not secret.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True where there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
