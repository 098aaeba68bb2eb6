//! What commands do without a running server: on files that people keep, or on a store that no process has open.

pub mod audit;
pub mod backups;
pub mod certificate;
pub mod index;
pub mod recover;
pub mod restore;
pub mod root;
pub mod shares;
pub mod stream;
pub mod unlock;
