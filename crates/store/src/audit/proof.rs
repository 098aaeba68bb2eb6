//! Proofs as files: what a server tells of an entry or of an older checkpoint, checked with nothing but the file and perhaps an
//! anchor.

use std::sync::Arc;

use keyreeve_core::{
    model::Lsn,
    ports::{crypto::Crypto, store::TreeProof},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    checkpoint::{Checkpoint, CheckpointVerdict},
    keys::{PublicKeys, origin},
    merkle::{PROOF_HASHES_MAX, is_consistent, is_included},
    note::Note,
};
use crate::{
    backup::anchor::Anchor,
    journal::{Digest, Sha256},
};

/// A proof that one entry is in the tree (`lsn`, `index` and `leaf` are there), or that an older tree is a beginning of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The entry's position in the journal, as the server tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsn: Option<u64>,
    /// The number of the entry's leaf, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// RFC 6962 hash of the entry: 32 bytes, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<String>,
    /// Leaves of the tree.
    pub size: u64,
    /// The proof: 64 hashes at most, each 32 bytes, hexadecimal.
    pub hashes: Vec<String>,
    /// A signed note (C2SP tlog-checkpoint): the tree that the proof leads to.
    pub checkpoint: String,
    /// The signed statement of who signs checkpoints.
    pub keys: String,
}

/// What a proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The store.
    pub store: Uuid,
    /// The log: `keyreeve/STORE/tTIMELINE`.
    pub origin: String,
    /// Leaves of the tree.
    pub size: u64,
    /// The number of the entry's leaf.
    pub index: Option<u64>,
    /// Whether an anchor names who signs for the store.
    pub is_signer_known: bool,
}

impl Proof {
    /// What the tree has shown of an entry, or of an older checkpoint.
    pub fn new(lsn: Option<Lsn>, proof: TreeProof) -> Self {
        Self {
            lsn: lsn.map(|lsn| lsn.0),
            index: proof.leaf.map(|(index, _)| index),
            leaf: proof.leaf.map(|(_, leaf)| hex::encode(leaf)),
            size: proof.size,
            hashes: proof.hashes.iter().map(hex::encode).collect(),
            checkpoint: proof.checkpoint,
            keys: proof.keys,
        }
    }

    /// Checks the proof: of an entry, or with `old`, a signed checkpoint that was kept, that its tree is a beginning of this one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(
        &self,
        crypto: &Arc<dyn Crypto>,
        anchor: Option<&[u8]>,
        old: Option<&[u8]>,
    ) -> Result<Shown, String> {
        let public = |error: keyreeve_core::Error| error.public().to_owned();
        let keys = PublicKeys::open(&**crypto, self.keys.as_bytes()).map_err(public)?;
        if let Some(anchor) = anchor {
            let (anchor, signer) = Anchor::open(&**crypto, anchor).map_err(public)?;
            if anchor.store != keys.store || signer != keys.signer {
                return Err("the anchor names another store, or another signer than the proof has".into());
            }
        }
        let checkpoint = signed(&**crypto, self.checkpoint.as_bytes(), &keys)?;
        if checkpoint.size != self.size {
            return Err(format!(
                "the checkpoint is of {} entries, the proof of {}",
                checkpoint.size, self.size
            ));
        }
        if self.hashes.len() > PROOF_HASHES_MAX {
            return Err("the proof is longer than any can be".into());
        }
        let hashes: Vec<Digest> = self.hashes.iter().map(|hash| digest(hash)).collect::<Result<_, _>>()?;
        let hasher = crypto.clone();
        let sha256: Sha256 = Arc::new(move |parts: &[&[u8]]| hasher.sha256(parts));
        let newest = (checkpoint.size, &checkpoint.root);
        let is_shown = match (old, self.index, &self.leaf) {
            (Some(old), None, None) => {
                let old = signed(&**crypto, old, &keys)?;
                if old.origin != checkpoint.origin {
                    return Err(format!(
                        "the older checkpoint is of the log {}, this is {}",
                        old.origin, checkpoint.origin
                    ));
                }
                is_consistent(&sha256, (old.size, &old.root), newest, &hashes)
            }
            (None, Some(index), Some(leaf)) => is_included(&sha256, (&digest(leaf)?, index), &hashes, newest),
            _ => return Err("this is a proof of something else than is asked for".into()),
        };
        let Checkpoint { origin, size, .. } = checkpoint;
        match is_shown {
            true => Ok(Shown {
                store: keys.store,
                origin,
                size,
                index: self.index,
                is_signer_known: anchor.is_some(),
            }),
            false => Err("the hashes do not lead to the root of the checkpoint".into()),
        }
    }
}

/// A checkpoint that both keys have signed, of a log of their store.
fn signed(crypto: &dyn Crypto, note: &[u8], keys: &PublicKeys) -> Result<Checkpoint, String> {
    let read = Note::parse(note).and_then(|note| Ok((Checkpoint::parse(&note.text)?, note)));
    let (checkpoint, note) = read.map_err(|error| error.public().to_owned())?;
    let timeline = checkpoint.origin.rsplit_once("/t").and_then(|(_, timeline)| timeline.parse().ok());
    if timeline.is_none_or(|timeline| origin(keys.store, timeline) != checkpoint.origin) {
        return Err(format!("the checkpoint is of {:?}, which is no log of this store", checkpoint.origin));
    }
    let keys = keys.note_keys(&checkpoint.origin).map_err(|error| error.public().to_owned())?;
    let is_signed = |key| matches!(checkpoint.verdict(&note, key, crypto), CheckpointVerdict::Signed(_));
    match keys.iter().all(is_signed) {
        true => Ok(checkpoint),
        false => Err("the checkpoint is not signed by both keys of the store".into()),
    }
}

fn digest(text: &str) -> Result<Digest, String> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).map_err(|_| "a hash is 64 hexadecimal digits".to_owned())?;
    Ok(digest)
}
