//! How a secret is derived from another one. Data only: the computing is the crypto port's.

use super::{CryptoParameters, HashAlgorithm};

/// A way to make a new secret from a key, a pair of keys or a secret that the server keeps.
#[derive(Clone, Debug)]
pub enum Derivation {
    /// By a function over the bytes of a symmetric key or of secret data.
    Kdf(Kdf),
    /// By encrypting data under an AES key: the leftmost bytes of the ciphertext (KMIP ENCRYPT).
    Encrypt {
        /// CBC, CTR or ECB, with padding or without.
        parameters: CryptoParameters,
        /// IV or counter block; ECB has none.
        iv: Option<Vec<u8>>,
        /// What is encrypted.
        data: Vec<u8>,
    },
    /// By agreement of a private key here with a peer's public key (KMIP Asymmetric Key).
    Agreement {
        /// SubjectPublicKeyInfo of the peer, DER.
        peer: Vec<u8>,
        /// What the shared secret goes through; `None`: its own leftmost bytes.
        kdf: Option<Kdf>,
    },
}

/// A key derivation function with its inputs.
#[derive(Clone, Debug)]
pub enum Kdf {
    /// HKDF, RFC 5869: extract and expand.
    Hkdf {
        /// Hash.
        hash: HashAlgorithm,
        /// Salt, may be empty.
        salt: Vec<u8>,
        /// What tells this derivation from others; not secret.
        info: Vec<u8>,
    },
    /// SP 800-108r1 section 4.1: counter mode, a 32-bit counter before the fixed input.
    Counter {
        /// Pseudorandom function.
        prf: Prf,
        /// All of the fixed input: Label, 00, Context and length as the caller wants them.
        fixed_input: Vec<u8>,
    },
    /// SP 800-108r1 section 4.2: feedback mode, a 32-bit counter between the block before and the fixed input.
    Feedback {
        /// Pseudorandom function.
        prf: Prf,
        /// What goes before the fixed input in the first round, may be empty.
        iv: Vec<u8>,
        /// All of the fixed input, as for `Counter`.
        fixed_input: Vec<u8>,
    },
    /// PBKDF2, RFC 8018: the base is a password.
    Pbkdf2 {
        /// Hash of its HMAC.
        hash: HashAlgorithm,
        /// Salt.
        salt: Vec<u8>,
        /// How often.
        iterations: u32,
    },
    /// The leftmost bytes of the hash of the base (KMIP HASH).
    Hash {
        /// Hash.
        hash: HashAlgorithm,
    },
    /// The leftmost bytes of an HMAC under the base (KMIP HMAC).
    Hmac {
        /// Hash.
        hash: HashAlgorithm,
        /// Over what.
        data: Vec<u8>,
    },
}

/// A pseudorandom function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prf {
    /// HMAC with this hash.
    Hmac(HashAlgorithm),
    /// CMAC under an AES key of 128, 192 or 256 bits.
    Cmac,
}
