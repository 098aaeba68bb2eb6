//! The cell port: the few small places that hold an epoch key, and can really forget one.

use uuid::Uuid;

use crate::{error::Result, secret::SecretBytes};

/// An epoch key, or one share of it. Holds secrets.
pub struct CellEntry {
    /// Whose.
    pub store: Uuid,
    /// The timeline that wrote it.
    pub timeline: u32,
    /// Which epoch.
    pub generation: u64,
    /// How many shares give the key; 1: this is the key itself.
    pub threshold: u8,
    /// Which share this is, from 1.
    pub share: u8,
    /// 32 bytes.
    pub key: SecretBytes,
}

/// Something that holds up to two epoch keys at a time: the one in force and the one that comes.
///
/// A file, an object at a backup target, later a slot of an HSM or a TPM, or another node. Every method is durable, and
/// read back, when it returns, and may be called again after a crash.
pub trait Cell: Send + Sync {
    /// What it holds, in any order; empty for a new one. Entries that are damaged are left out.
    ///
    /// # Errors
    /// `Unavailable` where the place cannot be reached.
    fn read(&self) -> Result<Vec<CellEntry>>;

    /// Writes an entry into the slot that does not hold generation `keep`; whatever else was there is overwritten.
    ///
    /// # Errors
    /// `Unavailable` where it cannot be reached, or gives back something else when read.
    fn put(&self, entry: &CellEntry, keep: u64) -> Result<()>;

    /// Overwrites everything but this generation, also what is damaged. `None` keeps nothing.
    ///
    /// # Errors
    /// As `put`.
    fn erase_except(&self, generation: Option<u64>) -> Result<()>;

    /// Where it is, for people.
    fn address(&self) -> String;
}
