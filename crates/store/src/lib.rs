//! Journal, index, sealing and recovery, behind core's store port.

pub mod disk;
pub mod journal;
