//! Signatures of NIST's ACVP server by the library that SLH-DSA comes from. They are of the bare message (FIPS 205 section
//! 9.2), which the port never signs; the port is tried in slh_dsa.rs. The set is `SLH-DSA-sigGen-FIPS205`, the shortest
//! message of each group; of a signature there is its SHA-256.

#![allow(deprecated, reason = "the library marks what only tests may use so")]

use fips205::{
    CryptoRng, RngCore,
    traits::{SerDes as _, Signer as _},
};
use keyreeve_core::ports::crypto::Crypto as _;
use keyreeve_crypto::SoftwareCrypto;
use serde_json::Value;

/// Gives out these bytes, once.
struct Given(Vec<u8>);

impl RngCore for Given {
    fn next_u32(&mut self) -> u32 {
        unreachable!("the library takes bytes")
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("the library takes bytes")
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        let given: Vec<u8> = self.0.drain(..out.len()).collect();
        out.copy_from_slice(&given);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), fips205::RngError> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Given {}

macro_rules! sets {
    ($($name:literal $module:ident),*) => {
        /// The signature, which the public half verifies and of another message does not.
        fn signed(name: &str, private: &[u8], randomness: Vec<u8>, message: &[u8]) -> Vec<u8> {
            let hedged = !randomness.is_empty();
            match name {
                $($name => {
                    let key = fips205::$module::PrivateKey::try_from_bytes(private.try_into().unwrap()).unwrap();
                    let signature = key.sign_internal(&mut Given(randomness), message, hedged).unwrap();
                    let public = key.get_public_key();
                    assert!(public.verify_internal(message, &signature), "{name}");
                    assert!(!public.verify_internal(b"another", &signature), "{name}");
                    signature.to_vec()
                })*
                _ => panic!("{name} is not known"),
            }
        }
    };
}

sets! {
    "slh-dsa-sha2-192s" slh_dsa_sha2_192s,
    "slh-dsa-sha2-256f" slh_dsa_sha2_256f,
    "slh-dsa-shake-128f" slh_dsa_shake_128f,
    "slh-dsa-shake-192s" slh_dsa_shake_192s,
    "slh-dsa-shake-256f" slh_dsa_shake_256f
}

#[test]
fn signatures_of_acvp_come_out() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("data/slh-dsa-acvp.json")).unwrap();
    assert_eq!(vectors.len(), 8);
    let crypto = SoftwareCrypto::new();
    for vector in vectors {
        let bytes = |field: &str| hex::decode(vector[field].as_str().unwrap()).unwrap();
        let name = vector["name"].as_str().unwrap();
        let signature = signed(name, &bytes("private"), bytes("randomness"), &bytes("message"));
        assert_eq!(crypto.sha256(&[&signature]).to_vec(), bytes("signature_sha256"), "{name}");
    }
}
