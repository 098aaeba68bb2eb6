//! Credentials one by one: revoking a single one, or letting a token last longer, which leaves its principal and all other
//! credentials as they are.

use std::sync::Arc;

use super::{
    Operation, Subject,
    principals::{credential, principal},
};
use crate::{
    access::{
        Action, Permit,
        approvals::{Person, Terms},
    },
    error::{Error, ErrorKind, Result},
    model::{Credential, CredentialId, Principal, Time},
    record::Record,
    request::{Context, Resolved},
};

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// Revokes one credential; one that was revoked before keeps its date.
pub struct RevokeCredential {
    /// Which.
    pub id: CredentialId,
    /// Only where it is a bearer token; others are not found.
    pub token_only: bool,
}

/// Lets a bearer token that still counts last until another time; what it is narrowed to stays.
pub struct RenewToken {
    /// Which.
    pub id: CredentialId,
    /// Its end from now on.
    pub expires: Time,
}

impl RenewToken {
    /// The token and whose it is.
    fn found(&self, context: &mut Context<'_>) -> Result<(Arc<Principal>, Arc<Credential>)> {
        let unknown = || Error::not_found("token");
        let known =
            credential(context, self.id)?.filter(|known| known.kind.is_token()).ok_or_else(unknown)?;
        // INVARIANT: `principal` finds nobody of another realm.
        match principal(context, known.principal) {
            Ok(owner) => Ok((owner, known)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(unknown()),
            Err(error) => Err(error),
        }
    }
}

impl Operation for RenewToken {
    type Reply = (Arc<Principal>, Arc<Credential>);

    fn action(&self) -> Action {
        Action::RenewCredential
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let (owner, _) = self.found(context)?;
        let hours = self.expires.0.saturating_sub(context.now().0).div_euclid(HOUR_MS);
        Ok(Some(vec![
            ("renew token".into(), self.id.to_string()),
            ("of".into(), owner.name.clone()),
            // In whole days, so that the same request a moment later is the same.
            ("days".into(), (hours + 1).div_euclid(24).to_string()),
        ]))
    }

    fn person(&self, context: &mut Context<'_>) -> Result<Option<Person>> {
        let (owner, _) = self.found(context)?;
        Ok(Some(Person { before: Some(Arc::clone(&owner)), after: owner, proof: true }))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Self::Reply> {
        let (owner, known) = self.found(context)?;
        context.note_target(&owner.name);
        context.note_detail(format!("token {} until {}", self.id, self.expires));
        // INVARIANT: what was taken away or is over does not come back.
        if owner.revoked.is_some() || !known.counts_at(context.now()) {
            let public = "this token was revoked or has ended: make a new one";
            return Err(Error::new(ErrorKind::WrongState, public));
        }
        let renewed = Arc::new(Credential { expires: Some(self.expires), ..Credential::clone(&known) });
        context.put(Record::Credential(Arc::clone(&renewed)));
        Ok((owner, renewed))
    }
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
