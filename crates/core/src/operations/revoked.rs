//! Revoked: whether any certificate of a chain is revoked on this server, or its private key compromised. Not here: whether
//! the chain is valid otherwise, which takes no look at what is kept.

use super::{Operation, Subject, duplicates};
use crate::{
    access::{Action, Permit, Target},
    error::{ErrorKind, Result},
    lifecycle,
    model::{LinkType, ManagedObject, State},
    request::{Context, Reference, Resolved},
    secret::SecretBytes,
};

/// Tells whether any of these certificates is revoked here. What the caller may not see says nothing.
pub struct Revoked {
    /// The certificates, DER.
    pub certificates: Vec<SecretBytes>,
}

impl Operation for Revoked {
    type Reply = bool;

    fn action(&self) -> Action {
        Action::Locate
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<bool> {
        for certificate in &self.certificates {
            let Some(id) = duplicates::known_certificate(context, certificate)? else { continue };
            let object = context.object(id)?;
            if object.revocation.is_some() || has_compromised_key(context, &object)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether the private key is here, may be known to the caller, and is compromised.
fn has_compromised_key(context: &mut Context<'_>, certificate: &ManagedObject) -> Result<bool> {
    let link = certificate.links.iter().find(|link| link.kind == LinkType::PublicKey);
    let Some(link) = link else { return Ok(false) };
    let resolved = match context.resolve_other(&Reference::object(&link.target)) {
        Ok(resolved) => resolved,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if context.authorize(Action::GetAttributes, Target::Key(&resolved.key)).is_err() {
        return Ok(false);
    }
    let public = resolved.object_id()?;
    let is_half = |version: &&crate::model::KeyVersion| version.public == Some(public);
    for version in resolved.key.versions.iter().filter(is_half) {
        let private = context.object(version.primary)?;
        let state = lifecycle::state_at(&private, context.now());
        if matches!(state, State::Compromised | State::DestroyedCompromised) {
            return Ok(true);
        }
    }
    Ok(false)
}
