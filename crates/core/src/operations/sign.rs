//! Sign: a message or a digest, with a private key.

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    encrypt::merged,
    is_long,
    stream::Streamed,
    subject, usage_limits,
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::Result,
    model::{CryptoParameters, ObjectId, UsageMask},
    ports::crypto::{ParsedKey, ToSign},
    request::{Context, Reference, Resolved},
};

/// What is signed or verified.
pub enum Input {
    /// The message.
    Data(Vec<u8>),
    /// A digest that the client made with the hash of the parameters.
    Digest(Vec<u8>),
    /// The message, as a stream that began with this key.
    Stream(Streamed),
}

impl Input {
    fn bytes(&self) -> usize {
        match self {
            Self::Data(bytes) | Self::Digest(bytes) => bytes.len(),
            Self::Stream(stream) => stream.bytes(),
        }
    }

    /// What is still to be worked through, in bytes.
    pub(super) fn bytes_left(&self) -> usize {
        match self {
            Self::Data(bytes) => bytes.len(),
            Self::Digest(_) | Self::Stream(_) => 0,
        }
    }

    /// As this key takes it with these parameters.
    ///
    /// # Errors
    /// Of a stream: `Unsupported` where the key takes no digest, `Conflict` where it takes another than was made.
    pub(super) fn for_key(&self, key: &dyn ParsedKey, parameters: &CryptoParameters) -> Result<ToSign<'_>> {
        Ok(match self {
            Self::Data(data) => ToSign::Data(data),
            Self::Digest(digest) => ToSign::Digest(digest),
            Self::Stream(stream) => ToSign::Digest(stream.digest(key.message_hash(parameters)?)?),
        })
    }
}

/// Signs.
pub struct Sign {
    /// Key or object.
    pub key: Reference,
    /// Version; `None`: the newest that may protect.
    pub version: Option<u32>,
    /// How; defaults in `ParsedKey::sign`.
    pub parameters: CryptoParameters,
    /// What.
    pub input: Input,
}

/// A signature.
#[derive(Debug)]
pub struct Signed {
    /// The object that signed.
    pub object: ObjectId,
    /// Its version.
    pub version: u32,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Operation for Sign {
    type Reply = Signed;

    fn action(&self) -> Action {
        Action::Sign
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn takes_long(&self) -> bool {
        is_long(self.input.bytes_left())
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let (what, bytes) = match &self.input {
            Input::Data(data) => ("SHA-256 of the message", data),
            Input::Digest(digest) => ("SHA-256 of the digest", digest),
            // Of a stream nobody is told what will have come.
            Input::Stream(_) => return Ok(None),
        };
        let mut terms = vec![(what.into(), context.sha256_told(bytes))];
        terms.push(("parameters".into(), format!("{:?}", self.parameters)));
        terms.extend(self.version.map(|version| ("version".into(), version.to_string())));
        Ok(Some(terms))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Signed> {
        let wanted = (Purpose::Protect, Half::Private, UsageMask::SIGN);
        let object = usable(context, &subject(resolved)?, self.version, wanted)?;
        usage_limits::spend(context, &object, self.input.bytes())?;
        let parameters = merged(&self.parameters, &object);
        let key = context.parsed(&object)?;
        let signature = key.sign(&parameters, self.input.for_key(&*key, &parameters)?)?;
        Ok(Signed { object: object.id, version: object.version, signature })
    }
}
