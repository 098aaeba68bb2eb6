//! KMIP: bytes <-> types. No I/O, no policy, nothing of the rest of Keyreeve.
