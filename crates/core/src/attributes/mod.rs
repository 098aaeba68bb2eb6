//! Attributes by name: one uniform view of all that is known of an object, and the rules by which clients change it.
//!
//! `View` reads, `edit` changes, `describe` turns a client's attributes into a template for a new object. Typed fields
//! of `ManagedObject` show as `Value` here, with structure fields under their KMIP names; everything else is kept in
//! `further` as it came. What the values look like on a wire is not known here.

mod describe;
mod edit;
mod fields;
mod history;
mod rotation;
mod rules;
mod view;

pub use describe::{Described, describe};
pub use edit::{AttributeEdit, Changed, Instance, edit};
pub use fields::new_usage_limits;
pub use history::{History, describe_imported};
pub use rotation::next_rotation;
pub use rules::{Change, Rule, rule};
pub use view::{View, server_generator};

pub(crate) use edit::check_dates;
pub(crate) use fields::{part, spelled, unspent};
pub(crate) use rotation::{check_rotation, rotation_intervals};
pub(crate) use view::differing;

#[cfg(test)]
mod standard_tables;
#[cfg(test)]
mod tests;
