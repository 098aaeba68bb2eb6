//! Encodings of keys, altered at random: parsing refuses or accepts them, and never panics; an accepted key works or
//! says why not.

use keyreeve_core::{
    SecretBytes,
    model::{CryptoParameters, KeyFormat, KeyMaterial, KeySpec, ObjectType},
    ports::crypto::{Crypto, Generated, ToSign},
};
use keyreeve_crypto::{SoftwareCrypto, envelope_owner};
use proptest::prelude::*;

/// Every encoding of one key of each family.
fn encodings() -> Vec<(ObjectType, KeyFormat, Vec<u8>)> {
    let crypto = SoftwareCrypto::new();
    let mut all = Vec::new();
    for name in
        ["rsa-2048", "ec-p256", "ec-p521", "secp256k1", "ed25519", "x25519", "ml-dsa-44", "ml-kem-512"]
    {
        let spec = KeySpec::from_name(name).unwrap();
        let Generated::Pair { private, public } = crypto.generate(&spec).unwrap() else {
            panic!("not a pair")
        };
        for (object_type, material) in [(ObjectType::PrivateKey, private), (ObjectType::PublicKey, public)] {
            let key = crypto.parse(object_type, Some(&spec), &material).unwrap();
            for format in [KeyFormat::Pkcs8, KeyFormat::Pkcs1, KeyFormat::EcPrivateKey, KeyFormat::Spki] {
                if let Ok(exported) = key.export(format) {
                    all.push((object_type, format, exported.bytes.expose().to_vec()));
                }
            }
        }
    }
    all
}

fn parse_and_use(object_type: ObjectType, format: KeyFormat, bytes: &[u8]) {
    let material = KeyMaterial { format, bytes: SecretBytes::copy_from(bytes) };
    if let Ok(key) = SoftwareCrypto::new().parse(object_type, None, &material) {
        let parameters = CryptoParameters::default();
        let _ = key.public_key();
        let _ = key.export(format);
        let _ = key.verify(&parameters, ToSign::Data(b"text"), b"signature");
        let _ = key.sign(&parameters, ToSign::Data(b"text"));
        let _ = key.agree(bytes);
        let _ = key.encrypt(&parameters, None, b"", b"text");
        let _ = key.decrypt(&parameters, None, b"", bytes, None);
    }
}

#[test]
fn altered_keys_never_panic() {
    let encodings = encodings();
    assert_eq!(encodings.len(), 21);
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4u8);
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(which in any::<prop::sample::Index>(), changes in prop::collection::vec(change, 1..4))| {
        let (object_type, format, bytes) = &encodings[which.index(encodings.len())];
        let mut bytes = bytes.clone();
        for (at, value, how) in changes {
            let at = at.index(bytes.len().max(1));
            match how {
                0 if at < bytes.len() => bytes[at] = value,
                1 => bytes.truncate(at),
                2 => bytes.insert(at.min(bytes.len()), value),
                _ if at < bytes.len() => bytes[at] ^= 1 << (value % 8),
                _ => {}
            }
        }
        parse_and_use(*object_type, *format, &bytes);
    });
}

#[test]
fn noise_never_panics() {
    let config = ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(bytes in prop::collection::vec(any::<u8>(), 0..300))| {
        for format in [KeyFormat::Pkcs8, KeyFormat::Pkcs1, KeyFormat::EcPrivateKey, KeyFormat::Spki, KeyFormat::Raw] {
            parse_and_use(ObjectType::PrivateKey, format, &bytes);
            parse_and_use(ObjectType::PublicKey, format, &bytes);
        }
        prop_assert!(bytes.starts_with(b"KRVE") || envelope_owner(&bytes).is_err());
    });
}
