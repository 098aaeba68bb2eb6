//! Model, lifecycle, access and operations of Keyreeve, and the ports (traits) that the rest plugs into.
//!
//! No I/O, no clock, no random numbers and no cryptography of its own: all of these come in through `ports`.
//! Knows no wire format and no storage format beyond the serde form of its own model.

pub mod access;
pub mod alerts;
pub mod attributes;
pub mod engine;
pub mod error;
pub mod lifecycle;
pub mod model;
pub mod operations;
mod pages;
mod parsed;
pub mod per_second;
pub mod persons;
pub mod policy;
pub mod ports;
pub mod record;
pub mod request;
pub mod restored;
pub mod secret;
mod walks;

pub use error::{Error, ErrorKind, Result};
pub use secret::{SecretBytes, wipe};
