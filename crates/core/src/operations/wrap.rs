//! Wrap and unwrap: a secret under a key of this server.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    encrypt::merged,
    is_long, nonces, reach, subject,
    terms::{self, term},
    usage_limits,
};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{
        Algorithm, BlockCipherMode, CryptoParameters, KeyFormat, KeyMaterial, KeySpec, ManagedObject,
        ObjectType, UsageMask,
    },
    ports::crypto::{Ciphertext, ParsedKey},
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
    /// How; `None`: as fits the key; none of them named: as the key's own Cryptographic Parameters say.
    pub parameters: Option<CryptoParameters>,
    /// The nonce, of a mode that has one.
    pub iv: Option<Vec<u8>>,
    /// What was wrapped, the tag behind it where the mode has one.
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

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut told = vec![terms::secret(context, "secret", self.secret.expose())?];
        told.push(term("parameters", &self.parameters));
        told.extend(terms::version(self.version));
        Ok(Some(told))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Self::Reply> {
        let resolved = subject(resolved)?;
        let wrapped = wrap_by(context, &resolved, self.version, self.parameters.as_ref(), &self.secret)?;
        // A nonce has no place in this answer.
        if wrapped.iv.is_some() {
            return Err(Error::new(ErrorKind::Unsupported, "keys are not wrapped in this mode here"));
        }
        Ok((wrapped.bytes, wrapped.object))
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

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut told = vec![terms::hashed(context, "what is wrapped", &self.wrapped)];
        told.extend([term("nonce", &self.iv), term("parameters", &self.parameters)]);
        told.extend(terms::version(self.version));
        Ok(Some(told))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Self::Reply> {
        let wrapped = (self.iv.as_deref(), &*self.wrapped);
        unwrap_by(context, &subject(resolved)?, self.version, self.parameters.as_ref(), wrapped)
    }
}

/// A secret that is wrapped.
pub(super) struct Wrapped {
    pub(super) bytes: Vec<u8>,
    /// The nonce that was drawn, of a mode that has one.
    pub(super) iv: Option<Vec<u8>>,
    /// What wrapped it.
    pub(super) object: Arc<ManagedObject>,
}

/// Takes the wrapping of a key of this server off; the caller of this has checked that it may be. What is wrapped comes behind
/// its nonce, where the mode has one.
pub(super) fn unwrap_by(
    context: &mut Context<'_>,
    resolved: &Resolved,
    version: Option<u32>,
    parameters: Option<&CryptoParameters>,
    (iv, wrapped): (Option<&[u8]>, &[u8]),
) -> Result<(SecretBytes, Arc<ManagedObject>)> {
    let wanted = (Purpose::Process, Half::Private, UsageMask::UNWRAP);
    let object = usable(context, resolved, version, wanted)?;
    let key = context.parsed(&object)?;
    let parameters = parameters.map_or_else(|| fitting(&object), |asked| merged(asked, &object));
    let secret = match way(&object, &parameters) {
        // It opens nothing but what was wrapped: there is key wrap around the secret.
        Way::Hybrid => unwrap_hybrid(context, &*key, &parameters, wrapped)?,
        Way::Gcm => {
            require_for_nothing_else(&object)?;
            key.decrypt(&parameters, iv, &[], wrapped, None)?
        }
        Way::Own => {
            reach::of_unwrapping(context, (&resolved.key, &object))?;
            key.unwrap(&parameters, wrapped)?
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
) -> Result<Wrapped> {
    let resolved = context.resolve_other(key)?;
    if context.noted_key() == Some(resolved.key.id) {
        return Err(Error::new(ErrorKind::Invalid, "a key cannot wrap itself; name another wrapping key"));
    }
    context.authorize_further(Action::Wrap, Target::Key(&resolved.key))?;
    wrap_by(context, &resolved, version, parameters, secret)
}

fn wrap_by(
    context: &mut Context<'_>,
    resolved: &Resolved,
    version: Option<u32>,
    parameters: Option<&CryptoParameters>,
    secret: &SecretBytes,
) -> Result<Wrapped> {
    let wanted = (Purpose::Protect, Half::Public, UsageMask::WRAP);
    let object = usable(context, resolved, version, wanted)?;
    usage_limits::spend(context, &object, secret.len())?;
    let key = context.parsed(&object)?;
    let parameters = parameters.map_or_else(|| fitting(&object), |asked| merged(asked, &object));
    let (bytes, iv) = match way(&object, &parameters) {
        Way::Hybrid => (wrap_hybrid(context, &*key, &parameters, secret)?, None),
        Way::Gcm => {
            nonces::count(context, &object, &parameters, None)?;
            wrap_gcm(&object, &*key, &parameters, secret)?
        }
        Way::Own => (key.wrap(&parameters, secret)?, None),
    };
    Ok(Wrapped { bytes, iv, object })
}

/// What wraps.
enum Way {
    /// RSA with AES key wrap behind it, for material that is longer than RSA takes.
    Hybrid,
    /// AES in Galois/Counter Mode.
    Gcm,
    /// What the algorithm itself has for wrapping.
    Own,
}

fn way(object: &ManagedObject, parameters: &CryptoParameters) -> Way {
    match (object.spec.map(|spec| spec.algorithm), &parameters.mode) {
        (Some(Algorithm::Rsa), Some(BlockCipherMode::KeyWrapPadded)) => Way::Hybrid,
        (Some(Algorithm::Aes), Some(BlockCipherMode::Gcm)) => Way::Gcm,
        _ => Way::Own,
    }
}

/// Under a nonce that is drawn here, with the tag behind the ciphertext.
///
/// # Standard
/// SP 800-38D section 7.1; SP 800-38F section 3.1 (authenticated encryption as key wrapping).
fn wrap_gcm(
    object: &ManagedObject,
    key: &dyn ParsedKey,
    parameters: &CryptoParameters,
    secret: &SecretBytes,
) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
    require_for_nothing_else(object)?;
    let parameters = CryptoParameters { random_iv: Some(true), ..parameters.clone() };
    let Ciphertext { mut data, iv, tag } = key.encrypt(&parameters, None, &[], secret.expose())?;
    data.extend(tag.unwrap_or_default());
    Ok((data, iv))
}

/// What GCM wraps is a ciphertext as any other: whoever may decrypt by the same key, or reach the block function by other
/// uses, would unwrap with it.
///
/// # Standard
/// SP 800-57 part 1 revision 5 section 5.2: one key, one use.
fn require_for_nothing_else(object: &ManagedObject) -> Result<()> {
    use UsageMask as Use;
    let others = [Use::ENCRYPT, Use::DECRYPT, Use::DERIVE, Use::MAC, Use::MAC_VERIFY];
    if !others.into_iter().any(|other| object.usage.allows(other)) {
        return Ok(());
    }
    let public = "GCM wraps by a key that is for wrapping and nothing else: whoever may decrypt by this one would unwrap, too; \
                  name a key whose mask is Wrap Key and Unwrap Key, or another mode";
    Err(Error::new(ErrorKind::Denied, public))
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
