//! Encryption contexts: pairs of strings that a ciphertext is bound to. One canonical encoding for every protocol that
//! has them, so that what one encrypts another decrypts. Not here: how a protocol writes them.

use std::collections::BTreeMap;

/// Canonical bytes of a context: for each pair, in the byte order of the keys, the key's length as 4 bytes big-endian,
/// the key in UTF-8, the value's length as 4 bytes big-endian, the value in UTF-8. No pairs: no bytes.
pub fn canonical(context: &BTreeMap<String, String>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in context.iter().flat_map(|(key, value)| [key, value]) {
        // INVARIANT: a context comes out of one message, whose length is far below 2^32.
        bytes.extend_from_slice(&(text.len() as u32).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn sorted_and_length_prefixed() {
        let bytes = canonical(&context(&[("b", ""), ("a", "xy")]));
        assert_eq!(bytes, b"\0\0\0\x01a\0\0\0\x02xy\0\0\0\x01b\0\0\0\0");
        assert!(canonical(&context(&[])).is_empty());
    }

    #[test]
    fn pairs_cannot_be_shifted_into_each_other() {
        assert_ne!(canonical(&context(&[("ab", "c")])), canonical(&context(&[("a", "bc")])));
    }
}
