//! What keys do through the port: known answers, round trips, refusals. Wycheproof and envelopes have files of their own.

use std::sync::Arc;

use keyreeve_core::{
    ErrorKind, Result, SecretBytes,
    model::{
        Algorithm, BlockCipherMode, CryptoParameters, Curve, HashAlgorithm, Kdf, KeyFormat, KeyId,
        KeyMaterial, KeySpec, MaskGenerator, ObjectType, PaddingMethod, Prf, SignatureScheme, UsageMask,
    },
    ports::crypto::{Crypto, EnvelopeKey, Generated, ParsedKey, ToSign},
};
use keyreeve_crypto::SoftwareCrypto;

fn none() -> CryptoParameters {
    CryptoParameters::default()
}

fn mode(mode: BlockCipherMode) -> CryptoParameters {
    CryptoParameters { mode: Some(mode), ..none() }
}

fn padded(mode: BlockCipherMode) -> CryptoParameters {
    CryptoParameters { mode: Some(mode), padding: Some(PaddingMethod::Pkcs5), ..none() }
}

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn symmetric(algorithm: Algorithm, bytes: &[u8]) -> Arc<dyn ParsedKey> {
    let spec = KeySpec { algorithm, length_bits: bytes.len() as u32 * 8, curve: None };
    let material = KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::copy_from(bytes) };
    SoftwareCrypto::new().parse(ObjectType::SymmetricKey, Some(&spec), &material).unwrap()
}

fn pair(name: &str) -> (Arc<dyn ParsedKey>, Arc<dyn ParsedKey>) {
    let crypto = SoftwareCrypto::new();
    let spec = KeySpec::from_name(name).unwrap();
    let Generated::Pair { private, public } = crypto.generate(&spec).unwrap() else { panic!("not a pair") };
    let formats = match spec.algorithm {
        Algorithm::Rsa => (KeyFormat::Pkcs1, KeyFormat::Pkcs1),
        _ => (KeyFormat::Pkcs8, KeyFormat::Spki),
    };
    assert_eq!((private.format, public.format), formats);
    (
        crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap(),
        crypto.parse(ObjectType::PublicKey, Some(&spec), &public).unwrap(),
    )
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("an error").kind()
}

#[test]
fn self_test_passes() {
    SoftwareCrypto::new().self_test().unwrap();
}

/// SP 800-38A appendix F.
#[test]
fn aes_cbc_and_ctr_give_the_known_answers() {
    let cases = [
        (
            "2b7e151628aed2a6abf7158809cf4f3c",
            "7649abac8119b246cee98e9b12e9197d",
            "874d6191b620e3261bef6864990db6ce",
        ),
        (
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            "4f021db243bc633d7178183a9fa071e8",
            "1abc932417521ca24f2b0459fe7e6e0b",
        ),
        (
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "f58c4c04d6e5f1ba779eabfb5f7bfbd6",
            "601ec313775789a5b7a7f504bbf3d228",
        ),
    ];
    let plaintext = hex("6bc1bee22e409f96e93d7e117393172a");
    for (key, cbc, ctr) in cases {
        let key = symmetric(Algorithm::Aes, &hex(key));
        let iv: Vec<u8> = (0..16).collect();
        let sealed = key.encrypt(&mode(BlockCipherMode::Cbc), Some(&iv), &[], &plaintext).unwrap();
        assert_eq!((sealed.data, sealed.iv, sealed.tag), (hex(cbc), None, None));
        let counter: Vec<u8> = (0xf0..=0xff).collect();
        let sealed = key.encrypt(&mode(BlockCipherMode::Ctr), Some(&counter), &[], &plaintext).unwrap();
        assert_eq!(sealed.data, hex(ctr));
        let opened =
            key.decrypt(&mode(BlockCipherMode::Ctr), Some(&counter), &[], &sealed.data, None).unwrap();
        assert_eq!(opened.expose(), plaintext);
    }
}

#[test]
fn aes_modes_go_there_and_back() {
    for bytes in [16, 24, 32] {
        let key = symmetric(Algorithm::Aes, &vec![0x5a; bytes]);
        for parameters in [
            none(),
            mode(BlockCipherMode::Gcm),
            mode(BlockCipherMode::Ctr),
            padded(BlockCipherMode::Cbc),
            padded(BlockCipherMode::Ecb),
        ] {
            for length in [0, 1, 15, 16, 17, 4096] {
                let plaintext = vec![0xa5; length];
                let sealed = key.encrypt(&parameters, None, &[], &plaintext).unwrap();
                let opened = key
                    .decrypt(&parameters, sealed.iv.as_deref(), &[], &sealed.data, sealed.tag.as_deref())
                    .unwrap();
                assert_eq!(opened.expose(), plaintext, "{parameters:?} {length}");
            }
        }
    }
}

