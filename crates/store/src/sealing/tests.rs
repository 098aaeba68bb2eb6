//! Sealed material opens only as what it was sealed as.

use keyreeve_core::model::{Algorithm, KeyFormat, ObjectId, ObjectType, RealmId};
use keyreeve_crypto::SoftwareCrypto;

use super::*;

fn key_file(byte: &str) -> Unlock {
    Unlock::KeyFile(SecretBytes::copy_from(byte.repeat(32).as_bytes()))
}

fn sealer_of(store: u128, generation: u64) -> RootSealer {
    let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
    let store = Uuid::from_u128(store);
    let (_, root) = RootFile::create(&*crypto, store, &key_file("11")).unwrap();
    RootSealer::new(crypto, root, Place { store, timeline: 1, generation }, 1)
}

fn binding() -> SealBinding {
    SealBinding {
        realm: RealmId(Uuid::from_u128(1)),
        object: ObjectId(Uuid::from_u128(2)),
        version: 3,
        object_type: ObjectType::PrivateKey,
        algorithm: Some(Algorithm::Rsa),
        length_bits: 2048,
        format: KeyFormat::Pkcs8,
        sensitive: true,
        extractable: false,
    }
}

fn secret() -> SecretBytes {
    SecretBytes::copy_from(b"the material")
}

fn is_refused(sealer: &RootSealer, binding: &SealBinding, sealed: &SealedMaterial) -> bool {
    sealer.open(binding, sealed).is_err()
}

#[test]
fn what_was_sealed_opens() {
    let sealer = sealer_of(1, 1);
    for len in [0, 1, 32, 5000] {
        let sealed = sealer.seal(&binding(), &SecretBytes::new(vec![7; len])).unwrap();
        assert_eq!(sealed.ciphertext.len(), len + TAG_LEN);
        assert_eq!(sealed.leaf.len(), SEALED_LEAF_LEN);
        assert_eq!(sealer.open(&binding(), &sealed).unwrap().expose(), vec![7; len]);
    }
}

#[test]
fn nothing_is_used_twice() {
    let sealer = sealer_of(1, 1);
    let (a, b) = (sealer.seal(&binding(), &secret()).unwrap(), sealer.seal(&binding(), &secret()).unwrap());
    assert_eq!((a.leaf_index, b.leaf_index), (1, 2));
    assert!(a.nonce != b.nonce && a.leaf != b.leaf && a.ciphertext != b.ciphertext);
}

#[test]
fn any_flipped_byte_is_noticed() {
    let sealer = sealer_of(1, 1);
    let sealed = sealer.seal(&binding(), &secret()).unwrap();
    for at in 0..sealed.leaf.len() {
        let mut altered = sealed.clone();
        altered.leaf[at] ^= 1;
        assert!(is_refused(&sealer, &binding(), &altered), "leaf {at}");
    }
    for at in 0..sealed.ciphertext.len() {
        let mut altered = sealed.clone();
        altered.ciphertext[at] ^= 0x80;
        assert!(is_refused(&sealer, &binding(), &altered), "ciphertext {at}");
    }
    for at in 0..NONCE_LEN {
        let mut altered = sealed.clone();
        altered.nonce[at] ^= 1;
        assert!(is_refused(&sealer, &binding(), &altered), "nonce {at}");
    }
    for len in 0..sealed.leaf.len() {
        let altered = SealedMaterial { leaf: sealed.leaf[..len].to_vec(), ..sealed.clone() };
        assert!(is_refused(&sealer, &binding(), &altered), "leaf of {len} bytes");
    }
    for len in 0..sealed.ciphertext.len() {
        let altered = SealedMaterial { ciphertext: sealed.ciphertext[..len].to_vec(), ..sealed.clone() };
        assert!(is_refused(&sealer, &binding(), &altered), "ciphertext of {len} bytes");
    }
}

