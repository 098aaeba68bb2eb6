//! Verify: a signature over a message or a digest.

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    encrypt::merged,
    is_long,
    sign::Input,
    subject,
    terms::hashed,
};
use crate::{
    access::{Action, Permit, approvals::Terms},
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

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let signature = hashed(context, "the signature", &self.signature);
        let told = self.input.told(context, &self.parameters, self.version);
        Ok(told.map(|told| told.into_iter().chain([signature]).collect()))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Verified> {
        let resolved = subject(resolved)?;
        let newest = self.verify(context, &resolved, self.version);
        if newest.as_ref().is_ok_and(|verified| verified.valid) {
            return newest;
        }
        let mut answer = newest;
        for version in older(&resolved, self.version) {
            match self.verify(context, &resolved, Some(version)) {
                Ok(verified) if verified.valid => return Ok(verified),
                Err(error) if error.kind() == ErrorKind::Internal => return Err(error),
                // This version may have signed it, and the stream cannot tell.
                Err(error) if self.is_untold(error.kind()) => answer = Err(error),
                _ => {}
            }
        }
        answer
    }
}

/// The versions that may have signed besides the newest one: a signature carries no version, and one made before the key
/// was rotated is still right. None where the client names one.
pub(super) fn older(resolved: &Resolved, named: Option<u32>) -> Vec<u32> {
    if named.is_some() || resolved.object.is_some() {
        return Vec::new();
    }
    let versions = resolved.key.versions.iter().rev().map(|version| version.number);
    versions.skip(1).take(VERSIONS_TRIED_MAX - 1).collect()
}

impl Verify {
    fn is_untold(&self, kind: ErrorKind) -> bool {
        matches!(self.input, Input::Stream(_)) && matches!(kind, ErrorKind::Conflict | ErrorKind::Unsupported)
    }

    fn verify(
        &self,
        context: &mut Context<'_>,
        resolved: &Resolved,
        version: Option<u32>,
    ) -> Result<Verified> {
        let wanted = (Purpose::Process, Half::Public, UsageMask::VERIFY);
        let object = usable(context, resolved, version, wanted)?;
        let parameters = merged(&self.parameters, &object);
        let key = context.parsed(&object)?;
        let valid = key.verify(&parameters, self.input.for_key(&*key, &parameters)?, &self.signature)?;
        context.note_detail(if valid { "valid" } else { "not valid" });
        Ok(Verified { valid, object: object.id, version: object.version })
    }
}
