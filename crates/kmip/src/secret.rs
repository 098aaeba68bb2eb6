//! Bytes and text that must not outlive their use: wiped on drop, never printed, copied or compared by accident.

use zeroize::Zeroize;

/// Secret bytes (key material, plaintext): wiped on drop, without Debug, Clone or ==.
///
/// Build one with `From<Vec<u8>>` (the vector moves in, nothing is copied), read it with [`SecretBytes::expose`],
/// take it out with [`SecretBytes::into_vec`].
#[derive(Default)]
pub struct SecretBytes(pub(crate) Vec<u8>);

impl SecretBytes {
    /// The bytes. Holds a secret: do not copy them into a type that is not wiped.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes room; where the bytes have to move for it, the place that they leave is wiped.
    pub(crate) fn reserve(&mut self, additional: usize) {
        /// Behind a long value mostly a few short ones come, which must not move it once more.
        const BEHIND_BYTES: usize = 512;
        let needed = self.0.len() + additional;
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity((needed + BEHIND_BYTES).max(2 * self.0.capacity()));
            larger.extend_from_slice(&self.0);
            wipe(&mut std::mem::replace(&mut self.0, larger));
        }
    }

    /// Appends bytes, as [`SecretBytes::reserve`] makes room.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Moves the bytes out, uncopied. Holds a secret that nobody wipes any more: hand it to a secret type at once.
    pub fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Secret text (passwords): wiped on drop, without Debug, Clone or ==.
#[derive(Default)]
pub struct SecretText(String);

impl SecretText {
    /// The text. Holds a secret: do not copy it into a type that is not wiped.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Wipes a vector, spare capacity too, at the speed of a fill: `Zeroize` for bytes writes them one at a time, which
/// costs more than the cipher on a large message.
pub(crate) fn wipe(bytes: &mut Vec<u8>) {
    let capacity = bytes.capacity();
    bytes.clear();
    bytes.resize(capacity, 0);
    zeroize::optimization_barrier(bytes.as_slice());
    bytes.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_covers_spare_capacity_and_keeps_the_allocation() {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(b"secret");
        wipe(&mut bytes);
        assert!(bytes.is_empty());
        assert!(bytes.capacity() >= 64);
        bytes.resize(bytes.capacity(), 1);
        assert!(bytes.iter().all(|byte| *byte == 1));
    }

    #[test]
    fn bytes_move_in_and_out_unchanged() {
        let secret = SecretBytes::from(vec![1, 2, 3]);
        assert_eq!(secret.expose(), [1, 2, 3]);
        assert_eq!(secret.into_vec(), [1, 2, 3]);
    }
}
