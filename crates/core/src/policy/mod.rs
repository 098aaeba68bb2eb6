//! Lifecycle policies: how keys live, as named, versioned documents that are attached to a realm, to tags or to single keys.
//! Here: what a document says, the profiles that are shipped, and the one pure function that decides by them. Not here: who may
//! do what (access), and asking for a decision where something is done with a key (request/policy).
//!
//! INVARIANT: of all documents that hold for a key, each may refuse, and none takes back what another refuses: whoever attaches a
//! document to a key or gives it a tag can make its life stricter, never looser than the realm wants.

mod decide;
mod document;
mod glob;
mod period;
mod profiles;
mod stored;
#[cfg(test)]
mod tests;

pub use decide::{Decision, Deed, Facts, Reason, decide, next_change};
pub(crate) use decide::{against_names, can_rotate};
pub use document::{AlgorithmRule, Document, EXPORTS, Export, POLICY_BYTES_MAX, Standing, parse};
pub use period::{KeyUse, Period};
pub use profiles::{PROFILES, default_profile, profile};
pub use stored::{Attached, Place, Policies, StoredPolicy, StoredVersion};
pub(crate) use stored::{KeptPolicies, Ready, address, record_name};
