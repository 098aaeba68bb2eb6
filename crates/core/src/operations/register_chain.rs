//! Registers a private key together with the certificates of its chain, as one thing. Not here: what each object is
//! (`register`).

use super::{
    Operation, Subject,
    create::Created,
    register::Register,
    terms::{hashed, term},
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{Link, LinkType, ManagedObject, ObjectId},
    request::{Context, Resolved},
};

/// Certificates of one chain at most.
pub const CERTIFICATES_MAX: usize = 16;

/// Registers a key and its certificates, each of which leads to the next by a PKCS#12 Certificate Link.
pub struct RegisterChain {
    /// The key.
    pub key: Register,
    /// The key's own certificate, then those above it.
    pub certificates: Vec<Register>,
}

impl Operation for RegisterChain {
    /// The key.
    type Reply = Created;

    fn action(&self) -> Action {
        Action::Register
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut told = self.key.described(context)?;
        for certificate in &self.certificates {
            told.push(hashed(context, "a certificate", certificate.material.bytes.expose()));
            told.push(term("its attributes", &certificate.template));
        }
        Ok(Some(told))
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Created> {
        if self.certificates.len() > CERTIFICATES_MAX {
            let public = format!("a key comes with at most {CERTIFICATES_MAX} certificates");
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        let mut next = None;
        for certificate in self.certificates.iter().rev() {
            let id = context.new_object_id()?;
            certificate.put(permit, context, id, |object| lead(object, next))?;
            next = Some(id);
        }
        // The key comes last: the entry of the journal is about it.
        let id = context.new_object_id()?;
        self.key.put(permit, context, id, |object| lead(object, next))
    }
}

fn lead(object: &mut ManagedObject, next: Option<ObjectId>) -> Result<()> {
    let link = |id: ObjectId| Link { kind: LinkType::Pkcs12Certificate, target: id.to_string() };
    object.links.extend(next.map(link));
    Ok(())
}
