//! Fault-injecting doubles, conformance suites per port, the matrix of who may do what, and the fleet that alerts are tried on.
//! A dev-dependency only.

pub mod disk;
pub mod engine_conformance;
pub mod file_index;
pub mod fleet;
pub mod lagging;
pub mod matrix;
pub mod moto;
pub mod random;
pub mod recorder;
pub mod target_conformance;
