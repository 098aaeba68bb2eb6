//! Destroying for good: once an object counts as destroyed, its leaf leaves the key tree, the epoch key that still
//! reaches it is erased from every place that holds it, and a certificate says so. Implements shared/destruction.md.
//!
//! `eraser` decides what comes next, `epoch` makes a new epoch without the destroyed leaves and switches to it, `settle`
//! brings places to that epoch and erases older ones, `certificate` says what was done, `places` knows where epoch keys
//! are, `retry` when to try again what a place kept from happening. What counts as destroyed, and who may say so, does not live here: core's operations decide, and leave an
//! `Erasure` in the entry that destroys the objects.
//!
//! INVARIANT: every step is an entry of the journal or can be done again, so that a crash between any two is taken up
//! where it was: before the switch the new epoch is taken back, after it, the old one is erased.

mod certificate;
mod epoch;
mod eraser;
mod places;
mod retry;
mod settle;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use eraser::{Eraser, Parts, start};
pub(crate) use places::{NewPlace, Places, Replica, free_share, places_on_record};
pub use retry::Trouble;