#[test]
fn any_other_field_is_noticed() {
    let sealer = sealer_of(1, 1);
    let sealed = sealer.seal(&binding(), &secret()).unwrap();
    let changes: [fn(&mut SealedMaterial); 9] = [
        |s| s.object = ObjectId(Uuid::from_u128(9)),
        |s| s.format += 1,
        |s| s.suite += 1,
        |s| s.timeline += 1,
        |s| s.generation += 1,
        |s| s.root_version += 1,
        |s| s.leaf_index += 1,
        |s| s.sensitive = false,
        |s| s.extractable = true,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut altered = sealed.clone();
        change(&mut altered);
        assert!(is_refused(&sealer, &binding(), &altered), "change {number}");
    }
    let (a, b) = (sealer.seal(&binding(), &secret()).unwrap(), sealer.seal(&binding(), &secret()).unwrap());
    let mixed = SealedMaterial { leaf: b.leaf, leaf_index: b.leaf_index, ..a };
    assert!(is_refused(&sealer, &binding(), &mixed), "the leaf of another seal");
}

/// Flags are changed on both sides at once, so that the AAD alone has to notice.
#[test]
fn any_other_binding_is_noticed() {
    let sealer = sealer_of(1, 1);
    let sealed = sealer.seal(&binding(), &secret()).unwrap();
    let changes: [fn(&mut SealBinding, &mut SealedMaterial); 10] = [
        |b, _| b.realm = RealmId(Uuid::from_u128(9)),
        |b, s| (b.object, s.object) = (ObjectId(Uuid::from_u128(9)), ObjectId(Uuid::from_u128(9))),
        |b, _| b.version += 1,
        |b, _| b.object_type = ObjectType::SecretData,
        |b, _| b.algorithm = Some(Algorithm::Ec),
        |b, _| b.algorithm = None,
        |b, _| b.length_bits += 1,
        |b, _| b.format = KeyFormat::Pkcs1,
        |b, s| (b.sensitive, s.sensitive) = (false, false),
        |b, s| (b.extractable, s.extractable) = (true, true),
    ];
    for (number, change) in changes.iter().enumerate() {
        let (mut binding, mut sealed) = (binding(), sealed.clone());
        change(&mut binding, &mut sealed);
        assert!(is_refused(&sealer, &binding, &sealed), "change {number}");
    }
}

#[test]
fn another_store_or_root_opens_nothing() {
    let sealed = sealer_of(1, 1).seal(&binding(), &secret()).unwrap();
    assert!(is_refused(&sealer_of(1, 1), &binding(), &sealed), "the same ids under another root key");
    let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
    let (file, root) = RootFile::create(&*crypto, Uuid::from_u128(1), &key_file("22")).unwrap();
    let same = || file.unlock(&*crypto, Uuid::from_u128(1), &key_file("22")).unwrap();
    let at = |store, root| {
        let place = Place { store: Uuid::from_u128(store), timeline: 1, generation: 1 };
        RootSealer::new(crypto.clone(), root, place, 1)
    };
    let sealed = at(1, root).seal(&binding(), &secret()).unwrap();
    assert!(!is_refused(&at(1, same()), &binding(), &sealed), "unlocked again");
    assert!(is_refused(&at(2, same()), &binding(), &sealed), "the same root key in another store");
}

#[test]
fn material_of_an_earlier_generation_still_opens() {
    let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
    let (file, root) = RootFile::create(&*crypto, Uuid::from_u128(1), &key_file("22")).unwrap();
    let place = |generation| Place { store: Uuid::from_u128(1), timeline: 1, generation };
    let sealed = RootSealer::new(crypto.clone(), root, place(1), 1).seal(&binding(), &secret()).unwrap();
    let root = file.unlock(&*crypto, Uuid::from_u128(1), &key_file("22")).unwrap();
    let later = RootSealer::new(crypto, root, place(2), 2);
    assert_eq!(later.open(&binding(), &sealed).unwrap().expose(), secret().expose());
}

#[test]
fn the_attributes_mac_depends_on_key_revision_and_attributes() {
    let sealer = sealer_of(1, 1);
    let sealed = sealer.seal(&binding(), &secret()).unwrap();
    let mac =
        |revision, attributes| sealer.attributes_mac(&binding(), &sealed, revision, attributes).unwrap();
    assert_eq!(mac(1, b"a"), mac(1, b"a"));
    assert_ne!(mac(1, b"a"), mac(2, b"a"));
    assert_ne!(mac(1, b"a"), mac(1, b"b"));
    let other = sealer.seal(&binding(), &secret()).unwrap();
    assert_ne!(mac(1, b"a"), sealer.attributes_mac(&binding(), &other, 1, b"a").unwrap());
    let mut wrong = sealed.clone();
    wrong.leaf[20] ^= 1;
    assert!(sealer.attributes_mac(&binding(), &wrong, 1, b"a").is_err());
}
