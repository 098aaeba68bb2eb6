//! Journal, index, sealing and recovery, behind core's store port.
