//! Proofs over the journal: a Merkle tree of its entries, signed checkpoints of the tree, and checking both without the
//! server.
//!
//! `merkle` is the arithmetic, `tiles` keeps the hashes, `note` and `checkpoint` are what is signed, `keys` the keys that sign
//! it, `proof` checks
//! a file with a proof, `log` brings the tree up to date behind the journal, `examine` checks a folder offline, `archive` what lies at a backup target, and `history` what its entries
//! say. `witness` is for those who cosign checkpoints. The entries themselves are the journal's.

mod archive;
mod checkpoint;
mod examine;
mod history;
mod keys;
mod log;
mod merkle;
mod note;
mod proof;
mod store;
mod tiles;
mod witness;

pub use archive::examine_archive;
pub use checkpoint::{Checkpoint, CheckpointVerdict, cosigned_message};
pub use examine::{Examination, Outside, Wrong, examine};
pub use keys::LogKeys;
pub(crate) use keys::{PublicKeys, origin};
pub(crate) use log::Log;
pub use merkle::{PROOF_HASHES_MAX, is_consistent, is_included, node_hash};
pub use note::{NOTE_BYTES_MAX, Note, NoteKey, NoteSignature, SignatureType};
pub use proof::{Proof, Shown};
pub(crate) use store::log;
pub(crate) use tiles::{TILE_HASHES, Tiles, tile_path, tiles_of_edge};
pub use witness::{
    ANSWER_BYTES_MAX, AddCheckpoint, REQUEST_BYTES_MAX, Refusal, SEED_BYTES, Witness, WitnessKey, cosignature,
};
