//! Access rules: what administrators write in Cedar beside the ready-made roles. A rule permits or forbids; forbidding comes
//! before permitting, and before roles, ownership and grants. Not here: what no rule can loosen (`permit`: realms, revoked
//! principals, scopes, the server's own actions).

mod facts;
mod kept;
mod looks;
mod schema;
mod session;
mod set;
mod stored;
#[cfg(test)]
pub(super) mod tests;
mod wants;

pub use facts::{Facts, Question};
pub(crate) use kept::KeptDecisions;
pub use session::Effort;
pub(crate) use session::{Session, address, record_name};
pub use set::{RuleSet, Said};
pub use stored::{
    AccessRule, AccessRules, Applied, BuiltIn, ParsedRules, RULES_BYTES_MAX, RULES_MAX, built_in, parse,
};

/// The ready-made roles, as Cedar text. What decides is the table in `access/roles.rs`, which the tests hold to this text.
const ROLES: &str = include_str!("roles.cedar");
