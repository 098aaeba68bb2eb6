//! The binary encoding of TTLV: bytes to a tree within limits, and a writer that values encode themselves into.

use super::{ItemType, Node, Value};
use crate::error::{DecodeError, EncodeError, Fault};
use crate::schema::Version;
use crate::secret::SecretBytes;
use crate::tags::Tag;

/// Bytes of an item's tag, type and length.
pub const HEADER_BYTES: usize = 8;

/// Structures may never nest deeper than this, whatever the caller's limit: decoding recurses once a level.
pub(super) const DEPTH_CEILING: usize = 128;

/// What a peer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest message in bytes, header included.
    pub message_bytes_max: usize,
    /// Deepest nesting of structures; above 128 it counts as 128.
    pub depth_max: usize,
    /// Most items in one message.
    pub items_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes_max: 2 << 20, depth_max: 32, items_max: 20_000 }
    }
}

/// The length in bytes of the whole message that starts with this header, for a reader of a stream.
///
/// # Errors
///
/// When it is no structure, or longer than the limit: nothing that follows on the stream can be trusted then.
///
/// # Standard
///
/// KMIP 2.1, section 10.1; KMIP 1.4, section 9.1.1.
pub fn message_bytes(header: &[u8; HEADER_BYTES], limits: &Limits) -> Result<usize, DecodeError> {
    let (tag, code, length) = split_header(*header);
    match ItemType::from_code(code) {
        Some(ItemType::Structure) => {}
        Some(got) => {
            return Err(DecodeError::from(Fault::WrongType { expected: "Structure", got }).within(tag));
        }
        None => return Err(DecodeError::from(Fault::UnknownItemType(code)).within(tag)),
    }
    let length = length.saturating_add(HEADER_BYTES);
    check_length(length, limits)?;
    Ok(length)
}

pub(super) fn check_length(length: usize, limits: &Limits) -> Result<(), DecodeError> {
    let limit = limits.message_bytes_max;
    if length > limit { Err(Fault::MessageTooLong { length, limit }.into()) } else { Ok(()) }
}

/// Decodes exactly one item that fills `bytes`.
///
/// # Errors
///
/// Anything that is not well-formed TTLV within the limits, with the path to it.
///
/// # Standard
///
/// KMIP 2.1, section 10.1; KMIP 1.4, section 9.1.1.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Node, DecodeError> {
    check_length(bytes.len(), limits)?;
    let (node, rest) = decode_first(bytes, limits)?;
    if !rest.is_empty() {
        return Err(Fault::TrailingBytes(rest.len()).into());
    }
    Ok(node)
}

/// Decodes the item that `bytes` starts with and returns what follows it.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_first<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Node, &'a [u8]), DecodeError> {
    let mut reader = Reader { rest: bytes, limits: *limits, items: 0 };
    let node = reader.node(limits.depth_max.min(DEPTH_CEILING))?;
    Ok((node, reader.rest))
}

/// Encodes a tree. Holds whatever secrets the tree holds.
///
/// # Errors
///
/// When an item is longer than 4 GiB.
pub fn encode(node: &Node) -> Result<SecretBytes, EncodeError> {
    let mut writer = Writer::new(Version::V2_1);
    writer.value(node.tag, &node.value);
    writer.finish()
}

fn split_header(header: [u8; HEADER_BYTES]) -> (Tag, u8, usize) {
    let [a, b, c, code, length @ ..] = header;
    (Tag(u32::from_be_bytes([0, a, b, c])), code, u32::from_be_bytes(length) as usize)
}

struct Reader<'a> {
    rest: &'a [u8],
    limits: Limits,
    items: usize,
}

impl<'a> Reader<'a> {
    /// One item; `depth` more levels of structures may open.
    fn node(&mut self, depth: usize) -> Result<Node, DecodeError> {
        let header = self.take_header()?;
        let (tag, code, length) = split_header(header);
        self.items += 1;
        if self.items > self.limits.items_max {
            return Err(Fault::TooManyItems(self.limits.items_max).into());
        }
        match self.value(code, length, depth) {
            Ok(value) => Ok(Node { tag, value }),
            Err(error) => Err(error.within(tag)),
        }
    }