/// The tag may also stand behind the ciphertext.
#[test]
fn gcm_takes_the_tag_from_the_end() {
    let key = symmetric(Algorithm::Aes, &[1; 32]);
    let sealed = key.encrypt(&none(), None, b"aad", b"text").unwrap();
    let mut joined = sealed.data.clone();
    joined.extend_from_slice(sealed.tag.as_deref().unwrap());
    let opened = key.decrypt(&none(), sealed.iv.as_deref(), b"aad", &joined, None).unwrap();
    assert_eq!(opened.expose(), b"text");
    assert_eq!(
        kind(key.decrypt(&none(), sealed.iv.as_deref(), b"aad", b"short", None)),
        ErrorKind::CryptoFailed
    );
}

/// Test case 5 of the GCM specification has a nonce of 8 bytes, case 6 one of 60.
#[test]
fn gcm_takes_unusual_nonces_and_tags() {
    let key = symmetric(Algorithm::Aes, &hex("feffe9928665731c6d6a8f9467308308"));
    let plaintext = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5\
         aa0de657ba637b39",
    );
    let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let cases = [
        ("cafebabefacedbad", "61353b4c2806934a777ff51fa22a4755", "3612d2e79e3b0785561be14aaca2fccb"),
        (
            "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5\
             a0de6a57a637b39b",
            "8ce24998625615b603a033aca13fb894",
            "619cc5aefffe0bfa462af43c1699d050",
        ),
    ];
    for (nonce, beginning, tag) in cases {
        for tag_length in 12..=16 {
            let parameters = CryptoParameters { tag_length: Some(tag_length), ..none() };
            let sealed = key.encrypt(&parameters, Some(&hex(nonce)), &aad, &plaintext).unwrap();
            assert_eq!(sealed.data[..16], hex(beginning));
            assert_eq!(sealed.tag.as_deref().unwrap(), &hex(tag)[..tag_length as usize]);
            let tag = sealed.tag.as_deref();
            let opened = key.decrypt(&parameters, Some(&hex(nonce)), &aad, &sealed.data, tag).unwrap();
            assert_eq!(opened.expose(), plaintext);
            let mut altered = sealed.data.clone();
            altered[0] ^= 1;
            let refused = key.decrypt(&parameters, Some(&hex(nonce)), &aad, &altered, tag);
            assert_eq!(kind(refused), ErrorKind::CryptoFailed);
        }
    }
    for tag_length in [0, 1, 4, 11, 17, 32] {
        let parameters = CryptoParameters { tag_length: Some(tag_length), ..none() };
        assert_eq!(kind(key.encrypt(&parameters, None, &[], b"")), ErrorKind::Unsupported);
    }
}

/// The counter's last 32 bits wrap without a carry: the slow path and the library agree on a nonce they both take.
#[test]
fn gcm_paths_agree() {
    let key = symmetric(Algorithm::Aes, &[9; 24]);
    for length in [0, 1, 16, 33, 1000] {
        let plaintext = vec![3; length];
        let whole = key.encrypt(&none(), Some(&[8; 12]), b"aad", &plaintext).unwrap();
        let short = CryptoParameters { tag_length: Some(13), ..none() };
        let cut = key.encrypt(&short, Some(&[8; 12]), b"aad", &plaintext).unwrap();
        assert_eq!(whole.data, cut.data);
        assert_eq!(whole.tag.unwrap()[..13], cut.tag.unwrap());
    }
}

#[test]
fn every_flipped_bit_fails_the_same_way() {
    for key in [symmetric(Algorithm::Aes, &[1; 16]), symmetric(Algorithm::ChaCha20Poly1305, &[1; 32])] {
        let sealed = key.encrypt(&none(), None, b"aad", b"some text").unwrap();
        let (iv, tag) = (sealed.iv.unwrap(), sealed.tag.unwrap());
        let whole = [&iv[..], b"aad", &sealed.data, &tag].concat();
        for bit in 0..whole.len() * 8 {
            let mut altered = whole.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let (iv, rest) = altered.split_at(12);
            let (aad, rest) = rest.split_at(3);
            let (data, tag) = rest.split_at(sealed.data.len());
            let error = key.decrypt(&none(), Some(iv), aad, data, Some(tag)).err().expect("an error");
            assert_eq!((error.kind(), error.cause()), (ErrorKind::CryptoFailed, None), "bit {bit}");
        }
    }
}

