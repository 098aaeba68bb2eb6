//! Messages of any length that are hashed, signed, verified or authenticated while they come, in constant memory. Two steps:
//! one says whether the caller may, and reads nothing; the operation itself (sign, verify, mac, hash) comes once all is
//! there. Not here: messages in several requests (parts).

use super::{Operation, Subject, choose::usable, encrypt::merged, parts::PartOf, subject, verify};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    model::{CryptoParameters, HashAlgorithm, ObjectId},
    ports::crypto::{Crypto, Running},
    request::{Context, Reference, Resolved},
    secret::SecretBytes,
};

/// Begins a message that is to be signed, verified or authenticated. On record, and no use of the key.
pub struct BeginStream {
    /// Key or object.
    pub key: Reference,
    /// Version; `None`: the newest that may, and for Verify any that it will try.
    pub version: Option<u32>,
    /// How.
    pub parameters: CryptoParameters,
    /// What for.
    pub of: PartOf,
}

/// A message on its way. May hold a secret.
pub struct Stream {
    object: Option<ObjectId>,
    running: Vec<(Makes, Box<dyn Running>)>,
    bytes: u64,
}

/// What comes of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Makes {
    Digest(HashAlgorithm),
    Mac(ObjectId),
}

/// A message that is through. Holds a secret where it is a MAC that nobody may know yet.
pub struct Streamed {
    values: Vec<(Makes, SecretBytes)>,
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
        let resolved = subject(resolved)?;
        let newest = self.begin(context, &resolved, self.version);
        let stream = match self.of {
            PartOf::Verify => self.begin_older(context, &resolved, newest),
            PartOf::Sign | PartOf::Mac | PartOf::MacVerify => newest,
        }?;
        context.note_no_use("a stream begins: nothing is computed before its end");
        Ok(stream)
    }
}

impl BeginStream {
    fn begin(&self, context: &mut Context<'_>, resolved: &Resolved, version: Option<u32>) -> Result<Stream> {
        let object = usable(context, resolved, version, self.of.wanted())?;
        let (key, parameters) = (context.parsed(&object)?, merged(&self.parameters, &object));
        let running = match self.of {
            PartOf::Sign | PartOf::Verify => {
                let hash = key.message_hash(&parameters)?;
                (Makes::Digest(hash), context.crypto().begin_hash(hash)?)
            }
            PartOf::Mac | PartOf::MacVerify => (Makes::Mac(object.id), key.begin_mac(&parameters)?),
        };
        Ok(Stream { object: Some(object.id), running: vec![running], bytes: 0 })
    }

    /// Adds the digests that older versions verify: which one signed shows only at the end.
    fn begin_older(
        &self,
        context: &mut Context<'_>,
        resolved: &Resolved,
        newest: Result<Stream>,
    ) -> Result<Stream> {
        let mut all = newest;
        for version in verify::older(resolved, self.version) {
            match (self.begin(context, resolved, Some(version)), &mut all) {
                (Ok(stream), Ok(all)) => all.take_over(stream),
                (Ok(stream), Err(_)) => all = Ok(stream),
                (Err(error), _) if error.kind() == ErrorKind::Internal => return Err(error),
                (Err(_), _) => {}
            }
        }
        all
    }
}

impl Stream {
    /// A message that is hashed, without any key.
    ///
    /// # Errors
    /// `Unsupported` for a hash that is not offered.
    pub fn of_hash(crypto: &dyn Crypto, hash: HashAlgorithm) -> Result<Self> {
        Ok(Self { object: None, running: vec![(Makes::Digest(hash), crypto.begin_hash(hash)?)], bytes: 0 })
    }

    /// Makes also what another one makes that has not begun either.
    fn take_over(&mut self, other: Self) {
        for (makes, running) in other.running {
            if !self.running.iter().any(|(known, _)| *known == makes) {
                self.running.push((makes, running));
            }
        }
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
        self.running.iter_mut().try_for_each(|(_, running)| running.update(data))
    }

    /// Nothing follows.
    ///
    /// # Errors
    /// `Internal` where the library fails.
    pub fn finish(self) -> Result<Streamed> {
        let finish =
            |(makes, running): (Makes, Box<dyn Running>)| Ok((makes, SecretBytes::new(running.finish()?)));
        let values = self.running.into_iter().map(finish).collect::<Result<_>>()?;
        Ok(Streamed { values, bytes: self.bytes })
    }
}

impl Streamed {
    /// Its length in bytes.
    pub(super) fn bytes(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }

    /// Its digest by this hash.
    ///
    /// # Errors
    /// `Conflict` where none was made: the key's parameters or versions were others when it began.
    pub(super) fn digest(&self, hash: HashAlgorithm) -> Result<&[u8]> {
        let changed = "the key takes another hash of the message than when it began: send it again";
        self.value(Makes::Digest(hash)).ok_or_else(|| Error::new(ErrorKind::Conflict, changed))
    }

    /// Its MAC by this object.
    ///
    /// # Errors
    /// `Internal` where it began with another one.
    fn mac(&self, object: ObjectId) -> Result<Vec<u8>> {
        let other = || Error::internal("a stream ends with another object than it began with");
        self.value(Makes::Mac(object)).map(<[u8]>::to_vec).ok_or_else(other)
    }

    fn value(&self, wanted: Makes) -> Option<&[u8]> {
        self.values.iter().find(|(makes, _)| *makes == wanted).map(|(_, value)| value.expose())
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
