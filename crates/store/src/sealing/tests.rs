//! Sealed material opens only as what it was sealed as.

use keyreeve_core::model::{Algorithm, KeyFormat, ObjectId, ObjectType, RealmId};
use keyreeve_crypto::SoftwareCrypto;

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// Leaves without a tree: keys derived from a fixed secret.
struct DerivedLeaves {
    crypto: Arc<dyn Crypto>,
    next: AtomicU64,
}

impl Leaves for DerivedLeaves {
    fn take(&self, _: RealmId) -> Result<Leaf> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(Leaf { index, key: self.get(index)? })
    }

    fn get(&self, index: u64) -> Result<SecretBytes> {
        Ok(self.crypto.hkdf_sha256(&[], b"leaves for tests", &[&index.to_be_bytes()]))
    }
}

fn sealer_with(crypto: &Arc<dyn Crypto>, store: u128, root: RootKey) -> RootSealer {
    let leaves = Arc::new(DerivedLeaves { crypto: crypto.clone(), next: AtomicU64::new(1) });
    RootSealer::new(crypto.clone(), root, Uuid::from_u128(store), leaves)
}

fn key_file(byte: &str) -> Unlock {
    Unlock::KeyFile(SecretBytes::copy_from(byte.repeat(32).as_bytes()))
}

fn sealer() -> RootSealer {
    let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
    let (_, root) = RootFile::create(&*crypto, Uuid::from_u128(1), key_file("11")).unwrap();
    sealer_with(&crypto, 1, root)
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
    let sealer = sealer();
    for len in [0, 1, 32, 5000] {
        let sealed = sealer.seal(&binding(), &SecretBytes::new(vec![7; len])).unwrap();
        assert_eq!(sealed.ciphertext.len(), len + TAG_LEN);
        assert_eq!(sealer.open(&binding(), &sealed).unwrap().expose(), vec![7; len]);
    }
}

#[test]
fn nothing_is_used_twice() {
    let sealer = sealer();
    let (a, b) = (sealer.seal(&binding(), &secret()).unwrap(), sealer.seal(&binding(), &secret()).unwrap());
    assert_eq!((a.leaf_index, b.leaf_index), (1, 2));
    assert!(a.nonce != b.nonce && a.leaf_check != b.leaf_check && a.ciphertext != b.ciphertext);
}

#[test]
fn any_flipped_byte_is_noticed() {
    let sealer = sealer();
    let sealed = sealer.seal(&binding(), &secret()).unwrap();
    for at in 0..sealed.leaf_check.len() {
        let mut altered = sealed.clone();
        altered.leaf_check[at] ^= 1;
        assert!(is_refused(&sealer, &binding(), &altered), "leaf check {at}");
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
    for len in 0..sealed.ciphertext.len() {
        let altered = SealedMaterial { ciphertext: sealed.ciphertext[..len].to_vec(), ..sealed.clone() };
        assert!(is_refused(&sealer, &binding(), &altered), "ciphertext of {len} bytes");
    }
}

#[test]
fn any_other_field_is_noticed() {
    let sealer = sealer();
    let sealed = sealer.seal(&binding(), &secret()).unwrap();
    let changes: [fn(&mut SealedMaterial); 7] = [
        |s| s.object = ObjectId(Uuid::from_u128(9)),
        |s| s.format += 1,
        |s| s.suite += 1,
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
    let mixed = SealedMaterial { leaf_check: b.leaf_check, leaf_index: b.leaf_index, ..a };
    assert!(is_refused(&sealer, &binding(), &mixed), "the leaf of another seal");
}

/// Flags are changed on both sides at once, so that the AAD alone has to notice.
#[test]
fn any_other_binding_is_noticed() {
    let sealer = sealer();
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
    let sealed = sealer().seal(&binding(), &secret()).unwrap();
    assert!(is_refused(&sealer(), &binding(), &sealed), "the same ids under another root key");
    let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
    let (file, root) = RootFile::create(&*crypto, Uuid::from_u128(1), key_file("22")).unwrap();
    let same = || file.unlock(&*crypto, Uuid::from_u128(1), &key_file("22")).unwrap();
    let at = |store, root| sealer_with(&crypto, store, root);
    let sealed = at(1, root).seal(&binding(), &secret()).unwrap();
    assert!(!is_refused(&at(1, same()), &binding(), &sealed), "unlocked again");
    assert!(is_refused(&at(2, same()), &binding(), &sealed), "the same root key in another store");
}

#[test]
fn the_attributes_mac_depends_on_key_revision_and_attributes() {
    let sealer = sealer();
    let sealed = sealer.seal(&binding(), &secret()).unwrap();
    let mac =
        |revision, attributes| sealer.attributes_mac(&binding(), &sealed, revision, attributes).unwrap();
    assert_eq!(mac(1, b"a"), mac(1, b"a"));
    assert_ne!(mac(1, b"a"), mac(2, b"a"));
    assert_ne!(mac(1, b"a"), mac(1, b"b"));
    let other = sealer.seal(&binding(), &secret()).unwrap();
    assert_ne!(mac(1, b"a"), sealer.attributes_mac(&binding(), &other, 1, b"a").unwrap());
    let mut wrong = sealed.clone();
    wrong.leaf_check[2] ^= 1;
    assert!(sealer.attributes_mac(&binding(), &wrong, 1, b"a").is_err());
}