/// Whatever is wrong with padding or length, the error is one and the same.
#[test]
fn wrong_padding_looks_like_any_failure() {
    let key = symmetric(Algorithm::Aes, &[1; 16]);
    let cbc = padded(BlockCipherMode::Cbc);
    let expected = key.decrypt(&cbc, Some(&[0; 16]), &[], &[], None).err().unwrap();
    for last in [[1, 0], [1, 17], [1, 255], [1, 2], [3, 3]] {
        let block = [&[9; 14][..], &last].concat();
        let sealed = key.encrypt(&mode(BlockCipherMode::Cbc), Some(&[0; 16]), &[], &block).unwrap();
        let error = key.decrypt(&cbc, Some(&[0; 16]), &[], &sealed.data, None).err().expect("an error");
        assert_eq!((error.kind(), error.public()), (ErrorKind::CryptoFailed, expected.public()), "{last:?}");
    }
    for length in [1, 15, 17] {
        let error = key.decrypt(&cbc, Some(&[0; 16]), &[], &vec![0; length], None).err().unwrap();
        assert_eq!((error.kind(), error.public()), (ErrorKind::CryptoFailed, expected.public()));
    }
    assert_eq!(kind(key.encrypt(&mode(BlockCipherMode::Ecb), None, &[], b"odd")), ErrorKind::InvalidField);
}

#[test]
fn ivs_are_random_unless_given() {
    let key = symmetric(Algorithm::Aes, &[1; 16]);
    let first = key.encrypt(&none(), None, &[], b"text").unwrap();
    let second = key.encrypt(&none(), None, &[], b"text").unwrap();
    assert_eq!(first.iv.as_ref().unwrap().len(), 12);
    assert_ne!(first.iv, second.iv);
    let random = CryptoParameters { random_iv: Some(true), ..none() };
    assert_eq!(kind(key.encrypt(&random, Some(&[0; 12]), &[], b"")), ErrorKind::InvalidField);
    assert_eq!(kind(key.decrypt(&none(), None, &[], b"", Some(&[0; 16]))), ErrorKind::Invalid);
}

/// RFC 8439 section 2.4.2 (counter 1) and section 2.8.2; the first form's vector is the zero key of its author.
#[test]
fn chacha20_gives_the_known_answers() {
    let text =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                 sunscreen would be it.";
    let key = symmetric(Algorithm::ChaCha20, &(0..32).collect::<Vec<u8>>());
    let counting = CryptoParameters { initial_counter_value: Some(1), ..none() };
    let sealed = key.encrypt(&counting, Some(&hex("000000000000004a00000000")), &[], text).unwrap();
    assert_eq!(sealed.data[..16], hex("6e2e359a2568f98041ba0728dd0d6981"));
    let zero = symmetric(Algorithm::ChaCha20, &[0; 32]);
    let sealed = zero.encrypt(&none(), Some(&[0; 8]), &[], &[0; 16]).unwrap();
    assert_eq!(sealed.data, hex("76b8e0ada0f13d90405d6ae55386bd28"));

    let aead = symmetric(Algorithm::ChaCha20Poly1305, &(0x80..0xa0).collect::<Vec<u8>>());
    let (nonce, aad) = (hex("070000004041424344454647"), hex("50515253c0c1c2c3c4c5c6c7"));
    let short = CryptoParameters { tag_length: Some(12), mode: Some(BlockCipherMode::Aead), ..none() };
    let sealed = aead.encrypt(&short, Some(&nonce), &aad, text).unwrap();
    assert_eq!(sealed.data[..16], hex("d31a8d34648e60db7b86afbc53ef7ec2"));
    assert_eq!(sealed.tag.as_deref().unwrap(), hex("1ae10b594f09e26a7e902ecb"));
    let opened = aead.decrypt(&short, Some(&nonce), &aad, &sealed.data, sealed.tag.as_deref()).unwrap();
    assert_eq!(opened.expose(), text);
    let refused = aead.decrypt(&short, Some(&nonce), &aad, &sealed.data, Some(&[0; 12]));
    assert_eq!(kind(refused), ErrorKind::CryptoFailed);
}

