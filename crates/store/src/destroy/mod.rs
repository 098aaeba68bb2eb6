//! Destroying for good: once an object counts as destroyed, its leaf leaves the key tree, the epoch key that still
//! reaches it is erased from every place that holds it, and a certificate says so. Implements shared/destruction.md.
//!
//! What counts as destroyed, and who may say so, does not live here: core's operations decide, and leave an `Erasure`.

mod places;

pub(crate) use places::{NewPlace, Places, Replica, machine_name};
