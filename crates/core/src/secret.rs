//! Secret bytes in memory: zeroized when dropped, never printed, compared only in constant time by the crypto port.

/// Bytes that nobody else may see. Holds secrets: no Debug, Clone, Serialize or `==`.
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes ownership of `bytes`; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Copies `bytes` and leaves the source to its owner.
    pub fn copy_from(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// Copies `bytes` and overwrites the source with zeros.
    pub fn take_from(bytes: &mut [u8]) -> Self {
        let taken = Self::copy_from(bytes);
        wipe(bytes);
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

impl Drop for SecretBytes {
    fn drop(&mut self) {
        // Spare capacity too: what once was there may have been a secret.
        self.0.resize(self.0.capacity(), 0);
        wipe(&mut self.0);
    }
}

/// Overwrites bytes with zeros, whatever the compiler thinks of their use, at the speed of a fill: `Zeroize` for bytes writes
/// them one at a time, which costs more than the cipher on a large message.
pub fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    zeroize::optimization_barrier(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_what_was_taken_or_wiped() {
        let mut source = *b"secret";
        let taken = SecretBytes::take_from(&mut source);
        assert_eq!((taken.expose(), source), (&b"secret"[..], [0; 6]));
        let mut bytes = vec![7; 5000];
        wipe(&mut bytes[1..]);
        assert!(bytes[0] == 7 && bytes[1..].iter().all(|byte| *byte == 0));
    }
}
