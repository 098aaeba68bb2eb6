//! Credentials one by one: revoking a single one, which leaves its principal and all other credentials as they are.

use std::sync::Arc;

use super::{
    Operation, Subject,
    principals::{credential, principal},
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{Credential, CredentialId, Principal},
    record::Record,
    request::{Context, Resolved},
};

/// Revokes one credential; one that was revoked before keeps its date.
pub struct RevokeCredential {
    /// Which.
    pub id: CredentialId,
    /// Only where it is a bearer token; others are not found.
    pub token_only: bool,
}

impl Operation for RevokeCredential {
    /// Whose it was, and how it is now.
    type Reply = (Arc<Principal>, Arc<Credential>);

    fn action(&self) -> Action {
        Action::RevokeCredential
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let owner = match credential(context, self.id)? {
            Some(known) => super::principals::name_of(context, known.principal)?,
            None => String::new(),
        };
        Ok(Some(vec![("revoke credential".into(), self.id.to_string()), ("of".into(), owner)]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Self::Reply> {
        let what = if self.token_only { "token" } else { "credential" };
        let unknown = || Error::not_found(what);
        let known = credential(context, self.id)?.ok_or_else(unknown)?;
        // INVARIANT: `principal` finds nobody of another realm.
        let owner = principal(context, known.principal).map_err(|error| match error.kind() {
            ErrorKind::NotFound => unknown(),
            _ => error,
        })?;
        if self.token_only && !known.kind.is_token() {
            return Err(unknown());
        }
        context.note_target(&owner.name);
        context.note_detail(format!("{what} {}", self.id));
        if known.revoked.is_some() {
            return Ok((owner, known));
        }
        let revoked = Arc::new(Credential { revoked: Some(context.now()), ..Credential::clone(&known) });
        context.put(Record::Credential(Arc::clone(&revoked)));
        Ok((owner, revoked))
    }
}
