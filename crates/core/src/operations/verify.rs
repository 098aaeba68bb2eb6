//! Verify: a signature over a message or a digest.

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    encrypt::merged,
    is_long,
    sign::Input,
    subject,
};
use crate::{
    access::{Action, Permit},
    error::{ErrorKind, Result},
    model::{CryptoParameters, ObjectId, UsageMask},
    request::{Context, Reference, Resolved},
};

/// Verifies.
pub struct Verify {
    /// Key or object.
    pub key: Reference,
    /// Version; `None`: any version that still processes, newest first.
    pub version: Option<u32>,
    /// How.
    pub parameters: CryptoParameters,
    /// What was signed.
    pub input: Input,
    /// The signature.
    pub signature: Vec<u8>,
}

/// The verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// True where the signature is right.
    pub valid: bool,
    /// The object that verified, or that was tried last.
    pub object: ObjectId,
    /// Its version.
    pub version: u32,
}

/// Versions that are tried where the client names none.
const VERSIONS_TRIED_MAX: usize = 16;

impl Operation for Verify {
    type Reply = Verified;

    fn action(&self) -> Action {
        Action::Verify
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn takes_long(&self) -> bool {
        is_long(self.input.bytes_left())
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Verified> {
        let resolved = subject(resolved)?;
        let newest = self.verify(context, &resolved, self.version);
        if self.version.is_some()
            || resolved.object.is_some()
            || newest.as_ref().is_ok_and(|verified| verified.valid)
        {
            return newest;
        }
        // A signature carries no version: one made before the key was rotated is still right.
        for version in resolved.key.versions.iter().rev().skip(1).take(VERSIONS_TRIED_MAX - 1) {
            match self.verify(context, &resolved, Some(version.number)) {
                Ok(verified) if verified.valid => return Ok(verified),
                Err(error) if error.kind() == ErrorKind::Internal => return Err(error),
                _ => {}
            }
        }
        newest
    }
}

impl Verify {
    fn verify(
        &self,
        context: &mut Context<'_>,
        resolved: &Resolved,
        version: Option<u32>,
    ) -> Result<Verified> {
        let wanted = (Purpose::Process, Half::Public, UsageMask::VERIFY);
        let object = usable(context, resolved, version, wanted)?;
        let parameters = merged(&self.parameters, &object);
        let valid = context.parsed(&object)?.verify(&parameters, self.input.borrowed(), &self.signature)?;
        context.note_detail(if valid { "valid" } else { "not valid" });
        Ok(Verified { valid, object: object.id, version: object.version })
    }
}
