//! SLH-DSA through the port: the keys of NIST's ACVP server, signatures that a second implementation made, the examples of
//! RFC 9909, and refusals.

use std::sync::Arc;

use keyreeve_core::{
    ErrorKind, Result, SecretBytes,
    model::{CryptoParameters, HashAlgorithm, KeyFormat, KeyMaterial, KeySpec, ObjectType},
    ports::{
        crypto::{Crypto, Generated, ParsedKey, ToSign},
        rng::Rng,
    },
};
use keyreeve_crypto::SoftwareCrypto;
use serde_json::Value;

/// What was signed for data/slh-dsa.json.
const MESSAGE: &[u8] = b"keyreeve: SLH-DSA, pure, empty context";

/// SLH-DSA-SHA2-128s, of RFC 9909 appendix C.
const RFC_9909_PRIVATE: &str = "3052020100300b06096086480165030403140440a2263bca4586083652316004\
    9523d621677fad90d51eb6067a327e0d1e64a5012b8109ec777caa4e1f024ccfcf9497d99180509280f4256af2b07af80289b494";
const RFC_9909_PUBLIC: &str = "3030300b06096086480165030403140321002b8109ec777caa4e1f024ccfcf9497d9\
    9180509280f4256af2b07af80289b494";

/// Gives out the same bytes over and over.
struct Fixed(Vec<u8>);

impl Rng for Fixed {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        out.iter_mut().zip(self.0.iter().cycle()).for_each(|(byte, fixed)| *byte = *fixed);
        Ok(())
    }
}

fn none() -> CryptoParameters {
    CryptoParameters::default()
}

fn parse(
    crypto: &SoftwareCrypto,
    object_type: ObjectType,
    format: KeyFormat,
    der: &[u8],
) -> Result<Arc<dyn ParsedKey>> {
    crypto.parse(object_type, None, &KeyMaterial { format, bytes: SecretBytes::copy_from(der) })
}

/// PKCS#8 and SubjectPublicKeyInfo of RFC 9909, by hand: every length fits in two bytes of DER.
fn encodings(name: &str, private: &[u8], public: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let set = KeySpec::names().filter(|name| name.starts_with("slh-dsa-")).position(|known| known == name);
    let algorithm =
        [b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03".as_slice(), &[20 + set.unwrap() as u8]].concat();
    let der = |tag: u8, body: &[u8]| match body.len() {
        short @ 0..128 => [&[tag, short as u8], body].concat(),
        long => [&[tag, 0x81, long as u8], body].concat(),
    };
    (
        der(0x30, &[b"\x02\x01\x00".as_slice(), &algorithm, &der(4, private)].concat()),
        der(0x30, &[algorithm, der(3, &[&[0], public].concat())].concat()),
    )
}

#[test]
fn published_keys_and_signatures_come_out() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("data/slh-dsa.json")).unwrap();
    let (mut sets, mut signatures) = (Vec::new(), 0);
    for vector in &vectors {
        let name = vector["name"].as_str().unwrap();
        let [private, public] =
            ["private", "public"].map(|half| hex::decode(vector[half].as_str().unwrap()).unwrap());
        let (pkcs8, spki) = encodings(name, &private, &public);
        // With PK.seed for its randomness, a hedged signature is the deterministic one.
        let crypto = SoftwareCrypto::with_rng(Arc::new(Fixed(public[..public.len() / 2].to_vec())));
        // The key's root is computed anew: a wrong one would be refused.
        let key = parse(&crypto, ObjectType::PrivateKey, KeyFormat::Pkcs8, &pkcs8).expect(name);
        assert_eq!(*key.spec(), KeySpec::from_name(name).unwrap());
        assert_eq!(key.public_key().unwrap(), spki, "{name}");
        if let Some(digest) = vector["signature_sha256"].as_str() {
            let signature = key.sign(&none(), ToSign::Data(MESSAGE)).unwrap();
            assert_eq!(hex::encode(crypto.sha256(&[&signature])), digest, "{name}");
            let public = parse(&crypto, ObjectType::PublicKey, KeyFormat::Spki, &spki).unwrap();
            assert!(public.verify(&none(), ToSign::Data(MESSAGE), &signature).unwrap(), "{name}");
            signatures += 1;
        }
        sets.push(name);
    }
    sets.dedup();
    assert_eq!((sets.len(), signatures), (12, 7));
}

