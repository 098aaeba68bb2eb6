//! Wrap and unwrap: a secret under a key of this server.

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    subject, usage_limits,
};
use crate::{
    access::{self, Action, Permit, Target},
    error::{Error, ErrorKind, Result},
    model::{Algorithm, BlockCipherMode, CryptoParameters, ManagedObject, ObjectId, UsageMask},
    request::{Context, Reference, Resolved},
    secret::SecretBytes,
};

/// Wraps a secret that the caller gives. Holds secrets.
pub struct Wrap {
    /// The wrapping key.
    pub key: Reference,
    /// Version; `None`: the newest that may protect.
    pub version: Option<u32>,
    /// How.
    pub parameters: CryptoParameters,
    /// The secret.
    pub secret: SecretBytes,
}

/// Unwraps.
pub struct Unwrap {
    /// The wrapping key.
    pub key: Reference,
    /// Version; `None`: the newest.
    pub version: Option<u32>,
    /// How.
    pub parameters: CryptoParameters,
    /// What `Wrap` made.
    pub wrapped: Vec<u8>,
}

impl Operation for Wrap {
    /// The wrapped bytes and the object that wrapped them.
    type Reply = (Vec<u8>, ObjectId);

    fn action(&self) -> Action {
        Action::Wrap
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Self::Reply> {
        wrap_by(context, &subject(resolved)?, self.version, Some(&self.parameters), &self.secret)
    }
}

impl Operation for Unwrap {
    type Reply = (SecretBytes, ObjectId);

    fn action(&self) -> Action {
        Action::Unwrap
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Self::Reply> {
        let wanted = (Purpose::Process, Half::Private, UsageMask::UNWRAP);
        let object = usable(context, &subject(resolved)?, self.version, wanted)?;
        let secret = context.parsed(&object)?.unwrap(&self.parameters, &self.wrapped)?;
        Ok((secret, object.id))
    }
}

/// Wraps by a second key that a request names besides its subject; the caller must be allowed to wrap with it.
pub(super) fn wrap_with(
    context: &mut Context<'_>,
    key: &Reference,
    version: Option<u32>,
    parameters: Option<&CryptoParameters>,
    secret: &SecretBytes,
) -> Result<(Vec<u8>, ObjectId)> {
    let resolved = context.resolve_other(key)?;
    if context.noted_key() == Some(resolved.key.id) {
        return Err(Error::new(ErrorKind::Invalid, "a key cannot wrap itself; name another wrapping key"));
    }
    access::authorize(context.caller(), Action::Wrap, Target::Key(&resolved.key))?;
    wrap_by(context, &resolved, version, parameters, secret)
}

fn wrap_by(
    context: &mut Context<'_>,
    resolved: &Resolved,
    version: Option<u32>,
    parameters: Option<&CryptoParameters>,
    secret: &SecretBytes,
) -> Result<(Vec<u8>, ObjectId)> {
    let wanted = (Purpose::Protect, Half::Public, UsageMask::WRAP);
    let object = usable(context, resolved, version, wanted)?;
    usage_limits::spend(context, &object, secret.len())?;
    let wrapped = {
        let fitting = fitting(&object);
        context.parsed(&object)?.wrap(parameters.unwrap_or(&fitting), secret)?
    };
    Ok((wrapped, object.id))
}

/// How a key wraps material of any length where nobody says how.
fn fitting(object: &ManagedObject) -> CryptoParameters {
    let is_aes = object.spec.is_some_and(|spec| spec.algorithm == Algorithm::Aes);
    let mode = is_aes.then_some(BlockCipherMode::KeyWrapPadded);
    CryptoParameters { mode, ..CryptoParameters::default() }
}
