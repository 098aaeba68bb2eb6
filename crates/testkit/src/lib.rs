//! Fault-injecting doubles and conformance suites per port. A dev-dependency only.

pub mod disk;
pub mod engine_conformance;
pub mod file_index;
pub mod lagging;
pub mod moto;
pub mod random;
pub mod recorder;
pub mod target_conformance;