#[test]
fn the_examples_of_rfc_9909_are_taken() {
    let crypto = SoftwareCrypto::new();
    let [private, public] = [RFC_9909_PRIVATE, RFC_9909_PUBLIC].map(|text| hex::decode(text).unwrap());
    let key = parse(&crypto, ObjectType::PrivateKey, KeyFormat::Pkcs8, &private).unwrap();
    assert_eq!(key.spec().name(), "slh-dsa-sha2-128s");
    assert_eq!(key.public_key().unwrap(), public);
    assert_eq!(key.export(KeyFormat::Pkcs8).unwrap().bytes.expose(), private);
}

#[test]
fn new_pairs_sign_hedged() {
    let crypto = SoftwareCrypto::new();
    for name in ["slh-dsa-sha2-128f", "slh-dsa-sha2-192f", "slh-dsa-sha2-256f", "slh-dsa-shake-128f"] {
        let spec = KeySpec::from_name(name).unwrap();
        let Generated::Pair { private, public } = crypto.generate(&spec).unwrap() else { panic!("{name}") };
        let private = crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap();
        let public = crypto.parse(ObjectType::PublicKey, Some(&spec), &public).unwrap();
        let [first, mut second] = [0; 2].map(|_| private.sign(&none(), ToSign::Data(MESSAGE)).unwrap());
        assert_ne!(first, second, "{name}");
        for signature in [&first, &second] {
            assert!(public.verify(&none(), ToSign::Data(MESSAGE), signature).unwrap());
            assert!(!public.verify(&none(), ToSign::Data(b"another"), signature).unwrap());
        }
        *second.last_mut().unwrap() ^= 1;
        assert!(!public.verify(&none(), ToSign::Data(MESSAGE), &second).unwrap());
        assert!(!public.verify(&none(), ToSign::Data(MESSAGE), &first[1..]).unwrap(), "a shorter one");
        assert_eq!(public.export(KeyFormat::Spki).unwrap().bytes.expose(), private.public_key().unwrap());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let crypto = SoftwareCrypto::new();
    let kind = |result: Result<Arc<dyn ParsedKey>>| result.err().expect("an error").kind();
    let pkcs8 = |der: &[u8]| parse(&crypto, ObjectType::PrivateKey, KeyFormat::Pkcs8, der);
    let mut private = hex::decode(RFC_9909_PRIVATE).unwrap();
    let key = pkcs8(&private).unwrap();
    let digest = key.sign(&none(), ToSign::Digest(&[0; 32])).map(drop);
    assert_eq!(digest.unwrap_err().kind(), ErrorKind::Unsupported);
    let hash = CryptoParameters { hash: Some(HashAlgorithm::Sha256), ..none() };
    assert_eq!(key.sign(&hash, ToSign::Data(b"")).unwrap_err().kind(), ErrorKind::InvalidField);
    // The last byte is the root's.
    *private.last_mut().unwrap() ^= 1;
    assert_eq!(kind(pkcs8(&private)), ErrorKind::InvalidField);
    // A key of 64 bytes by the name of a set whose keys have 96.
    let (longer, _) = encodings("slh-dsa-sha2-192s", &private[20..], &[]);
    assert_eq!(kind(pkcs8(&longer)), ErrorKind::InvalidField);
    let (_, shorter) = encodings("slh-dsa-sha2-128s", &[], &[7; 31]);
    let refused = parse(&crypto, ObjectType::PublicKey, KeyFormat::Spki, &shorter);
    assert_eq!(kind(refused), ErrorKind::InvalidField);
}
