//! Backup: journal and state at places off this machine, so that every live key comes back and no destroyed one.

mod acknowledge;
pub(crate) mod anchor;
pub(crate) mod archive;
pub(crate) mod catalogue;
mod checkpoints;
pub(crate) mod claim;
pub(crate) mod create;
mod error;
pub(crate) mod full;
pub(crate) mod keys;
pub(crate) mod manifest;
pub(crate) mod own;
mod pace;
pub(crate) mod piece;
pub(crate) mod prune;
pub(crate) mod registered;
pub(crate) mod schedule;
pub(crate) mod sealed;
pub(crate) mod shipper;
pub(crate) mod store;
pub mod targets;
pub(crate) mod tree;
pub(crate) mod verify;

pub use acknowledge::Acknowledge;
pub(crate) use acknowledge::Acknowledger;
pub use catalogue::{ArchivedPiece, Catalogue, ClaimedBy, FullBackup, Problem};
pub use create::{BackupKind, BackupOptions, BackupReport};
pub use error::BackupError;
pub use full::Progress;
pub use keys::root_status;
pub use manifest::{ChunkRef, FullPoint, Manifest};
pub use prune::{PrunePlan, Retention};
pub use registered::RollbackCheck;
pub use schedule::{Due, Schedule};
pub use shipper::{ArchiveOptions, TargetStatus};
pub use verify::{Verification, verify_archive};
