//! Ports: what core needs from outside, as traits. One conformance suite per port lives in testkit.

pub mod cell;
pub mod clock;
pub mod crypto;
pub mod rng;
pub mod seal;
pub mod store;
