//! The generic tree: every message is one, whatever its tags mean. No encoding lives here.

use std::fmt;

use zeroize::Zeroize;

use crate::secret::wipe;
use crate::tags::Tag;

/// One tagged item. May hold secrets; [`Node::scrub`] wipes what is left in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The tag.
    pub tag: Tag,
    /// The value, which knows its type.
    pub value: Value,
}

/// The value of an item. May hold secrets: Debug shows the length of byte strings, never their bytes.
///
/// # Standard
///
/// KMIP 2.1, section 10.1.4.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Items in the order of the wire; repeated and unknown tags included.
    Structure(Vec<Node>),
    /// A signed 32-bit number.
    Integer(i32),
    /// A signed 64-bit number.
    LongInteger(i64),
    /// A two's complement number, most significant byte first, a multiple of 8 bytes.
    BigInteger(Vec<u8>),
    /// A code of an enumeration.
    Enumeration(u32),
    /// True or false.
    Boolean(bool),
    /// UTF-8 text, without terminator.
    TextString(String),
    /// Bytes.
    ByteString(Vec<u8>),
    /// Seconds since 1970-01-01T00:00:00Z.
    DateTime(i64),
    /// Seconds.
    Interval(u32),
    /// Microseconds since 1970-01-01T00:00:00Z (KMIP 2.0).
    DateTimeExtended(i64),
}

/// The type byte of an item.
///
/// # Standard
///
/// KMIP 2.1, section 10.1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ItemType {
    /// Structure, any length.
    Structure = 1,
    /// Integer, 4 bytes.
    Integer = 2,
    /// Long Integer, 8 bytes.
    LongInteger = 3,
    /// Big Integer, a multiple of 8 bytes.
    BigInteger = 4,
    /// Enumeration, 4 bytes.
    Enumeration = 5,
    /// Boolean, 8 bytes.
    Boolean = 6,
    /// Text String, any length.
    TextString = 7,
    /// Byte String, any length.
    ByteString = 8,
    /// Date-Time, 8 bytes.
    DateTime = 9,
    /// Interval, 4 bytes.
    Interval = 10,
    /// Date-Time Extended, 8 bytes.
    DateTimeExtended = 11,
}

impl ItemType {
    /// The type of a type byte, `None` if the standard knows none.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Structure,
            2 => Self::Integer,
            3 => Self::LongInteger,
            4 => Self::BigInteger,
            5 => Self::Enumeration,
            6 => Self::Boolean,
            7 => Self::TextString,
            8 => Self::ByteString,
            9 => Self::DateTime,
            10 => Self::Interval,
            11 => Self::DateTimeExtended,
            _ => return None,
        })
    }

    /// The standard's name as XML and JSON write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Structure => "Structure",
            Self::Integer => "Integer",
            Self::LongInteger => "LongInteger",
            Self::BigInteger => "BigInteger",
            Self::Enumeration => "Enumeration",
            Self::Boolean => "Boolean",
            Self::TextString => "TextString",
            Self::ByteString => "ByteString",
            Self::DateTime => "DateTime",
            Self::Interval => "Interval",
            Self::DateTimeExtended => "DateTimeExtended",
        }
    }
}

impl fmt::Display for ItemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Node {
    /// An item of a tag and a value.
    pub fn new(tag: Tag, value: Value) -> Self {
        Self { tag, value }
    }

    /// The first child with `tag`, if this is a structure that has one.
    pub fn child(&self, tag: Tag) -> Option<&Node> {
        match &self.value {
            Value::Structure(nodes) => nodes.iter().find(|node| node.tag == tag),
            _ => None,
        }
    }

    /// As [`Node::child`], to take from.
    pub fn child_mut(&mut self, tag: Tag) -> Option<&mut Node> {
        match &mut self.value {
            Value::Structure(nodes) => nodes.iter_mut().find(|node| node.tag == tag),
            _ => None,
        }
    }

    /// Wipes every text and byte string that is still in the tree.
    pub fn scrub(&mut self) {
        self.value.scrub();
    }
}

impl Value {
    /// The type of the value.
    pub fn item_type(&self) -> ItemType {
        match self {
            Self::Structure(_) => ItemType::Structure,
            Self::Integer(_) => ItemType::Integer,
            Self::LongInteger(_) => ItemType::LongInteger,
            Self::BigInteger(_) => ItemType::BigInteger,
            Self::Enumeration(_) => ItemType::Enumeration,
            Self::Boolean(_) => ItemType::Boolean,
            Self::TextString(_) => ItemType::TextString,
            Self::ByteString(_) => ItemType::ByteString,
            Self::DateTime(_) => ItemType::DateTime,
            Self::Interval(_) => ItemType::Interval,
            Self::DateTimeExtended(_) => ItemType::DateTimeExtended,
        }
    }

    /// Wipes every text and byte string that is still in the value.
    pub fn scrub(&mut self) {
        match self {
            Self::Structure(nodes) => nodes.iter_mut().for_each(Node::scrub),
            Self::BigInteger(bytes) | Self::ByteString(bytes) => wipe(bytes),
            Self::TextString(text) => text.zeroize(),
            _ => {}
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structure(nodes) => f.debug_list().entries(nodes).finish(),
            Self::Integer(number) => write!(f, "Integer({number})"),
            Self::LongInteger(number) => write!(f, "LongInteger({number})"),
            Self::BigInteger(bytes) => write!(f, "BigInteger({} bytes)", bytes.len()),
            Self::Enumeration(code) => write!(f, "Enumeration(0x{code:X})"),
            Self::Boolean(truth) => write!(f, "Boolean({truth})"),
            Self::TextString(text) => write!(f, "TextString({} bytes)", text.len()),
            Self::ByteString(bytes) => write!(f, "ByteString({} bytes)", bytes.len()),
            Self::DateTime(seconds) => write!(f, "DateTime({seconds})"),
            Self::Interval(seconds) => write!(f, "Interval({seconds})"),
            Self::DateTimeExtended(micros) => write!(f, "DateTimeExtended({micros})"),
        }
    }
}
