//! Keys of each family in every encoding, and what is sealed under a known one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyreeve_core::SecretBytes;
use keyreeve_core::model::{
    BlockCipherMode, CryptoParameters, KeyFormat, KeyId, KeyMaterial, KeySpec, ObjectType,
};
use keyreeve_core::ports::crypto::{Crypto as _, EnvelopeKey, Generated, ParsedKey};
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_pki::{CertificateAuthority, ClientSubject, Validity, pem};
use keyreeve_server::{fuzzing, offline};
use uuid::Uuid;

use crate::{Seeds, seed};

const FAMILIES: [&str; 7] =
    ["rsa-2048", "ec-p256", "secp256k1", "ed25519", "x25519", "ml-dsa-44", "ml-kem-512"];

/// Encodings by the number that the target has for them.
const FORMATS: [(u8, &str, KeyFormat, &str); 4] = [
    (1, "pkcs8", KeyFormat::Pkcs8, "PRIVATE KEY"),
    (2, "pkcs1", KeyFormat::Pkcs1, "RSA PRIVATE KEY"),
    (3, "sec1", KeyFormat::EcPrivateKey, "EC PRIVATE KEY"),
    (4, "spki", KeyFormat::Spki, "PUBLIC KEY"),
];

fn materials(seeds: &mut Seeds) {
    let crypto = SoftwareCrypto::new();
    let mut add = |format: u8, name: String, bytes: &[u8]| {
        seed(seeds, "material", name, [&[format], bytes].concat());
    };
    add(0, "raw".into(), &[5; 32]);
    add(6, "oct-jwk".into(), br#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw","alg":"A128GCM","kid":"1"}"#);
    for family in FAMILIES {
        let spec = KeySpec::from_name(family).unwrap();
        let Ok(Generated::Pair { private, public }) = crypto.generate(&spec) else { panic!("no pair") };
        for (object_type, material) in [(ObjectType::PrivateKey, private), (ObjectType::PublicKey, public)] {
            let key = crypto.parse(object_type, Some(&spec), &material).unwrap();
            for (number, name, format, label) in FORMATS {
                let Ok(exported) = key.export(format) else { continue };
                let half = if object_type == ObjectType::PublicKey { "-public" } else { "" };
                let name = format!("{family}{half}-{name}");
                if object_type == ObjectType::PrivateKey && format == KeyFormat::Spki {
                    continue;
                }
                add(number, name.clone(), exported.bytes.expose());
                if family == "ec-p256" {
                    add(5, format!("{name}-pem"), pem::encode(label, exported.bytes.expose()).as_bytes());
                }
            }
            let spki = key.public_key().unwrap();
            if let (ObjectType::PrivateKey, Ok(jwk)) =
                (object_type, fuzzing::json_web_key(&material, Some(&spki)))
            {
                add(6, format!("{family}-jwk"), jwk.expose());
            }
        }
    }
}

/// Tokens of an issuer, and the keys of one.
fn issuers(seeds: &mut Seeds) {
    let text = |value: &str| URL_SAFE_NO_PAD.encode(value);
    let mut token = |name: &str, header: &str, claims: &str| {
        let signature = URL_SAFE_NO_PAD.encode([7; 64]);
        seed(seeds, "json_web_token", name, format!("{}.{}.{signature}", text(header), text(claims)));
    };
    let claims = r#"{"iss":"https://id","aud":"keyreeve","sub":"alice","exp":1767226200,"iat":1767225600}"#;
    token("person", r#"{"alg":"RS256","typ":"JWT","kid":"1"}"#, claims);
    let pod = r#"{"iss":"https://id","aud":["other","keyreeve"],"exp":1.767e9,"nbf":1767225600,"kubernetes.io":{"namespace":"shop"},"sub":"system:serviceaccount:shop:billing"}"#;
    token("workload", r#"{"alg":"EdDSA","crit":["b64"],"typ":"at+jwt"}"#, pod);
    token("logout", r#"{"alg":"none"}"#, r#"{"iss":"https://id","events":{}}"#);

    // The base points of the curves, and a modulus without a meaning.
    let ed25519 = "WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY";
    let (x, y) =
        ("axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU");
    let modulus = URL_SAFE_NO_PAD.encode([0xc5; 256]);
    let keys = format!(
        r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{ed25519}","kid":"1"}},{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","use":"sig","key_ops":["verify"]}},{{"kty":"RSA","n":"{modulus}","e":"AQAB","alg":"RS256"}},{{"kty":"oct","k":"AAAA"}}]}}"#
    );
    seed(seeds, "json_web_key_set", "all-kinds", keys);
    let alone = format!(r#"{{"keys":[{{"kty":"RSA","n":"{modulus}","e":"AQAB","x5c":["AAAA"]}}]}}"#);
    seed(seeds, "json_web_key_set", "one", alone);
}

