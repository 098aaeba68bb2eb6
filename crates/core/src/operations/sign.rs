//! Sign: a message or a digest, with a private key.

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    encrypt::merged,
    is_long,
    stream::Streamed,
    subject, terms, usage_limits,
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
    /// What is signed or verified and how, for those who approve it; `None` of a stream, of which nobody is told what will have
    /// come.
    pub(super) fn told(
        &self,
        context: &Context<'_>,
        parameters: &CryptoParameters,
        version: Option<u32>,
    ) -> Option<Terms> {
        let bytes = match self {
            Self::Data(data) => terms::hashed(context, "the message", data),
            Self::Digest(digest) => terms::hashed(context, "the digest", digest),
            Self::Stream(_) => return None,
        };
        Some(
            [bytes, terms::term("parameters", parameters)]
                .into_iter()
                .chain(terms::version(version))
                .collect(),
        )
    }

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
        Ok(self.input.told(context, &self.parameters, self.version))
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
