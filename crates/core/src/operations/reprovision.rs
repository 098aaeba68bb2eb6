//! Re-Provision: the caller's own TLS client certificate gives way to another one. Not here: what a certificate looks like and
//! how one is issued, which a front-end brings along, and the certificates of others (principals).
//!
//! # Standard
//! KMIP 2.1 section 6.1.48.

use std::sync::Arc;

use super::{
    Operation, Subject,
    principals::{CREDENTIALS_MAX, NewCredential, credential, forget_old, principal, put_credential},
    register::Register,
};
use crate::{
    access::{Action, Permit, Target},
    error::{Error, ErrorKind, Result},
    model::{Credential, CredentialId, CredentialKind, Link, LinkType, ObjectId, Principal, PrincipalId},
    record::Record,
    request::{Context, Resolved},
};

/// What takes the place of a certificate. Holds a secret where a key was made.
pub struct Provided {
    /// The new credential.
    pub credential: NewCredential,
    /// It is on record already, as one of the same principal.
    pub is_known: bool,
    /// The certificate as an object.
    pub certificate: Register,
    /// Its private key as an object, where that was made here.
    pub private_key: Option<Register>,
}

/// Gives what is to take the place of a credential of a principal, or says why nothing does.
pub type Provide = Box<dyn Fn(&Principal, &Credential) -> Result<Provided> + Send + Sync>;

/// Replaces the certificate that the caller has proven itself by. The old one ends with the same entry.
pub struct ReProvision {
    /// Gives the new one.
    pub provide: Provide,
}

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReProvisioned {
    /// The certificate.
    pub certificate: ObjectId,
    /// Its private key, where that was made here.
    pub private_key: Option<ObjectId>,
    /// What proves the caller from now on.
    pub credential: CredentialId,
}

impl Operation for ReProvision {
    type Reply = ReProvisioned;

    fn action(&self) -> Action {
        Action::ReProvision
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<ReProvisioned> {
        let register = context.authorize_further(Action::Register, Target::Realm(permit.realm()))?;
        let mut owner = Principal::clone(&*principal(context, permit.principal())?);
        let old = current(context, owner.id)?;
        let Provided { credential: new, is_known, mut certificate, private_key } =
            (self.provide)(&owner, &old)?;
        let id = context.new_object_id()?;
        let private_key = private_key.map(|key| put_private_key(context, &register, key, id)).transpose()?;
        certificate.template.links.clear();
        certificate.put(&register, context, id, |_| Ok(()))?;
        revoke(context, &old);
        if is_known {
            take_known(context, &owner, (&old, &new), id)?;
        } else {
            if owner.credentials.len() >= CREDENTIALS_MAX {
                forget_old(context, &mut owner, |_| true)?;
            }
            put_credential(context, owner.id, &new, Some(id))?;
            owner.credentials.push(new.id);
            context.put(Record::Principal(Arc::new(owner.clone())));
        }
        context.note_target(&owner.name);
        context.note_detail(format!("the certificate {id} takes the place of the credential {}", old.id));
        Ok(ReProvisioned { certificate: id, private_key, credential: new.id })
    }
}

/// The certificate that the caller has proven itself by, which must count now.
fn current(context: &mut Context<'_>, owner: PrincipalId) -> Result<Arc<Credential>> {
    for proof in context.caller().credentials().collect::<Vec<_>>() {
        let Some(known) = credential(context, proof)? else { continue };
        if known.principal != owner || !matches!(known.kind, CredentialKind::Certificate { .. }) {
            continue;
        }
        if !counts(context, &known)? {
            let public =
                "the certificate of this connection counts no more: an administrator can issue another one";
            return Err(Error::new(ErrorKind::Denied, public));
        }
        return Ok(known);
    }
    let public = "nothing here is replaced but a TLS client certificate of this server's CA that proves the connection; a token \
                  and a pinned certificate an administrator replaces";
    Err(Error::new(ErrorKind::Unsupported, public))
}

/// Whether a credential counts now, and the certificate that it is was not revoked.
fn counts(context: &mut Context<'_>, credential: &Credential) -> Result<bool> {
    let is_revoked = match credential.certificate {
        Some(id) => context.object(id)?.revocation.is_some(),
        None => false,
    };
    Ok(!is_revoked && credential.counts_at(context.now()))
}

fn put_private_key(
    context: &mut Context<'_>,
    permit: &Permit,
    mut key: Register,
    certificate: ObjectId,
) -> Result<ObjectId> {
    let link = |kind| Link { kind, target: certificate.to_string() };
    key.template.links = vec![link(LinkType::Certificate), link(LinkType::Pkcs12Certificate)];
    let id = context.new_object_id()?;
    Ok(key.put(permit, context, id, |_| Ok(()))?.primary)
}

fn revoke(context: &mut Context<'_>, old: &Credential) {
    let revoked = Some(context.now());
    context.put(Record::Credential(Arc::new(Credential { revoked, ..old.clone() })));
}

/// A certificate that is on record is the caller's own, counts, and is another one.
fn take_known(
    context: &mut Context<'_>,
    owner: &Principal,
    (old, new): (&Credential, &NewCredential),
    certificate: ObjectId,
) -> Result<()> {
    let is_own =
        |known: &Credential| known.id != old.id && known.principal == owner.id && known.kind == new.kind;
    let known = credential(context, new.id)?.filter(|known| is_own(known));
    let counts = known.as_deref().map(|known| counts(context, known)).transpose()?;
    let Some(known) = known.filter(|_| counts == Some(true)) else {
        let public = "the certificate is none that this server has issued to you, or counts no more, or is the one in use: have an \
                      administrator issue one, or bring a certificate request";
        return Err(Error::new(ErrorKind::Denied, public));
    };
    let certificate = Some(certificate);
    context.put(Record::Credential(Arc::new(Credential { certificate, ..Credential::clone(&known) })));
    Ok(())
}
