//! Decrypt: a data envelope, or raw as a protocol asks for.

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    encrypt::{Form, is_rsa, merged, refuse_context},
    is_long, reach, subject, terms,
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, Result},
    model::{CryptoParameters, ObjectId, UsageMask},
    ports::crypto::EnvelopeKey,
    request::{Context, Reference, Resolved},
    secret::SecretBytes,
};

/// Decrypts.
pub struct Decrypt {
    /// Key or object.
    pub key: Reference,
    /// Version; for an envelope the front-end reads it from the header; `None`: the newest.
    pub version: Option<u32>,
    /// Layout.
    pub form: Form,
    /// What to decrypt.
    pub ciphertext: Vec<u8>,
    /// Authentication tag, where it comes apart.
    pub tag: Option<Vec<u8>>,
}

/// What came out. Holds secrets.
pub struct Decrypted {
    /// The object that was used.
    pub object: ObjectId,
    /// Its version.
    pub version: u32,
    /// The plaintext.
    pub plaintext: SecretBytes,
}

impl Operation for Decrypt {
    type Reply = Decrypted;

    fn action(&self) -> Action {
        Action::Decrypt
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn encryption_context(&self) -> &[u8] {
        self.form.encryption_context()
    }

    fn takes_long(&self) -> bool {
        is_long(self.ciphertext.len())
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(told(context, &self.form, (&self.ciphertext, self.tag.as_deref()), self.version)))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Decrypted> {
        let resolved = subject(resolved)?;
        let envelope = matches!(self.form, Form::Envelope { .. });
        if envelope && self.version.is_some_and(|number| resolved.key.version(number).is_none()) {
            // Made by another key: to the caller the same as any other envelope that this key does not open.
            return Err(Error::crypto_failed());
        }
        let wanted = (Purpose::Process, Half::Private, UsageMask::DECRYPT);
        let object = usable(context, &resolved, self.version, wanted)?;
        let (key, used) = (context.parsed(&object)?, (&resolved.key, &*object));
        let plaintext = match &self.form {
            Form::Envelope { context: canonical } if !is_rsa(&object) => {
                let owner = EnvelopeKey { key: object.key, version: object.version };
                key.open_envelope(owner, canonical, &self.ciphertext)?
            }
            Form::Envelope { context: canonical } => {
                refuse_context(canonical)?;
                let parameters = CryptoParameters::default();
                reach::of_decrypting(context, used, &parameters)?;
                key.decrypt(&parameters, None, &[], &self.ciphertext, None)?
            }
            Form::Raw { parameters, iv, aad } => {
                let parameters = merged(parameters, &object);
                reach::of_decrypting(context, used, &parameters)?;
                key.decrypt(&parameters, iv.as_deref(), aad, &self.ciphertext, self.tag.as_deref())?
            }
        };
        Ok(Decrypted { object: object.id, version: object.version, plaintext })
    }
}

/// What is decrypted and how, for those who approve it.
pub(super) fn told(
    context: &Context<'_>,
    form: &Form,
    (ciphertext, tag): (&[u8], Option<&[u8]>),
    version: Option<u32>,
) -> Terms {
    let mut told = vec![terms::hashed(context, "the ciphertext", ciphertext)];
    told.extend(terms::form(context, form));
    told.extend(tag.map(|tag| terms::term("tag", tag)));
    told.extend(terms::version(version));
    told
}
