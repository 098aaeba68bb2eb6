//! Access: who may do what. The only place that makes a `Permit`.

mod action;
pub mod approvals;
mod permit;
mod roles;
pub mod rules;
mod scope;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;

pub use action::{Action, ActionGroup};
pub use permit::{Caller, Decision, Permit, Target};
pub(crate) use permit::{authorize, decide, decide_imagined};
pub use roles::Basis;
pub use scope::{Scope, ScopePart};
