//! Software algorithms behind core's crypto port: what each key can do lives in `algorithms`, which of them exist in
//! `registry`, the house's own ciphertexts in `envelope` and `stream`. Knows nothing of storage or protocols, and keeps no
//! key but RSA keys made ahead, which nobody has yet.

mod ahead;
mod algorithms;
mod der;
mod digest;
mod envelope;
mod error;
mod hpke;
mod kdf;
mod pairwise;
mod registry;
mod rng;
mod selftest;
mod sharing;
mod software;
pub mod stream;

pub use algorithms::rsa::{RsaNumbers, rsa_private_key};
pub use envelope::envelope_owner;
pub use software::SoftwareCrypto;
