//! Journal, index, sealing and recovery, behind core's store port.
//!
//! The journal is the truth: what `journal` has synced is done. `index` and `engines` make it readable and can be
//! rebuilt from it; `sealing` encrypts material before it gets here. Business rules live in core.

mod ahead;
pub mod audit;
pub mod backup;
mod destroy;
pub mod disk;
pub mod engines;
mod failure;
mod faults;
mod feed;
#[doc(hidden)]
pub mod fuzzing;
mod index;
pub mod journal;
mod leisure;
mod marks;
mod options;
mod rebuild;
mod recovery;
pub mod restore;
mod root;
mod scribe;
mod sealing;
pub mod signed;
mod stage;
mod store;
mod work;

pub use destroy::Trouble;
pub use failure::OnFailure;
pub use leisure::lower_priority;
pub use options::{EngineChoice, StoreError, StoreOptions};
pub use rebuild::{OnRebuild, RebuildPart, RebuildProgress, Rebuilt};
pub use sealing::{RootStatus, Unlock, UnlockError, UnlockKind, new_key_file, new_shares};
pub use store::Store;
pub use work::{Work, WorkKind};
