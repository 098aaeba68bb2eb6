//! Key material in every encoding, data envelopes, the stream format, wrapped keys.

use std::sync::{Arc, LazyLock};

use keyreeve_core::SecretBytes;
use keyreeve_core::model::{
    BlockCipherMode, CryptoParameters, KeyFormat, KeyId, KeyMaterial, KeySpec, ObjectType,
};
use keyreeve_core::ports::crypto::{EnvelopeKey, ParsedKey, ToSign};
use keyreeve_crypto::envelope_owner;
use keyreeve_crypto::stream::{FIXED_HEADER_BYTES, Header, Opening, Sealing};
use keyreeve_server::{fuzzing, offline};

use super::software;

/// The number of the format JWK.
const JWK: u8 = 6;

/// Material as it is imported over REST: the first byte says in which format. What is taken is used, and given out as a
/// JSON Web Key that is taken again.
pub(super) fn material(bytes: &[u8]) -> bool {
    let Some((format, bytes)) = bytes.split_first() else { return false };
    let Ok(read) = fuzzing::material(*format, SecretBytes::copy_from(bytes)) else { return false };
    let raw = KeySpec::from_name("hmac-sha256").filter(|_| read.material.format == KeyFormat::Raw);
    let spec = read.spec.or(raw);
    let Ok(key) = software().parse(read.object_type, spec.as_ref(), &read.material) else { return false };
    use_all(&*key, bytes);
    if read.object_type == ObjectType::PrivateKey || read.material.format == KeyFormat::Raw {
        let spki = key.public_key().ok();
        if let Ok(jwk) = fuzzing::json_web_key(&read.material, spki.as_deref()) {
            let again = fuzzing::material(JWK, jwk).expect("a JSON Web Key that was given out is taken");
            let spec = again.spec.or(spec);
            let again = software().parse(again.object_type, spec.as_ref(), &again.material);
            assert!(again.expect("and is a key").public_key().ok() == spki);
        }
    }
    true
}

fn use_all(key: &dyn ParsedKey, bytes: &[u8]) {
    let parameters = CryptoParameters::default();
    let _ = key.public_key();
    for format in [KeyFormat::Pkcs8, KeyFormat::Pkcs1, KeyFormat::EcPrivateKey, KeyFormat::Spki] {
        let _ = key.export(format);
    }
    let _ = key.verify(&parameters, ToSign::Data(b"text"), bytes);
    let _ = key.sign(&parameters, ToSign::Data(b"text"));
    let _ = key.agree(bytes);
    let _ = key.encrypt(&parameters, None, b"", b"text");
    let _ = key.decrypt(&parameters, None, b"", bytes, None);
    let _ = key.unwrap(&parameters, bytes);
}

/// A key whose bits are known.
fn known(name: &str) -> Arc<dyn ParsedKey> {
    let spec = KeySpec::from_name(name).expect("a name of a key");
    let bytes = SecretBytes::copy_from(&[7; 64][..spec.length_bits as usize / 8]);
    let material = KeyMaterial { format: KeyFormat::Raw, bytes };
    software().parse(ObjectType::SymmetricKey, Some(&spec), &material).expect("a key")
}

/// An envelope, for whomever it says it is.
pub(super) fn envelope(bytes: &[u8]) -> bool {
    static KEYS: LazyLock<[Arc<dyn ParsedKey>; 2]> =
        LazyLock::new(|| [known("aes-256"), known("chacha20-poly1305")]);
    let owner = envelope_owner(bytes);
    let nobody = EnvelopeKey { key: KeyId(uuid::Uuid::nil()), version: 0 };
    let owner = owner.unwrap_or(nobody);
    let taken = KEYS.iter().any(|key| match key.open_envelope(owner, b"", bytes) {
        Ok(plain) => {
            let again = key.seal_envelope(owner, b"", plain.expose()).expect("seals");
            key.open_envelope(owner, b"", &again).expect("opens").expose() == plain.expose()
        }
        Err(_) => false,
    });
    taken || {
        // An envelope of these bytes opens.
        let sealed = KEYS[0].seal_envelope(owner, bytes, bytes).expect("seals");
        assert!(KEYS[0].open_envelope(owner, bytes, &sealed).expect("opens").expose() == bytes);
        false
    }
}

/// A stream under a known data key; and these bytes as a stream, which comes back.
pub(super) fn stream(bytes: &[u8]) -> bool {
    const DATA_KEY: [u8; 32] = [7; 32];
    if let Some(fixed) = bytes.first_chunk::<FIXED_HEADER_BYTES>() {
        let _ = Header::wrapped_bytes(fixed);
    }
    if let Ok(header) = Header::decode(bytes) {
        assert_eq!(header.encode().expect("encodes"), bytes);
    }
    let (mut sealing, mut chunk) = (Sealing::new(b"header", &DATA_KEY).expect("a data key"), bytes.to_vec());
    if sealing.seal(&mut chunk, true).is_ok() {
        let mut opening = Opening::new(b"header", &DATA_KEY).expect("a data key");
        opening.open(&mut chunk, true).expect("opens");
        assert_eq!(chunk, bytes);
    }
    let (mut rest, mut plain) = (bytes, Vec::new());
    let Ok(begun) = offline::stream::begin(&mut rest) else { return false };
    begun.open(&DATA_KEY, &mut rest, &mut plain, &mut |_| {}).is_ok()
}

/// A wrapped key, by the first byte's way to wrap; what is unwrapped is wrapped as the same bytes.
pub(super) fn wrapped_key(bytes: &[u8]) -> bool {
    static KEY: LazyLock<Arc<dyn ParsedKey>> = LazyLock::new(|| known("aes-256"));
    let Some((mode, bytes)) = bytes.split_first() else { return false };
    let mode = [BlockCipherMode::KeyWrap, BlockCipherMode::KeyWrapPadded][usize::from(*mode % 2)];
    let parameters = CryptoParameters { mode: Some(mode), ..CryptoParameters::default() };
    if let Ok(wrapped) = KEY.wrap(&parameters, &SecretBytes::copy_from(bytes)) {
        assert!(KEY.unwrap(&parameters, &wrapped).expect("unwraps").expose() == bytes);
    }
    let Ok(plain) = KEY.unwrap(&parameters, bytes) else { return false };
    assert_eq!(KEY.wrap(&parameters, &plain).expect("wraps"), bytes);
    true
}
