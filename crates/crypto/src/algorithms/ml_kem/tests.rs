//! HPKE with ML-KEM against the vectors of draft-ietf-hpke-pq, whose private keys are seeds.

use keyreeve_core::model::Algorithm;
use serde_json::Value;

use super::{PrivateKey, set};
use crate::{
    der,
    hpke::{
        Bound,
        tests::{aead_of, bytes},
    },
};

#[test]
fn published_vectors_open() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("../../../tests/data/hpke-ml-kem.json")).unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in &vectors {
        let get = |field| bytes(vector, field);
        let algorithm = match vector["kem_id"].as_u64() {
            Some(0x40) => Algorithm::MlKem512,
            Some(0x41) => Algorithm::MlKem768,
            _ => Algorithm::MlKem1024,
        };
        let seed = [&[0x80, 64], get("skRm").as_slice()].concat();
        let pkcs8 = der::post_quantum_pkcs8(algorithm, &seed).unwrap();
        let key = PrivateKey::parse(set(algorithm).unwrap(), pkcs8.expose()).unwrap();
        assert_eq!(der::public_key_bytes(&key.public.spki).unwrap(), get("pkRm"));
        let bound = Bound { info: &get("info"), aad: &get("aad") };
        let aead = aead_of(vector["aead_id"].as_u64().unwrap());
        let opened = key.open(aead, bound, &[get("enc"), get("ct")].concat()).unwrap();
        assert_eq!(opened.expose(), get("pt"));
    }
}
