//! How far the index has come: the checkpoint that the engine keeps with every batch.

use keyreeve_core::Result;
use serde::{Deserialize, Serialize};

use super::encoding;
use crate::journal::{Identity, Lsn, Position};

/// Of checkpoint, rows and row values: an index of another format is made anew from the journal.
const FORMAT: u8 = 5;

/// What the engine holds, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The journal that was applied.
    pub(crate) identity: Identity,
    /// The point in it up to which everything is applied.
    pub(crate) position: Position,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u8,
    store: [u8; 16],
    timeline: u32,
    segment: u64,
    offset: u64,
    next: u64,
    hash: [u8; 32],
}

impl Checkpoint {
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let (identity, position) = (self.identity, self.position);
        let stored = Stored {
            format: FORMAT,
            store: identity.store,
            timeline: identity.timeline,
            segment: position.segment.0,
            offset: position.offset,
            next: position.next.0,
            hash: position.hash,
        };
        let mut bytes = Vec::new();
        encoding::encode_into(&stored, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a checkpoint; `None` for anything but a whole one of this format: the index is rebuilt then.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let stored: Stored =
            encoding::decode(bytes).ok().filter(|stored: &Stored| stored.format == FORMAT)?;
        Some(Self {
            identity: Identity { store: stored.store, timeline: stored.timeline },
            position: Position {
                segment: Lsn(stored.segment),
                offset: stored.offset,
                next: Lsn(stored.next),
                hash: stored.hash,
            },
        })
    }
}
