//! Backup: journal and state at places off this machine, so that every live key comes back and no destroyed one.

mod error;
pub(crate) mod full;
pub(crate) mod manifest;
pub(crate) mod piece;
pub(crate) mod sealed;
pub mod targets;

pub use error::BackupError;
pub use full::Progress;
pub use manifest::{ChunkRef, FullPoint, Manifest};
