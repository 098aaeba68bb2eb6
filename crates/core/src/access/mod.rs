//! Access: who may do what. The only place that makes a `Permit`.

mod action;
mod permit;
mod roles;
mod scope;
#[cfg(test)]
mod tests;

pub use action::{Action, ActionGroup};
pub use permit::{Caller, Permit, Target, authorize};
pub use scope::{Scope, ScopePart};
