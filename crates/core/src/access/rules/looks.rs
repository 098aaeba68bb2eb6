//! What the condition of a rule looks at, told from its syntax: so little is read for a decision, and a decision is kept
//! where nothing that it looked at can move unseen.

use cedar_policy::Policy;
use serde_json::Value;

use crate::error::{Error, Result};

/// What conditions look at beyond the key's own record and the principal's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Looks {
    pub(crate) state: bool,
    pub(crate) owner: bool,
    pub(crate) protocol: bool,
    pub(crate) source: bool,
    pub(crate) time: bool,
    pub(crate) encryption_context: bool,
    pub(crate) approvals: bool,
}

impl Looks {
    const ALL: Self = Self {
        state: true,
        owner: true,
        protocol: true,
        source: true,
        time: true,
        encryption_context: true,
        approvals: true,
    };

    /// # Errors
    /// `Internal` where Cedar cannot write the policy as JSON.
    pub(super) fn of(policy: &Policy) -> Result<Self> {
        if !policy.has_non_scope_constraint() {
            return Ok(Self::default());
        }
        let json = policy.to_json().map_err(Error::internal)?;
        let mut looks = Self::default();
        looks.gather(json.get("conditions").unwrap_or(&Value::Null));
        Ok(looks)
    }

    /// INVARIANT: Cedar reads attributes by literal names alone, so that every read shows here, whatever it reads from. A
    /// context that is used as a whole counts as all of it.
    fn gather(&mut self, json: &Value) {
        match json {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.as_str(), value) {
                        ("attr", Value::String(attribute)) => self.add(attribute),
                        ("Var", Value::String(variable)) if variable == "context" => *self = Self::ALL,
                        ("left", Value::Object(left))
                            if fields.contains_key("attr") && left.contains_key("Var") => {}
                        _ => self.gather(value),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.gather(value)),
            _ => {}
        }
    }

    fn add(&mut self, attribute: &str) {
        match attribute {
            "state" => self.state = true,
            "owner" => self.owner = true,
            "protocol" => self.protocol = true,
            "source" => self.source = true,
            "time" => self.time = true,
            "encryption_context" => self.encryption_context = true,
            "approvals" => self.approvals = true,
            _ => {}
        }
    }

    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            state: self.state || other.state,
            owner: self.owner || other.owner,
            protocol: self.protocol || other.protocol,
            source: self.source || other.source,
            time: self.time || other.time,
            encryption_context: self.encryption_context || other.encryption_context,
            approvals: self.approvals || other.approvals,
        }
    }

    /// Whether it looks at what is another in each request.
    pub(super) fn at_the_request(self) -> bool {
        self.protocol || self.source || self.time || self.encryption_context || self.approvals
    }

    /// Whether a decision that looked at this may be kept: what else there is, is compared.
    pub(crate) fn may_be_kept(self) -> bool {
        !self.time && !self.encryption_context && !self.approvals
    }
}