    fn value(&mut self, code: u8, length: usize, depth: usize) -> Result<Value, DecodeError> {
        let item_type = ItemType::from_code(code).ok_or(Fault::UnknownItemType(code))?;
        let wrong_length = Fault::WrongLength { item_type, length };
        let fits = match item_type {
            ItemType::Structure | ItemType::BigInteger => length.is_multiple_of(8),
            ItemType::Integer | ItemType::Enumeration | ItemType::Interval => length == 4,
            ItemType::TextString | ItemType::ByteString => true,
            _ => length == 8,
        };
        if !fits || (item_type == ItemType::BigInteger && length == 0) {
            return Err(wrong_length.into());
        }
        let bytes = self.take(length)?;
        Ok(match item_type {
            ItemType::Structure => Value::Structure(self.structure(bytes, depth)?),
            ItemType::Integer => Value::Integer(word(bytes) as i32),
            ItemType::LongInteger => Value::LongInteger(double_word(bytes) as i64),
            ItemType::BigInteger => Value::BigInteger(bytes.to_vec()),
            ItemType::Enumeration => Value::Enumeration(word(bytes)),
            ItemType::Boolean => match double_word(bytes) {
                0 => Value::Boolean(false),
                1 => Value::Boolean(true),
                _ => return Err(Fault::Boolean.into()),
            },
            ItemType::TextString => {
                Value::TextString(std::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)?.to_owned())
            }
            ItemType::ByteString => Value::ByteString(bytes.to_vec()),
            ItemType::DateTime => Value::DateTime(double_word(bytes) as i64),
            ItemType::Interval => Value::Interval(word(bytes)),
            ItemType::DateTimeExtended => Value::DateTimeExtended(double_word(bytes) as i64),
        })
    }

    fn structure(&mut self, body: &'a [u8], depth: usize) -> Result<Vec<Node>, DecodeError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Fault::TooDeep(self.limits.depth_max.min(DEPTH_CEILING)).into());
        };
        let outer = std::mem::replace(&mut self.rest, body);
        let mut nodes = Vec::new();
        while !self.rest.is_empty() {
            nodes.push(self.node(depth)?);
        }
        self.rest = outer;
        Ok(nodes)
    }

    fn take_header(&mut self) -> Result<[u8; HEADER_BYTES], DecodeError> {
        let available = self.rest.len();
        let (header, rest) =
            self.rest.split_first_chunk().ok_or(Fault::Truncated { needed: HEADER_BYTES, available })?;
        self.rest = rest;
        Ok(*header)
    }

    /// The next `length` bytes, after checking and skipping the padding to a multiple of 8.
    // INVARIANT: nothing is allocated for a length that has not arrived.
    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let available = self.rest.len();
        let padded = length.next_multiple_of(8);
        if padded > available {
            return Err(Fault::Truncated { needed: padded, available }.into());
        }
        let (item, rest) = self.rest.split_at(padded);
        let (value, padding) = item.split_at(length);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Fault::Padding.into());
        }
        self.rest = rest;
        Ok(value)
    }
}

