//! The vectors of RFC 9180 (base mode, first message), and for P-384, which it has none for, one of
//! draft-ietf-hpke-pq, up to the shared secret. Those with ML-KEM are in `algorithms/ml_kem/tests.rs`.

use std::sync::Arc;

use aws_lc_rs::{aead, agreement};
use keyreeve_core::ErrorKind;
use serde_json::Value;

use super::{
    AES_128_GCM, AES_256_GCM, Aead, Bound, CHACHA20_POLY1305, HKDF_SHA256, HKDF_SHA384, HKDF_SHA512, Kem,
    Recipient, seal,
};
use crate::rng::SystemRng;

const P256: Kem = Kem { id: 0x10, kdf: HKDF_SHA256, enc_bytes: 65 };
const P384: Kem = Kem { id: 0x11, kdf: HKDF_SHA384, enc_bytes: 97 };
const P521: Kem = Kem { id: 0x12, kdf: HKDF_SHA512, enc_bytes: 133 };
const X25519: Kem = Kem { id: 0x20, kdf: HKDF_SHA256, enc_bytes: 32 };

fn recipient(kem_id: u64, public: Vec<u8>) -> Recipient {
    let (kem, curve): (&'static Kem, &'static agreement::Algorithm) = match kem_id {
        0x10 => (&P256, &agreement::ECDH_P256),
        0x11 => (&P384, &agreement::ECDH_P384),
        0x12 => (&P521, &agreement::ECDH_P521),
        _ => (&X25519, &agreement::X25519),
    };
    Recipient { kem, curve, public, rng: Arc::new(SystemRng) }
}

pub(crate) fn aead_of(id: u64) -> Aead {
    *[AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305].iter().find(|aead| u64::from(aead.id) == id).unwrap()
}

pub(crate) fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    hex::decode(vector[field].as_str().unwrap()).unwrap()
}

#[test]
fn published_vectors_open_and_seal() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../../tests/data/hpke.json")).unwrap();
    assert_eq!(vectors.len(), 10);
    for vector in &vectors {
        let get = |field| bytes(vector, field);
        let recipient = recipient(vector["kem_id"].as_u64().unwrap(), get("pkRm"));
        let private = agreement::PrivateKey::from_private_key(recipient.curve, &get("skRm")).unwrap();
        let peer = agreement::UnparsedPublicKey::new(recipient.curve, get("enc"));
        let secret = agreement::agree(&private, peer, (), |dh| Ok(recipient.shared_secret(dh, &get("enc"))));
        assert_eq!(secret.unwrap().expose(), get("shared_secret"));
        if vector["kem_id"] == 0x11 {
            continue;
        }
        let aead = aead_of(vector["aead_id"].as_u64().unwrap());
        let (info, aad) = (get("info"), get("aad"));
        let bound = Bound { info: &info, aad: &aad };
        let sealed = [get("enc"), get("ct")].concat();
        let opened = recipient.open(&private, aead, bound, &sealed).unwrap();
        assert_eq!(opened.expose(), get("pt"));
        let (secret, enc) = (get("shared_secret"), get("enc"));
        assert_eq!(seal(recipient.kem, aead, (&secret, &enc), bound, &get("pt")).unwrap(), sealed);
    }
}

/// Whatever is altered, cut or bound otherwise, the answer is the same.
#[test]
fn nothing_else_opens() {
    for (kem_id, curve) in [
        (0x10, &agreement::ECDH_P256),
        (0x11, &agreement::ECDH_P384),
        (0x12, &agreement::ECDH_P521),
        (0x20, &agreement::X25519),
    ] {
        let private = agreement::PrivateKey::generate(curve).unwrap();
        let recipient = recipient(kem_id, private.compute_public_key().unwrap().as_ref().to_vec());
        let bound = Bound { info: b"info", aad: b"aad" };
        let sealed = recipient.seal(AES_256_GCM, bound, b"text").unwrap();
        assert_eq!(sealed.len(), recipient.kem.enc_bytes + 4 + aead::MAX_TAG_LEN);
        assert_eq!(recipient.open(&private, AES_256_GCM, bound, &sealed).unwrap().expose(), b"text");
        let refused = |aead, bound, sealed: &[u8]| {
            recipient.open(&private, aead, bound, sealed).err().expect("an error").kind()
        };
        for byte in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[byte] ^= 1;
            assert_eq!(refused(AES_256_GCM, bound, &altered), ErrorKind::CryptoFailed, "{kem_id:#x} {byte}");
            assert_eq!(refused(AES_256_GCM, bound, &sealed[..byte]), ErrorKind::CryptoFailed);
        }
        assert_eq!(refused(CHACHA20_POLY1305, bound, &sealed), ErrorKind::CryptoFailed);
        let other = Bound { info: b"other", ..bound };
        assert_eq!(refused(AES_256_GCM, other, &sealed), ErrorKind::CryptoFailed);
        let other = Bound { aad: b"other", ..bound };
        assert_eq!(refused(AES_256_GCM, other, &sealed), ErrorKind::CryptoFailed);
    }
}
