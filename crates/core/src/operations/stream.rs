//! Messages of any length that are hashed, signed, verified or authenticated while they come, in constant memory. Two steps:
//! one says whether the caller may, and reads nothing; the operation itself (sign, verify, mac, hash) comes once all is
//! there. Not here: messages in several requests (parts).

use super::{Operation, Subject, choose::usable, encrypt::merged, parts::PartOf, subject};
use crate::{
    access::{Action, Permit},
    error::{Error, Result},
    model::{CryptoParameters, HashAlgorithm, ObjectId},
    ports::crypto::{Crypto, Running},
    request::{Context, Reference, Resolved},
    secret::SecretBytes,
};

/// Begins a message that is to be signed, verified or authenticated. On record, and no use of the key.
pub struct BeginStream {
    /// Key or object.
    pub key: Reference,
    /// Version; `None`: the newest that may.
    pub version: Option<u32>,
    /// How.
    pub parameters: CryptoParameters,
    /// What for.
    pub of: PartOf,
}

/// A message on its way. May hold a secret.
pub struct Stream {
    object: Option<ObjectId>,
    running: Box<dyn Running>,
    bytes: u64,
}

/// A message that is through. Holds a secret where it is a MAC that nobody may know yet.
pub struct Streamed {
    object: Option<ObjectId>,
    value: SecretBytes,
    bytes: u64,
}

/// A message, at once or as a stream. May hold a secret.
pub enum Message {
    /// All of it.
    Whole(Vec<u8>),
    /// What came of it.
    Stream(Streamed),
}

impl Operation for BeginStream {
    type Reply = Stream;

    fn action(&self) -> Action {
        self.of.action()
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Stream> {
        let object = usable(context, &subject(resolved)?, self.version, self.of.wanted())?;
        let (key, parameters) = (context.parsed(&object)?, merged(&self.parameters, &object));
        let running = match self.of {
            PartOf::Sign | PartOf::Verify => context.crypto().begin_hash(key.message_hash(&parameters)?)?,
            PartOf::Mac | PartOf::MacVerify => key.begin_mac(&parameters)?,
        };
        context.note_no_use("a stream begins: nothing is computed before its end");
        Ok(Stream { object: Some(object.id), running, bytes: 0 })
    }
}

impl Stream {
    /// A message that is hashed, without any key.
    ///
    /// # Errors
    /// `Unsupported` for a hash that is not offered.
    pub fn of_hash(crypto: &dyn Crypto, hash: HashAlgorithm) -> Result<Self> {
        Ok(Self { object: None, running: crypto.begin_hash(hash)?, bytes: 0 })
    }

    /// The object that it began with; `None`: no key is used.
    pub fn object(&self) -> Option<ObjectId> {
        self.object
    }

    /// Takes what follows.
    ///
    /// # Errors
    /// `Internal` where the library fails.
    pub fn update(&mut self, data: &[u8]) -> Result<()> {
        self.bytes = self.bytes.saturating_add(data.len() as u64);
        self.running.update(data)
    }

    /// Nothing follows.
    ///
    /// # Errors
    /// `Internal` where the library fails.
    pub fn finish(self) -> Result<Streamed> {
        let Self { object, running, bytes } = self;
        Ok(Streamed { object, value: SecretBytes::new(running.finish()?), bytes })
    }
}

impl Streamed {
    /// Its length in bytes.
    pub(super) fn bytes(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }

    /// Its digest.
    pub(super) fn digest(&self) -> &[u8] {
        self.value.expose()
    }

    /// Its MAC by this object.
    ///
    /// # Errors
    /// `Internal` where it began with another one.
    fn mac(&self, object: ObjectId) -> Result<Vec<u8>> {
        if self.object == Some(object) {
            return Ok(self.value.expose().to_vec());
        }
        Err(Error::internal("a stream ends with another object than it began with"))
    }
}

impl Message {
    /// Its length in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Whole(data) => data.len(),
            Self::Stream(stream) => stream.bytes(),
        }
    }

    /// What is still to be worked through, in bytes.
    pub(super) fn bytes_left(&self) -> usize {
        match self {
            Self::Whole(data) => data.len(),
            Self::Stream(_) => 0,
        }
    }

    /// Its MAC by this object, whose way to make one `of` is.
    ///
    /// # Errors
    /// Those of `of`; `Internal` where a stream began with another object.
    pub(super) fn mac(&self, object: ObjectId, of: impl FnOnce(&[u8]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        match self {
            Self::Whole(data) => of(data),
            Self::Stream(stream) => stream.mac(object),
        }
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::Whole(data)
    }
}
