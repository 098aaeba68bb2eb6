//! Wrap and unwrap: a secret under a key of this server.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    is_long, reach, subject, usage_limits,
};
use crate::{
    access::{Action, Permit, Target},
    error::{Error, ErrorKind, Result},
    model::{
        Algorithm, BlockCipherMode, CryptoParameters, KeyFormat, KeyMaterial, KeySpec, ManagedObject,
        ObjectType, UsageMask,
    },
    ports::crypto::ParsedKey,
    request::{Context, Reference, Resolved},
    secret::SecretBytes,
};

/// Wraps a secret that the caller gives. Holds secrets.
pub struct Wrap {
    /// The wrapping key.
    pub key: Reference,
    /// Version; `None`: the newest that may protect.
    pub version: Option<u32>,
    /// How; `None`: as fits the key.
    pub parameters: Option<CryptoParameters>,
    /// The secret.
    pub secret: SecretBytes,
}

/// Unwraps.
pub struct Unwrap {
    /// The wrapping key.
    pub key: Reference,
    /// Version; `None`: the newest.
    pub version: Option<u32>,
    /// How; `None`: as fits the key.
    pub parameters: Option<CryptoParameters>,
    /// What `Wrap` made.
    pub wrapped: Vec<u8>,
}

impl Operation for Wrap {
    /// The wrapped bytes and the object that wrapped them.
    type Reply = (Vec<u8>, Arc<ManagedObject>);

    fn action(&self) -> Action {
        Action::Wrap
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn takes_long(&self) -> bool {
        is_long(self.secret.len())
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Self::Reply> {
        wrap_by(context, &subject(resolved)?, self.version, self.parameters.as_ref(), &self.secret)
    }
}

impl Operation for Unwrap {
    type Reply = (SecretBytes, Arc<ManagedObject>);

    fn action(&self) -> Action {
        Action::Unwrap
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn takes_long(&self) -> bool {
        is_long(self.wrapped.len())
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Self::Reply> {
        unwrap_by(context, &subject(resolved)?, self.version, self.parameters.as_ref(), &self.wrapped)
    }
}

/// Takes the wrapping of a key of this server off; the caller of this has checked that it may be.
pub(super) fn unwrap_by(
    context: &mut Context<'_>,
    resolved: &Resolved,
    version: Option<u32>,
    parameters: Option<&CryptoParameters>,
    wrapped: &[u8],
) -> Result<(SecretBytes, Arc<ManagedObject>)> {
    let wanted = (Purpose::Process, Half::Private, UsageMask::UNWRAP);
    let object = usable(context, resolved, version, wanted)?;
    let key = context.parsed(&object)?;
    let fitting = fitting(&object);
    let parameters = parameters.unwrap_or(&fitting);
    let secret = match is_hybrid(&object, parameters) {
        // It opens nothing but what was wrapped: there is key wrap around the secret.
        true => unwrap_hybrid(context, &*key, parameters, wrapped)?,
        false => {
            reach::of_unwrapping(context, (&resolved.key, &object))?;
            key.unwrap(parameters, wrapped)?
        }
    };
    Ok((secret, object))
}

/// Wraps by a second key that a request names besides its subject; the caller must be allowed to wrap with it.
pub(super) fn wrap_with(
    context: &mut Context<'_>,
    key: &Reference,
    version: Option<u32>,
    parameters: Option<&CryptoParameters>,
    secret: &SecretBytes,
) -> Result<(Vec<u8>, Arc<ManagedObject>)> {
    let resolved = context.resolve_other(key)?;
    if context.noted_key() == Some(resolved.key.id) {
        return Err(Error::new(ErrorKind::Invalid, "a key cannot wrap itself; name another wrapping key"));
    }
    context.authorize(Action::Wrap, Target::Key(&resolved.key))?;
    wrap_by(context, &resolved, version, parameters, secret)
}

fn wrap_by(
    context: &mut Context<'_>,
    resolved: &Resolved,
    version: Option<u32>,
    parameters: Option<&CryptoParameters>,
    secret: &SecretBytes,
) -> Result<(Vec<u8>, Arc<ManagedObject>)> {
    let wanted = (Purpose::Protect, Half::Public, UsageMask::WRAP);
    let object = usable(context, resolved, version, wanted)?;
    usage_limits::spend(context, &object, secret.len())?;
    let key = context.parsed(&object)?;
    let fitting = fitting(&object);
    let parameters = parameters.unwrap_or(&fitting);
    let wrapped = match is_hybrid(&object, parameters) {
        true => wrap_hybrid(context, &*key, parameters, secret)?,
        false => key.wrap(parameters, secret)?,
    };
    Ok((wrapped, object))
}

/// RSA with AES key wrap behind it, for material that is longer than RSA takes.
fn is_hybrid(object: &ManagedObject, parameters: &CryptoParameters) -> bool {
    object.spec.is_some_and(|spec| spec.algorithm == Algorithm::Rsa)
        && parameters.mode == Some(BlockCipherMode::KeyWrapPadded)
}

/// A fresh AES-256 key under RSA-OAEP, then the secret under that key (RFC 5649).
///
/// # Standard
/// PKCS#11 3.1 section 6.1.21 (`CKM_RSA_AES_KEY_WRAP`).
fn wrap_hybrid(
    context: &Context<'_>,
    key: &dyn ParsedKey,
    parameters: &CryptoParameters,
    secret: &SecretBytes,
) -> Result<Vec<u8>> {
    let mut bytes = Zeroizing::new([0; 32]);
    context.crypto().fill(&mut bytes[..])?;
    let inner = SecretBytes::take_from(&mut bytes[..]);
    let mut wrapped = key.wrap(&without_mode(parameters), &inner)?;
    wrapped.extend(inner_key(context, inner)?.wrap(&padded(), secret)?);
    Ok(wrapped)
}

fn unwrap_hybrid(
    context: &Context<'_>,
    key: &dyn ParsedKey,
    parameters: &CryptoParameters,
    wrapped: &[u8],
) -> Result<SecretBytes> {
    let modulus_bytes = key.spec().length_bits.div_ceil(8) as usize;
    let (inner, rest) = wrapped.split_at_checked(modulus_bytes).ok_or_else(Error::crypto_failed)?;
    let inner = key.unwrap(&without_mode(parameters), inner)?;
    if !matches!(inner.len(), 16 | 24 | 32) {
        return Err(Error::crypto_failed());
    }
    let secret = inner_key(context, inner)?.unwrap(&padded(), rest)?;
    Ok(secret)
}

fn inner_key(context: &Context<'_>, bytes: SecretBytes) -> Result<Arc<dyn ParsedKey>> {
    let spec = KeySpec { algorithm: Algorithm::Aes, length_bits: bytes.len() as u32 * 8, curve: None };
    let material = KeyMaterial { format: KeyFormat::Raw, bytes };
    context.crypto().parse(ObjectType::SymmetricKey, Some(&spec), &material)
}

fn without_mode(parameters: &CryptoParameters) -> CryptoParameters {
    CryptoParameters { mode: None, ..parameters.clone() }
}

fn padded() -> CryptoParameters {
    CryptoParameters { mode: Some(BlockCipherMode::KeyWrapPadded), ..CryptoParameters::default() }
}

/// How a key wraps material of any length where nobody says how.
fn fitting(object: &ManagedObject) -> CryptoParameters {
    let is_aes = object.spec.is_some_and(|spec| spec.algorithm == Algorithm::Aes);
    let mode = is_aes.then_some(BlockCipherMode::KeyWrapPadded);
    CryptoParameters { mode, ..CryptoParameters::default() }
}