/// RFC 4231 section 4.3.
#[test]
fn hmac_gives_the_known_answers() {
    let data = b"what do ya want for nothing?";
    let cases = [
        (Algorithm::HmacSha224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
        (Algorithm::HmacSha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            Algorithm::HmacSha384,
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
        ),
        (
            Algorithm::HmacSha512,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
    ];
    for (algorithm, mac) in cases {
        let key = symmetric(algorithm, b"Jefe");
        assert_eq!(key.mac(&none(), data).unwrap(), hex(mac));
        let another = CryptoParameters { algorithm: Some(Algorithm::HmacSha1), ..none() };
        assert_eq!(kind(key.mac(&another, data)), ErrorKind::InvalidField);
        assert_eq!(kind(key.encrypt(&none(), None, &[], data)), ErrorKind::WrongUsage);
    }
    let aes = symmetric(Algorithm::Aes, &[1; 16]);
    let named = CryptoParameters { algorithm: Some(Algorithm::HmacSha256), ..none() };
    let mac = SoftwareCrypto::new().hmac_sha256(&[1; 16], &[data]);
    assert_eq!(aes.mac(&named, data).unwrap(), mac);
}

/// RFC 3394 section 4 and RFC 5649 section 6.
#[test]
fn key_wrap_gives_the_known_answers() {
    let kek: Vec<u8> = (0..24).collect();
    let secret = SecretBytes::new(hex("00112233445566778899aabbccddeeff"));
    let wrapped = symmetric(Algorithm::Aes, &kek).wrap(&none(), &secret).unwrap();
    assert_eq!(wrapped, hex("96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"));

    let kek = symmetric(Algorithm::Aes, &hex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"));
    let padded = mode(BlockCipherMode::KeyWrapPadded);
    let secret = SecretBytes::new(hex("c37b7e6492584340bed12207808941155068f738"));
    let wrapped = kek.wrap(&padded, &secret).unwrap();
    assert_eq!(wrapped, hex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"));
    assert_eq!(kek.unwrap(&padded, &wrapped).unwrap().expose(), secret.expose());
    for bit in 0..wrapped.len() * 8 {
        let mut altered = wrapped.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(kind(kek.unwrap(&padded, &altered)), ErrorKind::CryptoFailed);
    }
    assert_eq!(kind(kek.wrap(&none(), &secret)), ErrorKind::InvalidField);
    assert_eq!(kind(kek.wrap(&mode(BlockCipherMode::Gcm), &secret)), ErrorKind::Unsupported);
}

#[test]
fn rsa_signs_by_every_scheme() {
    let (private, public) = pair("rsa-2048");
    let hashes = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
    let mut schemes = vec![none()];
    for hash in hashes {
        schemes.push(CryptoParameters { signature: Some(SignatureScheme::RsaPkcs1v15(hash)), ..none() });
        schemes.push(CryptoParameters { signature: Some(SignatureScheme::RsaPss(Some(hash))), ..none() });
        for salt in [0, 20, 32, 126] {
            schemes.push(CryptoParameters {
                padding: Some(PaddingMethod::Pss),
                hash: Some(hash),
                salt_length: Some(salt),
                mask_generator: Some(MaskGenerator::Mgf1(hash)),
                ..none()
            });
        }
    }
    for parameters in &schemes {
        let hash = match (parameters.signature, parameters.hash) {
            (Some(SignatureScheme::RsaPkcs1v15(hash) | SignatureScheme::RsaPss(Some(hash))), _) => hash,
            (_, hash) => hash.unwrap_or(HashAlgorithm::Sha256),
        };
        let digest = SoftwareCrypto::new().hash(hash, &[b"text"]).unwrap();
        let of_data = private.sign(parameters, ToSign::Data(b"text")).unwrap();
        let of_digest = private.sign(parameters, ToSign::Digest(&digest)).unwrap();
        for key in [&private, &public] {
            assert!(key.verify(parameters, ToSign::Digest(&digest), &of_data).unwrap(), "{parameters:?}");
            assert!(key.verify(parameters, ToSign::Data(b"text"), &of_digest).unwrap());
            assert!(!key.verify(parameters, ToSign::Data(b"tex"), &of_data).unwrap());
            assert!(!key.verify(parameters, ToSign::Data(b"text"), &of_data[1..]).unwrap());
        }
        assert_eq!(kind(private.sign(parameters, ToSign::Digest(b"short"))), ErrorKind::InvalidField);
    }
    let long = CryptoParameters { salt_length: Some(223), ..none() };
    assert_eq!(kind(private.sign(&long, ToSign::Data(b""))), ErrorKind::InvalidField);
    assert_eq!(kind(public.sign(&none(), ToSign::Data(b""))), ErrorKind::WrongUsage);
}

#[test]
fn rsa_encrypts_and_wraps() {
    let (private, public) = pair("rsa-2048");
    let oaep = |hash| CryptoParameters { padding: Some(PaddingMethod::Oaep), hash: Some(hash), ..none() };
    let labelled = CryptoParameters { oaep_label: Some(b"label".to_vec()), ..none() };
    let pkcs1v15 = CryptoParameters { padding: Some(PaddingMethod::Pkcs1v15), ..none() };
    let mixed = CryptoParameters { mask_generator: Some(MaskGenerator::Mgf1(HashAlgorithm::Sha1)), ..none() };
    for parameters in [
        none(),
        mixed,
        oaep(HashAlgorithm::Sha1),
        oaep(HashAlgorithm::Sha224),
        oaep(HashAlgorithm::Sha384),
        oaep(HashAlgorithm::Sha512),
        labelled,
        pkcs1v15,
    ] {
        let mut data = public.encrypt(&parameters, None, &[], b"text").unwrap().data;
        assert_eq!(private.decrypt(&parameters, None, &[], &data, None).unwrap().expose(), b"text");
        data[255] ^= 1;
        let refused = private.decrypt(&parameters, None, &[], &data, None);
        assert!(refused.is_err_and(|error| error.kind() == ErrorKind::CryptoFailed), "{parameters:?}");
        assert_eq!(kind(public.encrypt(&parameters, None, &[], &[0; 246])), ErrorKind::InvalidField);
    }
    let wrapped = public.wrap(&none(), &SecretBytes::new(vec![4; 32])).unwrap();
    assert_eq!(private.unwrap(&none(), &wrapped).unwrap().expose(), [4; 32]);
}

#[test]
fn ec_signs_with_every_hash_and_agrees() {
    for (name, curve) in [("ec-p256", Curve::P256), ("ec-p384", Curve::P384), ("ec-p521", Curve::P521)] {
        let (private, public) = pair(name);
        assert_eq!(private.spec().curve, Some(curve));
        for hash in
            [None, Some(HashAlgorithm::Sha1), Some(HashAlgorithm::Sha384), Some(HashAlgorithm::Sha512)]
        {
            let parameters = CryptoParameters { hash, ..none() };
            let signature = private.sign(&parameters, ToSign::Data(b"text")).unwrap();
            assert!(public.verify(&parameters, ToSign::Data(b"text"), &signature).unwrap());
            assert!(!public.verify(&parameters, ToSign::Data(b"tex"), &signature).unwrap());
            if let Some(hash) = hash {
                let digest = SoftwareCrypto::new().hash(hash, &[b"text"]).unwrap();
                assert!(private.verify(&parameters, ToSign::Digest(&digest), &signature).unwrap());
            }
        }
        let (peer, peer_public) = pair(name);
        let agreed = private.agree(&peer_public.public_key().unwrap()).unwrap();
        assert_eq!(agreed.expose(), peer.agree(&public.public_key().unwrap()).unwrap().expose());
        let (_, other) = pair(if name == "ec-p256" { "ec-p384" } else { "ec-p256" });
        assert!(private.agree(&other.public_key().unwrap()).is_err());
    }
}

#[test]
fn exports_parse_again_to_the_same_key() {
    let crypto = SoftwareCrypto::new();
    for (name, formats) in [
        ("rsa-2048", &[KeyFormat::Pkcs8, KeyFormat::Pkcs1][..]),
        ("ec-p256", &[KeyFormat::Pkcs8, KeyFormat::EcPrivateKey]),
        ("ec-p384", &[KeyFormat::Pkcs8, KeyFormat::EcPrivateKey]),
        ("ec-p521", &[KeyFormat::Pkcs8, KeyFormat::EcPrivateKey]),
        ("secp256k1", &[KeyFormat::Pkcs8, KeyFormat::EcPrivateKey]),
        ("ed25519", &[KeyFormat::Pkcs8]),
        ("ml-dsa-44", &[KeyFormat::Pkcs8]),
        ("ml-dsa-65", &[KeyFormat::Pkcs8]),
        ("ml-dsa-87", &[KeyFormat::Pkcs8]),
    ] {
        let (private, public) = pair(name);
        let signature = private.sign(&none(), ToSign::Data(b"text")).unwrap();
        for &format in formats {
            let exported = private.export(format).unwrap();
            // Without a spec: the encoding tells what the key is.
            let again = crypto.parse(ObjectType::PrivateKey, None, &exported).unwrap();
            assert_eq!(again.spec(), &KeySpec::from_name(name).unwrap());
            assert!(again.verify(&none(), ToSign::Data(b"text"), &signature).unwrap());
            let wrong = KeySpec { length_bits: 333, ..*again.spec() };
            let refused = crypto.parse(ObjectType::PrivateKey, Some(&wrong), &exported);
            assert!(refused.is_err_and(|error| error.kind() == ErrorKind::InvalidField));
        }
        let spki = public.export(KeyFormat::Spki).unwrap();
        assert_eq!(spki.bytes.expose(), private.public_key().unwrap());
        assert!(private.export(KeyFormat::Raw).is_err());
    }
    let (_, public) = pair("rsa-2048");
    let pkcs1 = public.export(KeyFormat::Pkcs1).unwrap();
    let again = crypto.parse(ObjectType::PublicKey, None, &pkcs1).unwrap();
    assert_eq!(again.public_key().unwrap(), public.public_key().unwrap());
}

#[test]
fn keys_are_made_in_the_lengths_offered() {
    let crypto = SoftwareCrypto::new();
    for (algorithm, length_bits, bytes) in [
        (Algorithm::Aes, 128, 16),
        (Algorithm::Aes, 192, 24),
        (Algorithm::Aes, 256, 32),
        (Algorithm::Aes, 384, 48),
        (Algorithm::Aes, 512, 64),
        (Algorithm::TripleDes, 112, 16),
        (Algorithm::TripleDes, 168, 24),
        (Algorithm::TripleDes, 192, 24),
        (Algorithm::HmacSha1, 160, 20),
        (Algorithm::HmacSha256, 64, 8),
        (Algorithm::HmacSha512, 4096, 512),
        (Algorithm::ChaCha20, 256, 32),
        (Algorithm::ChaCha20Poly1305, 256, 32),
    ] {
        let spec = KeySpec { algorithm, length_bits, curve: None };
        let Generated::Symmetric(material) = crypto.generate(&spec).unwrap() else { panic!("a pair") };
        assert_eq!(material.bytes.len(), bytes);
        let key = crypto.parse(ObjectType::SymmetricKey, Some(&spec), &material).unwrap();
        assert_eq!(key.export(KeyFormat::Raw).unwrap().bytes.expose(), material.bytes.expose());
    }
    for (algorithm, length_bits) in [
        (Algorithm::Aes, 0),
        (Algorithm::Aes, 320),
        (Algorithm::MlKem768, 768),
        (Algorithm::MlDsa65, 65),
        (Algorithm::HmacSha256, 65),
        (Algorithm::HmacSha256, 5000),
        (Algorithm::Rsa, 1024),
        (Algorithm::Rsa, 2049),
        (Algorithm::Ec, 255),
        (Algorithm::Other(9), 128),
    ] {
        assert!(crypto.generate(&KeySpec { algorithm, length_bits, curve: None }).is_err());
    }
}

#[test]
fn short_rsa_keys_are_kept_but_not_used() {
    let crypto = SoftwareCrypto::new();
    let material = KeyMaterial {
        format: KeyFormat::Pkcs8,
        bytes: SecretBytes::copy_from(include_bytes!("data/rsa-1024.pkcs8")),
    };
    let key = crypto.parse(ObjectType::PrivateKey, None, &material).unwrap();
    assert_eq!(key.spec().length_bits, 1024);
    assert_eq!(kind(key.sign(&none(), ToSign::Data(b""))), ErrorKind::WrongUsage);
    assert_eq!(key.export(KeyFormat::Pkcs8).unwrap().bytes.expose(), material.bytes.expose());
    let short = KeyMaterial {
        format: KeyFormat::Pkcs8,
        bytes: SecretBytes::copy_from(include_bytes!("data/rsa-512.pkcs8")),
    };
    assert_eq!(kind(crypto.parse(ObjectType::PrivateKey, None, &short)), ErrorKind::InvalidField);
}

/// A generator that fails hands out nothing.
#[test]
fn a_failing_generator_fails_the_request() {
    struct Failing;
    impl keyreeve_core::ports::rng::Rng for Failing {
        fn fill(&self, _: &mut [u8]) -> Result<()> {
            Err(keyreeve_core::Error::new(ErrorKind::Unavailable, "no entropy"))
        }
    }
    let crypto = SoftwareCrypto::with_rng(Arc::new(Failing));
    let spec = KeySpec::from_name("aes-256").unwrap();
    assert!(crypto.generate(&spec).is_err_and(|error| error.kind() == ErrorKind::Unavailable));
    let material = KeyMaterial { format: KeyFormat::Raw, bytes: SecretBytes::new(vec![1; 32]) };
    let key = crypto.parse(ObjectType::SymmetricKey, Some(&spec), &material).unwrap();
    assert_eq!(kind(key.encrypt(&none(), None, &[], b"")), ErrorKind::Unavailable);
}

/// Who has the public half alone can encrypt; only the private half decrypts, and only what is bound the same way.
#[test]
fn public_keys_take_messages_of_any_length() {
    let owner = EnvelopeKey { key: KeyId::from_parts(0, &[1; 10]), version: 1 };
    for name in ["x25519", "ec-p256", "ec-p384", "ec-p521", "ml-kem-512", "ml-kem-768", "ml-kem-1024"] {
        let (private, public) = pair(name);
        let chacha = CryptoParameters { algorithm: Some(Algorithm::ChaCha20Poly1305), ..none() };
        for message in [&b""[..], b"text", &[7; 5000]] {
            for parameters in [none(), chacha.clone()] {
                let sealed = public.encrypt(&parameters, None, b"aad", message).unwrap();
                assert_eq!((&sealed.iv, &sealed.tag), (&None, &None));
                let opened = private.decrypt(&parameters, None, b"aad", &sealed.data, None).unwrap();
                assert_eq!(opened.expose(), message);
                let other = private.decrypt(&parameters, None, b"", &sealed.data, None);
                assert_eq!(kind(other), ErrorKind::CryptoFailed);
            }
            let sealed = public.seal_envelope(owner, b"context", message).unwrap();
            assert_eq!(private.open_envelope(owner, b"context", &sealed).unwrap().expose(), message);
            assert_eq!(kind(private.open_envelope(owner, b"", &sealed)), ErrorKind::CryptoFailed);
            let (stranger, _) = pair(name);
            assert_eq!(kind(stranger.open_envelope(owner, b"context", &sealed)), ErrorKind::CryptoFailed);
        }
        assert_eq!(kind(public.encrypt(&none(), Some(&[0; 12]), b"", b"")), ErrorKind::InvalidField);
        assert_eq!(kind(public.encrypt(&mode(BlockCipherMode::Cbc), None, b"", b"")), ErrorKind::Unsupported);
        assert_eq!(kind(public.decrypt(&none(), None, b"", b"", None)), ErrorKind::WrongUsage);
        assert_eq!(kind(private.decrypt(&none(), None, b"", b"short", None)), ErrorKind::CryptoFailed);
        let exported = private.export(KeyFormat::Pkcs8).unwrap();
        let again = SoftwareCrypto::new().parse(ObjectType::PrivateKey, None, &exported).unwrap();
        assert_eq!(again.public_key().unwrap(), public.public_key().unwrap());
        let public = SoftwareCrypto::new()
            .parse(ObjectType::PublicKey, None, &public.export(KeyFormat::Spki).unwrap())
            .unwrap();
        let sealed = public.encrypt(&none(), None, b"", b"text").unwrap();
        assert_eq!(again.decrypt(&none(), None, b"", &sealed.data, None).unwrap().expose(), b"text");
    }
    let (_, public) = pair("secp256k1");
    assert_eq!(kind(public.encrypt(&none(), None, b"", b"text")), ErrorKind::WrongUsage);
}

#[test]
fn x25519_and_secp256k1_keys_agree_both_ways() {
    for (name, other) in [("x25519", "ec-p256"), ("secp256k1", "x25519")] {
        let ((mine, my_public), (peer, peer_public)) = (pair(name), pair(name));
        let agreed = mine.agree(&peer_public.public_key().unwrap()).unwrap();
        assert_eq!(agreed.len(), 32);
        assert_eq!(agreed.expose(), peer.agree(&my_public.public_key().unwrap()).unwrap().expose());
        assert!(mine.agree(&pair(other).1.public_key().unwrap()).is_err());
        assert_eq!(kind(my_public.agree(&peer_public.public_key().unwrap())), ErrorKind::WrongUsage);
    }
}

/// Two keys in one serve SIV and XTS and nothing else; one key serves them where it is long enough to be halved.
#[test]
fn aes_modes_need_keys_of_their_length() {
    let long = symmetric(Algorithm::Aes, &(0..64).collect::<Vec<u8>>());
    for parameters in
        [none(), mode(BlockCipherMode::Cbc), mode(BlockCipherMode::Ctr), mode(BlockCipherMode::Ecb)]
    {
        assert_eq!(kind(long.encrypt(&parameters, None, b"", &[0; 16])), ErrorKind::InvalidField);
    }
    assert_eq!(kind(long.encrypt(&mode(BlockCipherMode::GcmSiv), None, b"", b"")), ErrorKind::Unsupported);
    assert_eq!(kind(long.mac(&none(), b"")), ErrorKind::InvalidField);
    assert_eq!(kind(long.wrap(&none(), &SecretBytes::new(vec![0; 16]))), ErrorKind::InvalidField);
    let xts = mode(BlockCipherMode::Xts);
    for key in [&long, &symmetric(Algorithm::Aes, &(0..32).collect::<Vec<u8>>())] {
        let sealed = key.encrypt(&xts, None, b"", &[5; 33]).unwrap();
        let iv = sealed.iv.unwrap();
        assert_eq!(key.decrypt(&xts, Some(&iv), b"", &sealed.data, None).unwrap().expose(), [5; 33]);
        assert_eq!(kind(key.encrypt(&xts, Some(&iv), b"", &[5; 15])), ErrorKind::InvalidField);
        assert_eq!(kind(key.encrypt(&xts, Some(&[0; 8]), b"", &[5; 16])), ErrorKind::InvalidField);
        assert_eq!(kind(key.encrypt(&xts, Some(&iv), b"aad", &[5; 16])), ErrorKind::InvalidField);
    }
    assert_eq!(
        kind(symmetric(Algorithm::Aes, &[1; 32]).encrypt(&xts, None, b"", &[0; 16])),
        ErrorKind::InvalidField
    );
    let short = symmetric(Algorithm::Aes, &[1; 16]);
    assert_eq!(kind(short.encrypt(&xts, None, b"", &[0; 16])), ErrorKind::Unsupported);
    assert_eq!(kind(short.encrypt(&mode(BlockCipherMode::Siv), None, b"", b"")), ErrorKind::Unsupported);
}

/// RFC 5297 appendix A.1: without a nonce the same message gives the same ciphertext, and the tag stands in front.
#[test]
fn siv_without_a_nonce_gives_the_known_answer() {
    let key = hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    let aad = hex("101112131415161718191a1b1c1d1e1f2021222324252627");
    let key = symmetric(Algorithm::Aes, &key);
    let siv = mode(BlockCipherMode::Siv);
    let sealed = key.encrypt(&siv, None, &aad, &hex("112233445566778899aabbccddee")).unwrap();
    let tag = sealed.tag.unwrap();
    assert_eq!((&sealed.data, &sealed.iv), (&hex("40c02b9690c4dc04daef7f6afe5c"), &None));
    assert_eq!(tag, hex("85632d07c6e8f37f950acd320a2ecc93"));
    let together = [tag, sealed.data].concat();
    assert_eq!(key.decrypt(&siv, None, &aad, &together, None).unwrap().len(), 14);
    let random = CryptoParameters { random_iv: Some(true), ..siv };
    let first = key.encrypt(&random, None, &aad, b"text").unwrap();
    assert_ne!(first.data, key.encrypt(&random, None, &aad, b"text").unwrap().data);
    assert_eq!(first.iv.unwrap().len(), 16);
}

/// RFC 4493 section 4, example 2.
#[test]
fn cmac_gives_the_known_answer() {
    let key = symmetric(Algorithm::Aes, &hex("2b7e151628aed2a6abf7158809cf4f3c"));
    let mac = key.mac(&none(), &hex("6bc1bee22e409f96e93d7e117393172a")).unwrap();
    assert_eq!(mac, hex("070a16b46b4d4144f79bdd9dd04a287c"));
    assert_eq!(key.mac(&mode(BlockCipherMode::Cmac), &hex("6bc1bee22e409f96e93d7e117393172a")).unwrap(), mac);
    assert_eq!(kind(key.mac(&mode(BlockCipherMode::Cbc), b"")), ErrorKind::WrongUsage);
}

/// A key gets by default what fits together, and by name all that fits.
#[test]
fn uses_that_are_better_kept_apart_are_given_by_name() {
    let crypto = SoftwareCrypto::new();
    let spec = |name| KeySpec::from_name(name).unwrap();
    let mac = UsageMask::MAC | UsageMask::MAC_VERIFY;
    assert!(crypto.fitting_usage(&spec("aes-256")).0.allows(mac));
    assert!(!crypto.default_usage(&spec("aes-256")).0.allows(mac));
    assert!(!crypto.fitting_usage(&spec("aes-512")).0.allows(UsageMask::WRAP));
    assert!(crypto.fitting_usage(&spec("ec-p256")).1.allows(UsageMask::ENCRYPT));
    assert_eq!(crypto.default_usage(&spec("ec-p256")).1, UsageMask::VERIFY);
    assert_eq!(crypto.default_usage(&spec("x25519")).1, UsageMask::ENCRYPT);
    assert!(!crypto.fitting_usage(&spec("secp256k1")).1.allows(UsageMask::ENCRYPT));
    for name in KeySpec::names() {
        assert_ne!(crypto.fitting_usage(&spec(name)).0, UsageMask::NONE, "{name}");
        assert_eq!(spec(name).name(), name);
    }
}

/// What cannot be derived is refused, and nothing is derived from nothing.
#[test]
fn derivations_are_bounded() {
    let crypto = SoftwareCrypto::new();
    let hash = HashAlgorithm::Sha256;
    let hkdf = Kdf::Hkdf { hash, salt: Vec::new(), info: Vec::new() };
    assert_eq!(kind(crypto.derive(b"", &hkdf, 32)), ErrorKind::InvalidField);
    assert_eq!(kind(crypto.derive(b"secret", &hkdf, 255 * 32 + 1)), ErrorKind::InvalidField);
    assert_eq!(crypto.derive(b"secret", &hkdf, 255 * 32).unwrap().len(), 255 * 32);
    let pbkdf2 = |iterations| Kdf::Pbkdf2 { hash, salt: b"salt".to_vec(), iterations };
    assert_eq!(kind(crypto.derive(b"secret", &pbkdf2(0), 32)), ErrorKind::InvalidField);
    assert_eq!(kind(crypto.derive(b"secret", &pbkdf2(5_000_001), 64)), ErrorKind::InvalidField);
    assert_eq!(kind(crypto.derive(b"secret", &Kdf::Hash { hash }, 33)), ErrorKind::InvalidField);
    let digest = crypto.hash(hash, &[b"secret"]).unwrap();
    assert_eq!(crypto.derive(b"secret", &Kdf::Hash { hash }, 20).unwrap().expose(), &digest[..20]);
    let hmac = Kdf::Hmac { hash, data: b"data".to_vec() };
    assert_eq!(
        crypto.derive(b"secret", &hmac, 32).unwrap().expose(),
        crypto.hmac_sha256(b"secret", &[b"data"])
    );
    let cmac = Kdf::Counter { prf: Prf::Cmac, fixed_input: Vec::new() };
    assert_eq!(kind(crypto.derive(b"no AES key", &cmac, 16)), ErrorKind::InvalidField);
}
