//! Starting: `init` makes a store with its CA and first administrator, `serve` runs the server over it, `dev` does both
//! with defaults. One code path, in small steps. Not here: flags (cli), and what a running server does.

mod dev;
mod error;
pub(crate) mod files;
mod init;
mod lines;
pub(crate) mod log;
pub(crate) mod open;
mod serve;
mod signer;

pub use dev::{DevFolder, dev};
pub use error::{Blame, StartError};
pub use init::{NewShares, init};
pub use log::{Log, LogGuard};
pub(crate) use serve::Stop;
pub use serve::{Addresses, StopOn, serve, serve_asking, serve_by};
