//! Listeners, TLS, authentication, front-ends, configuration and wiring.

mod adoptions;
pub mod alerts;
pub mod authn;
pub mod backups;
pub mod ceiling;
pub mod cipher_mode;
pub mod config;
mod descriptors;
pub mod doctor;
mod entry_json;
pub mod execute;
pub mod follow;
pub mod frontends;
#[doc(hidden)]
pub mod fuzzing;
pub mod health;
pub mod in_flight;
pub mod listen;
pub mod memory;
mod metrics;
pub mod notify;
pub mod offline;
mod quote;
mod reason;
pub mod reload;
pub mod reseal;
mod rotations;
pub mod scheduler;
pub mod server_identity;
pub mod sinks;
mod source;
pub mod start;
mod watch;
pub mod witness;
pub mod witnesses;
