//! Copies of the newest checkpoints of the audit tree at a target: which may take the place of another. Not here: when they are
//! made (shipper).

use keyreeve_core::ports::crypto::Crypto;

use crate::audit::{Checkpoint, CheckpointVerdict, Note, PublicKeys};

/// Why a note does not go to a target, where it does not: it is none of this store's, or would take the place of one that says
/// more, or something else. Whoever can write the data folder cannot set the copy back by it.
///
/// `statement`: `tree/keys.json`; `signer`: the store's signing key as SubjectPublicKeyInfo; `there`: what lies at the target.
pub(super) fn refused(
    crypto: &dyn Crypto,
    (statement, signer): (&[u8], &[u8]),
    there: Option<&[u8]>,
    note: &[u8],
) -> Option<&'static str> {
    let read = |note: &[u8]| {
        let note = Note::parse(note).ok()?;
        Some((Checkpoint::parse(&note.text).ok()?, note))
    };
    let Some((checkpoint, note)) = read(note) else { return Some("it is no checkpoint") };
    let keys = PublicKeys::open(crypto, statement).ok().filter(|keys| keys.signer == signer);
    let keys = keys.and_then(|keys| keys.note_keys(&checkpoint.origin).ok());
    let signed = |keys: [_; 2]| {
        keys.iter().all(|key| matches!(checkpoint.verdict(&note, key, crypto), CheckpointVerdict::Signed(_)))
    };
    if !keys.is_some_and(signed) {
        return Some("this store has not signed it");
    }
    // What is no checkpoint there keeps nobody from putting one.
    let (there, _) = there.and_then(read)?;
    if there.origin != checkpoint.origin {
        let later = timeline(&checkpoint.origin).zip(timeline(&there.origin));
        return match later {
            Some(((store, timeline), (other, before))) if store == other && timeline < before => {
                Some("the one there is of a later timeline")
            }
            _ => None,
        };
    }
    match checkpoint.size.cmp(&there.size) {
        std::cmp::Ordering::Less => Some("the one there covers more entries"),
        std::cmp::Ordering::Equal if checkpoint.root != there.root => {
            Some("the one there tells other entries")
        }
        _ => None,
    }
}

/// Store and timeline in the name of a log.
fn timeline(origin: &str) -> Option<(&str, u32)> {
    let (store, timeline) = origin.strip_prefix("keyreeve/")?.split_once("/t")?;
    Some((store, timeline.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use keyreeve_core::{
        SecretBytes,
        model::{Algorithm, KeySpec, ObjectType},
        ports::crypto::Generated,
    };
    use keyreeve_crypto::SoftwareCrypto;
    use uuid::Uuid;

    use super::*;
    use crate::audit::LogKeys;

    /// Keys of a store, and who signs for it.
    fn keys(crypto: &SoftwareCrypto, store: Uuid) -> (LogKeys, Vec<u8>) {
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let Ok(Generated::Pair { private, .. }) = crypto.generate(&spec) else { panic!("a pair") };
        let signer = crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap();
        let secret = SecretBytes::copy_from(private.bytes.expose());
        let keys = LogKeys::derive(crypto, store, &*signer, &secret).unwrap();
        (keys, signer.public_key().unwrap())
    }

    #[test]
    fn no_checkpoint_at_a_target_gives_way_to_an_older_one_or_another() {
        let crypto = SoftwareCrypto::new();
        let store = Uuid::from_u128(7);
        let ((ours, signer), (others, _)) = (keys(&crypto, store), keys(&crypto, store));
        let note = |keys: &LogKeys, timeline: u32, size: u64, root: u8| {
            let origin = format!("keyreeve/{store}/t{timeline}");
            let checkpoint = Checkpoint { origin, size, root: [root; 32] };
            keys.sign(&crypto, &checkpoint, 1).unwrap().to_text().into_bytes()
        };
        let refused = |there: Option<&[u8]>, note: &[u8]| {
            super::refused(&crypto, (ours.statement(), &signer), there, note)
        };
        let there = note(&ours, 2, 10, 1);
        for (good, why) in [
            (note(&ours, 2, 11, 2), "it covers more"),
            (note(&ours, 2, 10, 1), "it is the same"),
            (note(&ours, 3, 1, 9), "it is of a later timeline"),
        ] {
            assert_eq!(refused(Some(&there), &good), None, "{why}");
        }
        for (bad, why) in [
            (note(&ours, 2, 9, 3), "covers more entries"),
            (note(&ours, 2, 10, 2), "tells other entries"),
            (note(&ours, 1, 99, 2), "later timeline"),
            (note(&others, 2, 99, 2), "has not signed it"),
            (b"nonsense".to_vec(), "no checkpoint"),
        ] {
            assert!(refused(Some(&there), &bad).is_some_and(|said| said.contains(why)), "{why}");
        }
        assert_eq!(refused(None, &there), None);
        assert_eq!(refused(Some(b"nonsense"), &there), None);
    }
}
