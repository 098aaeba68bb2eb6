//! The REST API over a real server: TLS on a loopback socket, the embedded store in a temporary folder. Not here: unit
//! tests of its parts.

mod access;
mod alerts;
mod approvals;
mod authorization;
mod bad_input;
mod batch;
mod boundaries;
mod by_state;
mod changes;
mod conditional;
mod dev;
mod disclosure;
mod feed;
mod floods;
mod harness;
mod key_life;
mod material;
mod message;
mod modes;
mod notifications;
mod objects;
mod policies;
mod protection;
mod realms;
mod regressions;
mod scopes;
mod secrets;
mod sinks;
mod split_key;
mod stream;
mod upkeep;
