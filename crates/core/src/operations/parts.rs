//! Operations on a message that comes in parts. Of Encrypt and Decrypt the caller brings all that came so far with each part, and gets
//! what is new: nothing of a running cipher is kept between requests, and every part is a use of the key, on record.
//!
//! Of a mode that authenticates, plaintext leaves with the last part only, once all of it has proven right.

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    decrypt::{self, Decrypted},
    encrypt::{self, Encrypted, Form, merged},
    is_long, nonces, reach, subject, usage_limits,
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{
        Algorithm, BlockCipherMode, CryptoParameters, ManagedObject, ObjectId, PaddingMethod, UsageMask,
    },
    ports::crypto::Ciphertext,
    request::{Context, Reference, Resolved},
    secret::SecretBytes,
};

/// Where a request stands in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes of the result that earlier parts were answered.
    pub given: usize,
    /// No part comes after this one.
    pub is_last: bool,
}

impl Part {
    /// Whether it is all there is.
    fn is_whole(&self) -> bool {
        self.given == 0 && self.is_last
    }
}

/// Encrypts a part.
pub struct EncryptPart {
    /// Key or object.
    pub key: Reference,
    /// Layout; of an envelope there are no parts.
    pub form: Form,
    /// The plaintext from its beginning.
    pub plaintext: SecretBytes,
    /// Which part.
    pub part: Part,
}

/// Decrypts a part.
pub struct DecryptPart {
    /// Key or object.
    pub key: Reference,
    /// Layout; of an envelope there are no parts.
    pub form: Form,
    /// The ciphertext from its beginning.
    pub ciphertext: Vec<u8>,
    /// Authentication tag, where it comes apart; looked at with the last part.
    pub tag: Option<Vec<u8>>,
    /// Which part.
    pub part: Part,
}

/// What a message in parts is for, where nothing is computed before its last part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PartOf {
    Sign,
    Verify,
    Mac,
    MacVerify,
}

impl PartOf {
    /// The action that must be allowed.
    pub(super) fn action(self) -> Action {
        match self {
            Self::Sign => Action::Sign,
            Self::Verify => Action::Verify,
            Self::Mac => Action::Mac,
            Self::MacVerify => Action::MacVerify,
        }
    }

    /// The object that serves, and the use that it must allow.
    pub(super) fn wanted(self) -> (Purpose, Half, UsageMask) {
        match self {
            Self::Sign => (Purpose::Protect, Half::Private, UsageMask::SIGN),
            Self::Verify => (Purpose::Process, Half::Public, UsageMask::VERIFY),
            Self::Mac => (Purpose::Protect, Half::Private, UsageMask::MAC),
            Self::MacVerify => (Purpose::Process, Half::Private, UsageMask::MAC_VERIFY),
        }
    }
}

/// Takes a part that is not the last: nothing is computed, but only who may use the key so gets that far.
pub struct TakePart {
    /// Key or object.
    pub key: Reference,
    /// What for.
    pub of: PartOf,
}

impl Operation for TakePart {
    /// The object that the last part will use.
    type Reply = ObjectId;

    fn action(&self) -> Action {
        self.of.action()
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<ObjectId> {
        let object = usable(context, &subject(resolved)?, None, self.of.wanted())?;
        context.note_detail("a part: nothing is computed before the last one");
        Ok(object.id)
    }
}

impl Operation for EncryptPart {
    type Reply = Encrypted;

