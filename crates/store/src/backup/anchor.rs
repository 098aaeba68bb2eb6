//! Anchors: how far a store had come, signed, at a place off its machine. One disk cannot tell that it was rolled back; an
//! anchor can. `anchor.json` at a target's root, beside claim and archive, is a signed statement (`crate::signed`) of the
//! kind `anchor`:
//!
//! ```json
//! {"store": "UUID", "timeline": 1, "generation": 1, "lsn": 1, "hash": HEX32, "time": MS}
//! ```
//!
//! `hash` is the hash of the frame that ends with the entry `lsn`; `time` is Unix time in milliseconds.

use keyreeve_core::{
    Error, ErrorKind, Result,
    model::Time,
    ports::crypto::{Crypto, ParsedKey},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{BackupError, targets::Target};
use crate::{
    journal::{Digest, Lsn},
    signed,
};

/// Where the anchor lies at a target.
pub(crate) const ANCHOR_PATH: &str = "anchor.json";
const KIND: &str = "anchor";

/// How far a store had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Anchor {
    pub(crate) store: Uuid,
    pub(crate) timeline: u32,
    /// Of the epoch key.
    pub(crate) generation: u64,
    /// The last entry that was at the target.
    pub(crate) lsn: u64,
    /// Of the frame that ends with it.
    #[serde(with = "hex::serde")]
    pub(crate) hash: Digest,
    /// When it was written.
    pub(crate) time: Time,
}

impl Anchor {
    /// The anchor's file.
    ///
    /// # Errors
    /// Where the key cannot sign.
    pub(crate) fn sign(&self, signer: &dyn ParsedKey) -> Result<Vec<u8>> {
        let value = serde_json::to_value(self).map_err(Error::internal)?;
        signed::sign(KIND, value, signer).map(String::into_bytes)
    }

    /// Reads an anchor's file and verifies its signature. Whether the signer, a SubjectPublicKeyInfo, is the right one is
    /// for the caller to say.
    ///
    /// # Errors
    /// `Invalid` where it is malformed, `CryptoFailed` where its signature is wrong.
    pub(crate) fn open(crypto: &dyn Crypto, bytes: &[u8]) -> Result<(Self, Vec<u8>)> {
        let verified = signed::verify(KIND, bytes, crypto)?;
        let anchor = serde_json::from_value(verified.value)
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("this is no anchor: {error}")))?;
        Ok((anchor, verified.signer))
    }

    /// Reads the anchor at a target, of whatever store, with its signer; none where there is none.
    ///
    /// # Errors
    /// `Damaged` where it is malformed or its signature is wrong; `Target`.
    pub(crate) fn read(
        target: &dyn Target,
        crypto: &dyn Crypto,
    ) -> Result<Option<(Self, Vec<u8>)>, BackupError> {
        let Some((bytes, _)) = target.get(ANCHOR_PATH)? else { return Ok(None) };
        Self::open(crypto, &bytes).map(Some).map_err(|error| BackupError::damaged(ANCHOR_PATH, error))
    }

    /// Why a journal that ends with `last` cannot be the one that was anchored; none where it can. `hash_at` gives the hash
    /// of the frame that ends with an entry; none where the journal has no such frame.
    ///
    /// # Errors
    /// Those of `hash_at`.
    pub(crate) fn misfit<E>(
        &self,
        (store, timeline): (Uuid, u32),
        last: Lsn,
        hash_at: impl FnOnce(Lsn) -> Result<Option<Digest>, E>,
    ) -> Result<Option<String>, E> {
        let anchored = Lsn(self.lsn);
        if self.store != store {
            return Ok(Some(format!("it anchors another store, {}", self.store)));
        }
        if self.timeline > timeline {
            let what = format!("timeline {} was begun elsewhere, this is {timeline}", self.timeline);
            return Ok(Some(what));
        }
        // A store that was restored may lack what its former self wrote last: that is what a new timeline says.
        if self.timeline < timeline {
            return Ok(None);
        }
        if anchored > last {
            let what = format!("the store had come to entry {anchored}, this journal ends with {last}");
            return Ok(Some(what));
        }
        let what = format!("the store had come to entry {anchored}, which is another one in this journal");
        Ok((hash_at(anchored)? != Some(self.hash)).then_some(what))
    }
}

#[cfg(test)]
mod tests {
    use keyreeve_core::{
        model::{Algorithm, KeySpec, ObjectType},
        ports::crypto::Generated,
    };
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;

    fn anchor() -> Anchor {
        let store = Uuid::from_u128(5);
        Anchor { store, timeline: 2, generation: 3, lsn: 40, hash: [7; 32], time: Time(9) }
    }

    #[test]
    fn a_signed_anchor_comes_back_and_an_altered_one_does_not() {
        let crypto = SoftwareCrypto::new();
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let Ok(Generated::Pair { private, .. }) = crypto.generate(&spec) else { panic!("a pair") };
        let signer = crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap();
        let bytes = anchor().sign(&*signer).unwrap();
        let (read, by) = Anchor::open(&crypto, &bytes).unwrap();
        assert_eq!((read, by), (anchor(), signer.public_key().unwrap()));
        let altered = String::from_utf8(bytes).unwrap().replace("\"lsn\": 40", "\"lsn\": 39");
        let refused = Anchor::open(&crypto, altered.as_bytes()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::CryptoFailed);
    }

    #[test]
    fn an_older_or_another_journal_does_not_fit() {
        let ours = (anchor().store, 2);
        let fits = |ours, last, hash: Option<[u8; 32]>| {
            let misfit = anchor().misfit(ours, Lsn(last), |_| Ok::<_, ()>(hash));
            misfit == Ok(None)
        };
        assert!(fits(ours, 40, Some([7; 32])));
        assert!(fits(ours, 41, Some([7; 32])));
        assert!(!fits(ours, 39, None), "the journal is older");
        assert!(!fits(ours, 41, Some([8; 32])), "it took another way");
        assert!(!fits(ours, 41, None), "no frame ends there");
        assert!(!fits((Uuid::nil(), 2), 41, Some([7; 32])));
        assert!(!fits((ours.0, 1), 41, Some([7; 32])), "a later timeline");
        assert!(fits((ours.0, 3), 20, None), "a restored store goes on from less");
        assert_eq!(anchor().misfit(ours, Lsn(41), |_| Err("unread")), Err("unread"));
    }
}
