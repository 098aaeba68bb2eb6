//! DataKey: a random key for the caller to encrypt with, in the clear and under a key of the server, or only the latter.
//! Not here: decrypting it again, which is Decrypt.

use super::{
    Operation, Subject,
    encrypt::{Encrypt, Encrypted, Form},
    terms::{self, term},
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    request::{Context, Reference, Resolved},
    secret::SecretBytes,
};

/// Lengths that are offered, in bits.
pub const DATA_KEY_BITS: [u32; 4] = [128, 192, 256, 512];

/// Makes a data key.
pub struct DataKey {
    /// Key or object that it is encrypted under.
    pub key: Reference,
    /// Version; `None`: the newest that may protect.
    pub version: Option<u32>,
    /// Length, one of [`DATA_KEY_BITS`].
    pub bits: u32,
    /// Also give it in the clear.
    pub plaintext: bool,
    /// Canonical encoding of the encryption context; empty for none.
    pub context: Vec<u8>,
}

/// A data key. Holds a secret.
pub struct MadeDataKey {
    /// In the clear, where that was asked for.
    pub plaintext: Option<SecretBytes>,
    /// Under the key, as Encrypt gives it.
    pub encrypted: Encrypted,
}

impl Operation for DataKey {
    type Reply = MadeDataKey;

    fn action(&self) -> Action {
        if self.plaintext { Action::DataKey } else { Action::DataKeyWithoutPlaintext }
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn encryption_context(&self) -> &[u8] {
        &self.context
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut told = vec![term("bits", self.bits), term("with its plaintext", self.plaintext)];
        told.push(terms::hashed(context, "the encryption context", &self.context));
        told.extend(terms::version(self.version));
        Ok(Some(told))
    }

    fn run(
        &self,
        permit: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<MadeDataKey> {
        if !DATA_KEY_BITS.contains(&self.bits) {
            return Err(Error::new(ErrorKind::InvalidField, "a data key has 128, 192, 256 or 512 bits"));
        }
        let mut bytes = vec![0; self.bits as usize / 8];
        context.crypto().fill(&mut bytes)?;
        let encrypt = Encrypt {
            key: self.key.clone(),
            version: self.version,
            form: Form::Envelope { context: self.context.clone() },
            plaintext: SecretBytes::new(bytes),
        };
        let encrypted = encrypt.run(permit, context, resolved)?;
        Ok(MadeDataKey { plaintext: self.plaintext.then_some(encrypt.plaintext), encrypted })
    }
}