    fn action(&self) -> Action {
        Action::Encrypt
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn takes_long(&self) -> bool {
        is_long(self.plaintext.len())
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        // Of what comes in parts nobody is told what will have come.
        if !self.part.is_whole() {
            return Ok(None);
        }
        encrypt::told(context, &self.form, &self.plaintext, None).map(Some)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Encrypted> {
        let resolved = subject(resolved)?;
        let wanted = (Purpose::Protect, Half::Public, UsageMask::ENCRYPT);
        let object = usable(context, &resolved, None, wanted)?;
        let (mut parameters, iv, aad) = raw(&self.form, &object)?;
        reach::of_encrypting(context, (&resolved.key, &object), &parameters, iv)?;
        let Part { given, is_last } = self.part;
        if given > 0 {
            // It was drawn with the first part, and comes back with the others.
            parameters.random_iv = None;
        }
        let mut plaintext = self.plaintext.expose();
        if !is_last {
            let ready = ready(&parameters, &object, plaintext.len(), 0);
            plaintext = &plaintext[..ready];
            leave_unpadded(&mut parameters);
        }
        if !is_last && plaintext.len() <= given {
            let ciphertext = Ciphertext::default();
            return Ok(Encrypted { object: object.id, version: object.version, ciphertext });
        }
        usage_limits::spend_part(context, &object, plaintext.len().saturating_sub(given), given == 0)?;
        let key = context.parsed(&object)?;
        nonces::count(context, &object, &parameters, iv)?;
        let mut ciphertext = key.encrypt(&parameters, iv, aad, plaintext)?;
        if given > ciphertext.data.len() {
            return Err(beyond());
        }
        ciphertext.data.drain(..given);
        ciphertext.tag = ciphertext.tag.filter(|_| is_last);
        Ok(Encrypted { object: object.id, version: object.version, ciphertext })
    }
}

impl Operation for DecryptPart {
    type Reply = Decrypted;

    fn action(&self) -> Action {
        Action::Decrypt
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn takes_long(&self) -> bool {
        is_long(self.ciphertext.len())
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        if !self.part.is_whole() {
            return Ok(None);
        }
        Ok(Some(decrypt::told(context, &self.form, (&self.ciphertext, self.tag.as_deref()), None)))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Decrypted> {
        let resolved = subject(resolved)?;
        let wanted = (Purpose::Process, Half::Private, UsageMask::DECRYPT);
        let object = usable(context, &resolved, None, wanted)?;
        let (mut parameters, iv, aad) = raw(&self.form, &object)?;
        reach::of_decrypting(context, (&resolved.key, &object), &parameters)?;
        let Part { given, is_last } = self.part;
        let mut ciphertext = &self.ciphertext[..];
        if !is_last {
            // The last block may be padding, whatever it decrypts to.
            let held = usize::from(parameters.padding != Some(PaddingMethod::None));
            let ready = if authenticates(&parameters) {
                0
            } else {
                ready(&parameters, &object, ciphertext.len(), held)
            };
            ciphertext = &ciphertext[..ready];
            leave_unpadded(&mut parameters);
        }
        let plaintext = if !is_last && ciphertext.len() <= given {
            SecretBytes::new(Vec::new())
        } else {
            let tag = self.tag.as_deref().filter(|_| is_last);
            let all = context.parsed(&object)?.decrypt(&parameters, iv, aad, ciphertext, tag)?;
            match given {
                0 => all,
                _ => SecretBytes::copy_from(all.expose().get(given..).ok_or_else(beyond)?),
            }
        };
        Ok(Decrypted { object: object.id, version: object.version, plaintext })
    }
}

/// Parameters with the key's own in the gaps, IV and further data.
type Raw<'a> = (CryptoParameters, Option<&'a [u8]>, &'a [u8]);

fn raw<'a>(form: &'a Form, object: &ManagedObject) -> Result<Raw<'a>> {
    match form {
        Form::Raw { parameters, iv, aad } => Ok((merged(parameters, object), iv.as_deref(), aad)),
        Form::Envelope { .. } => {
            Err(Error::new(ErrorKind::Unsupported, "a data envelope is made and opened in one piece"))
        }
    }
}

/// How many bytes of so many can be worked on before the others are there. `held`: whole blocks at the end that may not.
fn ready(parameters: &CryptoParameters, object: &ManagedObject, bytes: usize, held: usize) -> usize {
    use BlockCipherMode::{Cbc, Ctr, Ecb, Gcm};
    let block_bytes = match object.spec.map(|spec| spec.algorithm) {
        Some(Algorithm::Aes) => 16,
        Some(Algorithm::TripleDes) => 8,
        _ => return 0,
    };
    match parameters.mode {
        Some(Cbc | Ecb) if held == 0 => bytes - bytes % block_bytes,
        Some(Cbc | Ecb) => bytes.saturating_sub(1) / block_bytes * block_bytes,
        Some(Ctr | Gcm) => bytes,
        _ => 0,
    }
}

/// Whether what is decrypted may only be told once all of it has proven right; so too where the mode is unknown.
fn authenticates(parameters: &CryptoParameters) -> bool {
    !matches!(parameters.mode, Some(BlockCipherMode::Cbc | BlockCipherMode::Ecb | BlockCipherMode::Ctr))
}

/// What of the whole message is worked on before its last part is padded then, if at all.
fn leave_unpadded(parameters: &mut CryptoParameters) {
    if matches!(parameters.mode, Some(BlockCipherMode::Cbc | BlockCipherMode::Ecb)) {
        parameters.padding = Some(PaddingMethod::None);
    }
}

/// The parts do not belong to one message.
fn beyond() -> Error {
    Error::new(ErrorKind::InvalidField, "earlier parts of this message were answered more than there is now")
}
