//! The one error type of core. Each front-end maps every kind to its protocol without a wildcard.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Lsn, ObjectId};

/// What went wrong, in terms that every protocol can answer. Its stored form is its word: entries of the journal keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request is malformed or contradicts itself.
    Invalid,
    /// A named field or attribute has a value that cannot be accepted.
    InvalidField,
    /// The object, key or principal does not exist, or the caller may not know that it does.
    NotFound,
    /// The object existed and was destroyed.
    Destroyed,
    /// The object is archived: it serves nobody until it is recovered.
    Archived,
    /// The caller's identity is known and may not do this.
    Denied,
    /// No valid identity was proven.
    Unauthenticated,
    /// The object's state does not allow this.
    WrongState,
    /// The usage mask, key type or policy of the key does not allow this use.
    WrongUsage,
    /// The key may not leave the server.
    NotExtractable,
    /// The key leaves the server only wrapped.
    Sensitive,
    /// A new object would not be what the realm's constraints want.
    ConstraintViolation,
    /// The attribute cannot be changed by this caller or at this time.
    ReadOnlyAttribute,
    /// The attribute is not there.
    AttributeNotFound,
    /// The attribute has values, and the one that was named is not among them.
    AttributeInstanceNotFound,
    /// The name or instance is taken.
    AlreadyExists,
    /// This server does not offer the algorithm, format, parameter or operation.
    Unsupported,
    /// The value of the key is kept elsewhere, and what was asked for takes it.
    KeyValueNotPresent,
    /// Decryption, unwrapping or verification failed; nothing more is said on purpose.
    CryptoFailed,
    /// The usage limits of the key leave too few units.
    UsageLimitExceeded,
    /// A limit on a count or a rate was reached, or a quota is used up.
    LimitExceeded,
    /// What was sent or asked for is larger than this server takes at once.
    TooLarge,
    /// The object is not in the state that the caller made its condition.
    PreconditionFailed,
    /// What lies at a backup target is not this server's, or does not fit what is here.
    ArchiveMismatch,
    /// Others changed the same data too often while this ran; trying again helps.
    Conflict,
    /// The server is stopping, its disk is full or its journal failed.
    Unavailable,
    /// Others must approve it first; then the same request is to be sent again.
    ApprovalPending,
    /// A fault of this server.
    Internal,
}

/// An error with a text for the caller and one that stays inside.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    public: String,
    internal: Option<Box<str>>,
    retry_seconds: Option<u32>,
    approval: Option<ObjectId>,
    entry: Option<Lsn>,
    refusal: Option<Box<str>>,
}

/// Result of core's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error whose `public` text may be sent to the caller: what was wrong, where, what to do.
    pub fn new(kind: ErrorKind, public: impl Into<String>) -> Self {
        Self {
            kind,
            public: public.into(),
            internal: None,
            retry_seconds: None,
            approval: None,
            entry: None,
            refusal: None,
        }
    }

    /// A fault of ours: the cause goes to the log only.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Internal, "internal error; the server's log has the cause").because(cause)
    }

    /// Others must approve it first, under this id.
    pub fn pending(approval: ObjectId, public: impl Into<String>) -> Self {
        Self { approval: Some(approval), ..Self::new(ErrorKind::ApprovalPending, public) }
    }

    /// The one answer for "not there" and "may not know": both look the same outside, to the letter.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("no such {what}"))
    }

    /// `not_found` for whatever a caller names by a key's name or id or an object's id.
    pub fn no_such_key() -> Self {
        Self::not_found("key or object")
    }

    /// `no_such_key` for what is there and may not be known: the record, which auditors and those who see the key read, says that it
    /// was a refusal and why. The caller is told the same as of nothing.
    pub(crate) fn hidden_key(refusal: impl Into<String>) -> Self {
        let refusal = refusal.into();
        Self { refusal: Some(refusal.as_str().into()), ..Self::no_such_key().because(refusal) }
    }

    /// Why it was refused, where the caller may not know that it was.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// The one answer for whatever does not decrypt, unwrap or belong: it says nothing of why.
    pub fn crypto_failed() -> Self {
        Self::new(ErrorKind::CryptoFailed, "decryption failed: wrong key, or altered data or parameters")
    }

    /// Adds a cause for the log that never leaves the server.
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.internal = Some(cause.to_string().into());
        self
    }

    /// Adds after how many seconds it may go well.
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_seconds: Some(seconds), ..self }
    }

    /// After how many seconds it may go well, where that is known.
    pub fn retry_seconds(&self) -> Option<u32> {
        self.retry_seconds
    }

    /// Adds where it is on record.
    pub fn recorded_at(self, entry: Lsn) -> Self {
        Self { entry: Some(entry), ..self }
    }

    /// The entry of the request that it ended, where that is known.
    pub fn entry(&self) -> Option<Lsn> {
        self.entry
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Text for the caller. Holds no secret.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Id of the approval that it waits for, where it does.
    pub fn approval(&self) -> Option<ObjectId> {
        self.approval
    }

    /// Text for the log alone, where there is one.
    pub fn cause(&self) -> Option<&str> {
        self.internal.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.public)?;
        match &self.internal {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
