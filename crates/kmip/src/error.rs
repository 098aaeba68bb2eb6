//! Why a message could not be decoded or encoded, and where in it. What to answer is the server's business.

use std::fmt;

use crate::enums::ResultReason;
use crate::schema::ProtocolVersion;
use crate::tags::Tag;
use crate::ttlv::ItemType;

/// A message, or a part of it, that could not be decoded: the path to the item and what was wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    /// Innermost first: the error is made at the leaf and learns where it is on the way out.
    path: Vec<Step>,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    tag: Tag,
    index: Option<usize>,
}

/// What was wrong with an item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Fewer bytes arrived than the length field announced.
    #[error("truncated: {needed} bytes announced, {available} left")]
    Truncated {
        /// Bytes that the header or its length field asks for.
        needed: usize,
        /// Bytes that were there.
        available: usize,
    },
    /// Bytes follow the end of the message.
    #[error("{0} bytes follow the end of the message")]
    TrailingBytes(usize),
    /// The message is longer than the limit.
    #[error("message of {length} bytes is over the limit of {limit}")]
    MessageTooLong {
        /// Bytes announced, header included.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Structures nest deeper than the limit.
    #[error("structures nest deeper than {0}")]
    TooDeep(usize),
    /// The message has more items than the limit.
    #[error("more than {0} items in one message")]
    TooManyItems(usize),
    /// The item type byte is none of the standard's.
    #[error("unknown item type 0x{0:02X}")]
    UnknownItemType(u8),
    /// The length does not fit the item type.
    #[error("length {length} does not fit {item_type}")]
    WrongLength {
        /// The item's type.
        item_type: ItemType,
        /// The length that was sent, in bytes.
        length: usize,
    },
    /// Padding bytes are not zero.
    #[error("padding is not zero")]
    Padding,
    /// A Boolean is neither 0 nor 1.
    #[error("Boolean is neither 0 nor 1")]
    Boolean,
    /// A text string is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// The text is not what the encoding wants.
    #[error("{what}, at byte {position}")]
    Syntax {
        /// What is wrong.
        what: &'static str,
        /// Where the reader stopped, in bytes from the begin.
        position: usize,
    },
    /// The item has another type than the field asks for.
    #[error("expected {expected}, got {got}")]
    WrongType {
        /// The type or types that the field allows.
        expected: &'static str,
        /// The type that was sent.
        got: ItemType,
    },
    /// The message starts with another tag.
    #[error("expected {expected}, got {got}")]
    WrongTag {
        /// The tag that belongs here.
        expected: Tag,
        /// The tag that was sent.
        got: Tag,
    },
    /// A required item is not there.
    #[error("is required and missing")]
    Missing,
    /// An item that may be there once is there more than once.
    #[error("is given more than once")]
    Repeated,
    /// The value is of the right type and means nothing here.
    #[error("{0}")]
    Value(&'static str),
    /// The operation of a batch item is a word (XML, JSON) that names none.
    #[error("this names no operation")]
    NoSuchOperation,
    /// The message asks for a protocol version that this crate does not speak.
    #[error("protocol version {0} is not supported, use 1.0 to 1.4, 2.0 or 2.1")]
    UnsupportedVersion(ProtocolVersion),
    /// The header counts other than the batch items that are there.
    #[error("BatchCount says {declared}, the message holds {received} batch items")]
    BatchCount {
        /// What the header says.
        declared: i32,
        /// How many items came.
        received: usize,
    },
}

impl DecodeError {
    /// Names the item around the error: called once a level on the way out.
    pub(crate) fn within(mut self, tag: Tag) -> Self {
        self.0.path.push(Step { tag, index: None });
        self
    }

    /// As [`DecodeError::within`], for the item at `index` (from 0) among its repeated siblings.
    pub(crate) fn within_repeated(mut self, tag: Tag, index: usize) -> Self {
        self.0.path.push(Step { tag, index: Some(index) });
        self
    }

    /// What was wrong.
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// The tag of the item that was wrong, if any was reached.
    pub fn tag(&self) -> Option<Tag> {
        self.0.path.first().map(|step| step.tag)
    }

    /// The result reason that says it best to the peer; [`ResultReason::for_version`] fits it to the version.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.46.
    pub fn result_reason(&self) -> ResultReason {
        match self.0.fault {
            Fault::Missing => ResultReason::MissingData,
            Fault::NoSuchOperation => ResultReason::OperationNotSupported,
            Fault::WrongType { .. } | Fault::Value(_) => ResultReason::InvalidField,
            Fault::UnsupportedVersion(_) => ResultReason::UnsupportedProtocolVersion,
            _ => ResultReason::InvalidMessage,
        }
    }
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        Self(Box::new(Inner { path: Vec::new(), fault }))
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.path.iter().rev().enumerate() {
            if position > 0 {
                f.write_str("/")?;
            }
            write!(f, "{}", step.tag)?;
            if let Some(index) = step.index {
                write!(f, "[{index}]")?;
            }
        }
        if !self.0.path.is_empty() {
            f.write_str(": ")?;
        }
        write!(f, "{}", self.0.fault)
    }
}

impl std::error::Error for DecodeError {}

/// A message that cannot be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// An item is longer than TTLV can say (2^32 - 1 bytes).
    #[error("an item is longer than the 4 GiB that TTLV can express: send it in parts")]
    TooLong,
    /// A text holds a character that XML 1.0 cannot express.
    #[error("a text holds a character that XML cannot express: use TTLV or JSON")]
    NotXml,
    /// The payload of a batch item is an error of decoding, so there is nothing to encode.
    #[error("a batch item that could not be decoded cannot be encoded")]
    NotDecoded,
}