fn known() -> std::sync::Arc<dyn ParsedKey> {
    let spec = KeySpec::from_name("aes-256").unwrap();
    let material = KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::copy_from(&[7; 32]) };
    SoftwareCrypto::new().parse(ObjectType::SymmetricKey, Some(&spec), &material).unwrap()
}

fn sealed(seeds: &mut Seeds) {
    let owner = EnvelopeKey { key: KeyId(Uuid::from_u128(3)), version: 2 };
    seed(seeds, "envelope", "hello", known().seal_envelope(owner, b"", b"hello").unwrap());
    for (name, plain) in [("empty", &b""[..]), ("hello", b"hello")] {
        let mut stream = Vec::new();
        let mut from = plain;
        offline::stream::seal((vec![1; 40], Some(2)), &[7; 32], &mut from, &mut stream, &mut |_| {}).unwrap();
        seed(seeds, "stream", name, stream);
    }
    for (number, name, mode, plain) in [
        (0, "kw", BlockCipherMode::KeyWrap, &[1; 32][..]),
        (1, "kwp", BlockCipherMode::KeyWrapPadded, b"seventeen bytes!!"),
    ] {
        let parameters = CryptoParameters { mode: Some(mode), ..CryptoParameters::default() };
        let wrapped = known().wrap(&parameters, &SecretBytes::copy_from(plain)).unwrap();
        seed(seeds, "wrapped_key", name, [&[number], &wrapped[..]].concat());
    }
    for share in keyreeve_store::new_shares(&SoftwareCrypto::new(), 3, 2).unwrap().iter().take(1) {
        seed(seeds, "recovery_share", "line", share.expose());
    }
}

fn certificates(seeds: &mut Seeds) {
    let issued = CertificateAuthority::create(1_700_000_000).unwrap();
    let authority = CertificateAuthority::load(issued.certificate.clone(), &issued.key).unwrap();
    let subject = ClientSubject { principal: Uuid::from_u128(3), name: "somebody" };
    let validity = Validity { from_seconds: 1_700_000_000, days: 30 };
    let client = authority.issue_client(&subject, validity).unwrap();
    seed(seeds, "certificate", "authority", issued.certificate.to_vec());
    seed(seeds, "certificate", "client", client.certificate.to_vec());
    let both = [&issued.certificate, &client.certificate].map(pem::encode_certificate).concat();
    seed(seeds, "certificate", "pem", both);
    let chain = [&client.certificate, &issued.certificate].map(|one| &**one);
    let layers = keyreeve_pki::fuzzing::pkcs12_layers(client.key.pkcs8_der(), &chain).unwrap();
    for (name, (layer, bytes)) in ["file", "safes", "certificates", "key"].into_iter().zip(layers) {
        seed(seeds, "pkcs12", name, [&[layer], &bytes[..]].concat());
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let request =
        rcgen::CertificateParams::new(["somebody".to_owned()]).unwrap().serialize_request(&key).unwrap();
    seed(seeds, "certificate_request", "der", request.der().to_vec());
    seed(seeds, "certificate_request", "pem", pem::encode("CERTIFICATE REQUEST", request.der()).as_bytes());
}

pub(crate) fn add(seeds: &mut Seeds) {
    materials(seeds);
    sealed(seeds);
    certificates(seeds);
    issuers(seeds);
}