/// A number of at most four bytes, most significant first.
fn word(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// A number of at most eight bytes, most significant first.
fn double_word(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Builds the bytes of one message for one protocol version. Its buffer may hold secrets and is wiped on drop and
/// whenever it moves to grow.
pub struct Writer {
    bytes: SecretBytes,
    version: Version,
    too_long: bool,
}

impl Writer {
    /// An empty writer for `version`.
    pub fn new(version: Version) -> Self {
        Self { bytes: Vec::with_capacity(512).into(), version, too_long: false }
    }

    /// The version that is written.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The bytes. Hold a secret when a value did.
    ///
    /// # Errors
    ///
    /// When an item was longer than 4 GiB.
    pub fn finish(self) -> Result<SecretBytes, EncodeError> {
        if self.too_long { Err(EncodeError::TooLong) } else { Ok(self.bytes) }
    }

    /// A structure, whose items `body` writes.
    pub fn structure(&mut self, tag: Tag, body: impl FnOnce(&mut Self)) {
        self.header(tag, ItemType::Structure, 0);
        let start = self.bytes.0.len();
        body(self);
        let length = self.length(self.bytes.0.len() - start);
        self.bytes.0[start - 4..start].copy_from_slice(&length.to_be_bytes());
    }

    /// An Integer.
    pub fn integer(&mut self, tag: Tag, number: i32) {
        self.four(tag, ItemType::Integer, number.to_be_bytes());
    }

    /// A Long Integer.
    pub fn long_integer(&mut self, tag: Tag, number: i64) {
        self.eight(tag, ItemType::LongInteger, number.to_be_bytes());
    }

    /// A Big Integer: two's complement, most significant byte first, sign-extended here to a multiple of 8 bytes.
    pub fn big_integer(&mut self, tag: Tag, number: &[u8]) {
        let padded = number.len().next_multiple_of(8).max(8);
        let fill = if number.first().is_some_and(|byte| byte & 0x80 != 0) { 0xFF } else { 0 };
        let length = self.length(padded);
        self.header(tag, ItemType::BigInteger, length);
        self.bytes.reserve(padded);
        self.bytes.0.resize(self.bytes.0.len() + padded - number.len(), fill);
        self.bytes.0.extend_from_slice(number);
    }

    /// An Enumeration.
    pub fn enumeration(&mut self, tag: Tag, code: u32) {
        self.four(tag, ItemType::Enumeration, code.to_be_bytes());
    }

    /// A Boolean.
    pub fn boolean(&mut self, tag: Tag, truth: bool) {
        self.eight(tag, ItemType::Boolean, u64::from(truth).to_be_bytes());
    }

    /// A Text String.
    pub fn text_string(&mut self, tag: Tag, text: &str) {
        self.padded(tag, ItemType::TextString, text.as_bytes());
    }

    /// A Byte String.
    pub fn byte_string(&mut self, tag: Tag, bytes: &[u8]) {
        self.padded(tag, ItemType::ByteString, bytes);
    }

    /// A Date-Time in seconds since 1970.
    pub fn date_time(&mut self, tag: Tag, seconds: i64) {
        self.eight(tag, ItemType::DateTime, seconds.to_be_bytes());
    }

    /// An Interval in seconds.
    pub fn interval(&mut self, tag: Tag, seconds: u32) {
        self.four(tag, ItemType::Interval, seconds.to_be_bytes());
    }

    /// A Date-Time Extended in microseconds since 1970.
    pub fn date_time_extended(&mut self, tag: Tag, micros: i64) {
        self.eight(tag, ItemType::DateTimeExtended, micros.to_be_bytes());
    }

    /// Any value of a tree, as it is.
    pub fn value(&mut self, tag: Tag, value: &Value) {
        match value {
            Value::Structure(nodes) => {
                self.structure(tag, |w| nodes.iter().for_each(|node| w.value(node.tag, &node.value)));
            }
            Value::Integer(number) => self.integer(tag, *number),
            Value::LongInteger(number) => self.long_integer(tag, *number),
            Value::BigInteger(number) => self.big_integer(tag, number),
            Value::Enumeration(code) => self.enumeration(tag, *code),
            Value::Boolean(truth) => self.boolean(tag, *truth),
            Value::TextString(text) => self.text_string(tag, text),
            Value::ByteString(bytes) => self.byte_string(tag, bytes),
            Value::DateTime(seconds) => self.date_time(tag, *seconds),
            Value::Interval(seconds) => self.interval(tag, *seconds),
            Value::DateTimeExtended(micros) => self.date_time_extended(tag, *micros),
        }
    }

    /// Items that another writer for the same version has written.
    pub(crate) fn encoded(&mut self, items: &SecretBytes) {
        self.bytes.append(items.expose());
    }

    fn header(&mut self, tag: Tag, item_type: ItemType, length: u32) {
        self.bytes.reserve(2 * HEADER_BYTES);
        self.bytes.0.extend_from_slice(&(tag.0 << 8 | item_type as u32).to_be_bytes());
        self.bytes.0.extend_from_slice(&length.to_be_bytes());
    }

    fn four(&mut self, tag: Tag, item_type: ItemType, value: [u8; 4]) {
        self.header(tag, item_type, 4);
        self.bytes.0.extend_from_slice(&value);
        self.bytes.0.extend_from_slice(&[0; 4]);
    }

    fn eight(&mut self, tag: Tag, item_type: ItemType, value: [u8; 8]) {
        self.header(tag, item_type, 8);
        self.bytes.0.extend_from_slice(&value);
    }

    fn padded(&mut self, tag: Tag, item_type: ItemType, value: &[u8]) {
        let length = self.length(value.len());
        self.header(tag, item_type, length);
        let padded = value.len().next_multiple_of(8);
        self.bytes.reserve(padded);
        self.bytes.0.extend_from_slice(value);
        self.bytes.0.resize(self.bytes.0.len() + padded - value.len(), 0);
    }

    /// A length field; remembers that the message cannot be encoded when the length does not fit.
    fn length(&mut self, length: usize) -> u32 {
        u32::try_from(length).unwrap_or_else(|_| {
            self.too_long = true;
            u32::MAX
        })
    }
}

#[cfg(test)]
mod tests;
