//! Encrypt: into the house's data envelope, or raw as a protocol asks for.

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    is_long, nonces, reach, subject, terms, usage_limits,
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{Algorithm, CryptoParameters, ManagedObject, ObjectId, UsageMask},
    ports::crypto::{Ciphertext, EnvelopeKey},
    request::{Context, Reference, Resolved},
    secret::SecretBytes,
};

/// How the ciphertext is laid out.
#[derive(Clone, Debug)]
pub enum Form {
    /// The data envelope (docs/envelope.md) for symmetric keys, or HPKE for key pairs, bound to this context; for an RSA
    /// key, raw OAEP.
    Envelope {
        /// Canonical encoding of the encryption context; empty for none.
        context: Vec<u8>,
    },
    /// What the protocol asked for.
    Raw {
        /// Parameters; unset ones come from the key's first Cryptographic Parameters.
        parameters: CryptoParameters,
        /// IV or nonce that the client chose.
        iv: Option<Vec<u8>>,
        /// Additional authenticated data.
        aad: Vec<u8>,
    },
}

impl Form {
    /// The canonical encryption context, where the form has one.
    pub(super) fn encryption_context(&self) -> &[u8] {
        match self {
            Self::Envelope { context } => context,
            Self::Raw { .. } => &[],
        }
    }
}

/// Encrypts.
pub struct Encrypt {
    /// Key or object.
    pub key: Reference,
    /// Version; `None`: the newest that may protect.
    pub version: Option<u32>,
    /// Layout.
    pub form: Form,
    /// What to encrypt.
    pub plaintext: SecretBytes,
}

/// What was made.
#[derive(Debug)]
pub struct Encrypted {
    /// The object that was used.
    pub object: ObjectId,
    /// Its version.
    pub version: u32,
    /// The ciphertext.
    pub ciphertext: Ciphertext,
}

impl Operation for Encrypt {
    type Reply = Encrypted;

    fn action(&self) -> Action {
        Action::Encrypt
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn encryption_context(&self) -> &[u8] {
        self.form.encryption_context()
    }

    fn takes_long(&self) -> bool {
        is_long(self.plaintext.len())
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        told(context, &self.form, &self.plaintext, self.version).map(Some)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Encrypted> {
        let resolved = subject(resolved)?;
        let wanted = (Purpose::Protect, Half::Public, UsageMask::ENCRYPT);
        let object = usable(context, &resolved, self.version, wanted)?;
        usage_limits::spend(context, &object, self.plaintext.len())?;
        let key = context.parsed(&object)?;
        let ciphertext = match &self.form {
            Form::Envelope { context } if !is_rsa(&object) => {
                let owner = EnvelopeKey { key: object.key, version: object.version };
                let data = key.seal_envelope(owner, context, self.plaintext.expose())?;
                Ciphertext { data, iv: None, tag: None }
            }
            Form::Envelope { context } => {
                refuse_context(context)?;
                key.encrypt(&CryptoParameters::default(), None, &[], self.plaintext.expose())?
            }
            Form::Raw { parameters, iv, aad } => {
                let parameters = merged(parameters, &object);
                reach::of_encrypting(context, (&resolved.key, &object), &parameters, iv.as_deref())?;
                nonces::count(context, &object, &parameters, iv.as_deref())?;
                key.encrypt(&parameters, iv.as_deref(), aad, self.plaintext.expose())?
            }
        };
        Ok(Encrypted { object: object.id, version: object.version, ciphertext })
    }
}

/// What is encrypted and how, for those who approve it.
///
/// # Errors
/// The store's and the sealer's.
pub(super) fn told(
    context: &mut Context<'_>,
    form: &Form,
    plaintext: &SecretBytes,
    version: Option<u32>,
) -> Result<Terms> {
    let mut told = vec![terms::secret(context, "plaintext", plaintext.expose())?];
    told.extend(terms::form(context, form));
    told.extend(terms::version(version));
    Ok(told)
}

pub(super) fn is_rsa(object: &ManagedObject) -> bool {
    object.spec.is_some_and(|spec| spec.algorithm == Algorithm::Rsa)
}

/// RSA-OAEP has no room for a context: silently dropping one would be a lie.
pub(super) fn refuse_context(context: &[u8]) -> Result<()> {
    if context.is_empty() {
        return Ok(());
    }
    let public = "an RSA key cannot bind an encryption context; use an AES or X25519 key";
    Err(Error::new(ErrorKind::InvalidField, public))
}

/// The request's parameters, with the key's own first ones in the gaps.
pub(super) fn merged(asked: &CryptoParameters, object: &ManagedObject) -> CryptoParameters {
    let Some(own) = object.parameters.first() else { return asked.clone() };
    // INVARIANT: a request that names any parameter is taken at its word; mixing halves of two sets would invent a
    // third that nobody asked for.
    if *asked == CryptoParameters::default() { own.clone() } else { asked.clone() }
}
