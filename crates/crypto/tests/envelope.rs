//! The data envelope against the vectors that tests/independent/envelope.py made from docs/envelope.md alone.

use std::sync::{Arc, Mutex};

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    model::{Algorithm, KeyFormat, KeyId, KeyMaterial, KeySpec, ObjectType},
    ports::{
        crypto::{Crypto, EnvelopeKey, ParsedKey},
        rng::Rng,
    },
};
use keyreeve_crypto::{SoftwareCrypto, envelope_owner};

/// Hands out prepared bytes, once.
struct Prepared(Mutex<Vec<u8>>);

impl Rng for Prepared {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        let mut bytes = self.0.lock().unwrap();
        if bytes.len() < out.len() {
            return Err(Error::new(ErrorKind::Unavailable, "no more prepared bytes"));
        }
        out.copy_from_slice(&bytes.drain(..out.len()).collect::<Vec<u8>>());
        Ok(())
    }
}

fn parse(crypto: &SoftwareCrypto, bytes: &[u8]) -> Arc<dyn ParsedKey> {
    let spec = KeySpec { algorithm: Algorithm::Aes, length_bits: bytes.len() as u32 * 8, curve: None };
    let material = KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::copy_from(bytes) };
    crypto.parse(ObjectType::SymmetricKey, Some(&spec), &material).unwrap()
}

fn owner(version: u32) -> EnvelopeKey {
    EnvelopeKey { key: KeyId(uuid::Uuid::from_bytes([7; 16])), version }
}

fn refusal(result: Result<SecretBytes>) -> (ErrorKind, String) {
    let error = result.err().expect("an error");
    (error.kind(), error.public().to_owned())
}

#[test]
fn vectors_seal_and_open() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("data/envelope.json")).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let get = |field: &str| hex::decode(vector[field].as_str().unwrap()).unwrap();
        let random = [get("salt"), get("iv")].concat();
        let crypto = SoftwareCrypto::with_rng(Arc::new(Prepared(Mutex::new(random))));
        let key = parse(&crypto, &get("key"));
        let owner = EnvelopeKey {
            key: KeyId(uuid::Uuid::from_slice(&get("key_id")).unwrap()),
            version: u32::try_from(vector["version"].as_u64().unwrap()).unwrap(),
        };
        let sealed = key.seal_envelope(owner, &get("context"), &get("plaintext")).unwrap();
        assert_eq!(hex::encode(&sealed), vector["envelope"].as_str().unwrap(), "{}", vector["name"]);
        assert_eq!(envelope_owner(&sealed).unwrap(), owner);
        let opened = key.open_envelope(owner, &get("context"), &sealed).unwrap();
        assert_eq!(opened.expose(), get("plaintext"));
    }
}

/// Magic, version, suite and length are public and refused as such; all else fails like any failed decryption.
#[test]
fn every_flipped_bit_is_refused() {
    let crypto = SoftwareCrypto::new();
    let key = parse(&crypto, &[1; 32]);
    let sealed = key.seal_envelope(owner(1), b"context", b"text").unwrap();
    assert_eq!(sealed.len(), 118 + 4);
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0..4 => ErrorKind::InvalidField,
            4..6 => ErrorKind::Unsupported,
            _ => ErrorKind::CryptoFailed,
        };
        assert_eq!(refusal(key.open_envelope(owner(1), b"context", &altered)).0, expected, "bit {bit}");
    }
    for length in 0..sealed.len() {
        let refused = refusal(key.open_envelope(owner(1), b"context", &sealed[..length])).0;
        assert_eq!(refused, if length < 118 { ErrorKind::InvalidField } else { ErrorKind::CryptoFailed });
    }
}

#[test]
fn another_owner_context_or_key_looks_the_same() {
    let crypto = SoftwareCrypto::new();
    let key = parse(&crypto, &[1; 32]);
    let sealed = key.seal_envelope(owner(1), b"context", b"text").unwrap();
    let refusals = [
        refusal(key.open_envelope(owner(2), b"context", &sealed)),
        refusal(key.open_envelope(owner(1), b"another", &sealed)),
        refusal(key.open_envelope(owner(1), b"", &sealed)),
        refusal(parse(&crypto, &[2; 32]).open_envelope(owner(1), b"context", &sealed)),
    ];
    assert_eq!(refusals[0].0, ErrorKind::CryptoFailed);
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
}

/// The same message twice shares nothing beyond the header's beginning.
#[test]
fn salts_and_ivs_differ() {
    let key = parse(&SoftwareCrypto::new(), &[1; 16]);
    let first = key.seal_envelope(owner(1), b"", b"text").unwrap();
    let second = key.seal_envelope(owner(1), b"", b"text").unwrap();
    assert_eq!(first[..26], second[..26]);
    assert_ne!(first[26..58], second[26..58]);
    assert_ne!(first[58..70], second[58..70]);
    assert_ne!(first[70..102], second[70..102]);
}
