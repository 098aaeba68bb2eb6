//! The house's one certificate authority. No I/O.
