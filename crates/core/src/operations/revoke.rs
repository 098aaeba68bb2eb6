//! Revoke: Deactivated, or Compromised where the reason is a compromise.

use super::{Operation, Subject, subject, versions::change_each};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    lifecycle::{self, Move},
    model::{ManagedObject, ObjectId, Revocation, RevocationReason, State, Time},
    request::{Context, Reference, Resolved},
};

/// Revokes an object, or all versions of a key.
pub struct Revoke {
    /// Key or object.
    pub key: Reference,
    /// Why.
    pub revocation: Revocation,
    /// When the compromise is believed to have happened.
    pub compromise_occurrence: Option<Time>,
}

impl Operation for Revoke {
    /// The objects that were revoked.
    type Reply = Vec<ObjectId>;

    fn action(&self) -> Action {
        Action::Revoke
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut terms = vec![("revocation".into(), format!("{:?}", self.revocation))];
        terms.extend(self.compromise_occurrence.map(|then| ("compromised at".into(), then.to_string())));
        Ok(Some(terms))
    }

    fn run(
        &self,
        _: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<Vec<ObjectId>> {
        check_message(&self.revocation)?;
        change_each(context, &subject(resolved)?, |context, object| self.revoked(object, context.now()))
    }
}

impl Revoke {
    fn is_compromise(&self) -> bool {
        matches!(self.revocation.reason, RevocationReason::KeyCompromise | RevocationReason::CaCompromise)
    }

    /// The object after the revocation.
    fn revoked(&self, object: &ManagedObject, now: Time) -> Result<ManagedObject> {
        let state = lifecycle::state_at(object, now);
        let mut object = object.clone();
        if self.is_compromise() {
            object.state = lifecycle::next_state(state, Move::Compromise)?;
            object.dates.compromise = object.dates.compromise.or(Some(now));
            object.dates.compromise_occurrence = self
                .compromise_occurrence
                .or(object.dates.compromise_occurrence)
                .or(Some(object.dates.initial));
        } else {
            // A second revocation of the same kind changes nothing of the state and records the newer reason.
            object.state = match state {
                State::Deactivated => State::Deactivated,
                State::PreActive => {
                    return Err(Error::new(
                        ErrorKind::WrongState,
                        "an object that is pre-active can only be revoked for compromise, or destroyed",
                    ));
                }
                other => lifecycle::next_state(other, Move::Deactivate)?,
            };
            if state != State::Deactivated {
                object.dates.deactivation = Some(now);
            }
        }
        object.revocation = Some(self.revocation.clone());
        Ok(object)
    }
}

/// Free text of the one who revoked, in bytes at most.
const MESSAGE_BYTES_MAX: usize = 1024;

fn check_message(revocation: &Revocation) -> Result<()> {
    if revocation.message.as_ref().is_none_or(|message| message.len() <= MESSAGE_BYTES_MAX) {
        return Ok(());
    }
    let public = format!("a revocation message has at most {MESSAGE_BYTES_MAX} bytes");
    Err(Error::new(ErrorKind::InvalidField, public))
}
