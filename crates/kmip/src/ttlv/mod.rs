//! TTLV: tag, type, length, value. The generic tree and its three encodings: binary, XML and JSON. What the tags mean is
//! not known here, but for the names that XML and JSON write for codes.

pub mod binary;
mod json;
mod text;
mod tree;
mod xml;

pub use tree::{ItemType, Node, Value};

use crate::error::{DecodeError, EncodeError};
use crate::secret::SecretBytes;
use binary::Limits;

/// What is wrong with a name that stands where an enumeration is.
pub(crate) const NO_SUCH_NAME: &str = "this names no value of the enumeration";

/// How a message stands in bytes. Every message can stand in each.
///
/// # Standard
///
/// KMIP 2.1, section 10; KMIP Profiles 2.1, sections 5.2 to 5.4 (HTTPS, JSON, XML).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Binary.
    Ttlv,
    /// XML.
    Xml,
    /// JSON.
    Json,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Encoding; 3] = [Self::Ttlv, Self::Xml, Self::Json];

    /// The media type that says it over HTTP.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ttlv => "application/octet-stream",
            Self::Xml => "text/xml",
            Self::Json => "application/json",
        }
    }

    /// The encoding that a media type without parameters says, in whatever case.
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.media_type().eq_ignore_ascii_case(media_type))
    }

    /// Decodes exactly one item that fills `bytes`. The limits count the bytes as they are; JSON nests at most 63
    /// structures, whatever the limit.
    ///
    /// # Errors
    ///
    /// Anything that is not well-formed within the limits, with the path to it.
    pub fn decode(self, bytes: &[u8], limits: &Limits) -> Result<Node, DecodeError> {
        match self {
            Self::Ttlv => binary::decode(bytes, limits),
            Self::Xml | Self::Json => text::node(&self.parse(bytes, limits)?),
        }
    }

    /// Encodes a tree. Holds whatever secrets the tree holds.
    ///
    /// # Errors
    ///
    /// When an item is longer than 4 GiB, or XML cannot express a character of a text.
    pub fn encode(self, node: &Node) -> Result<SecretBytes, EncodeError> {
        match self {
            Self::Ttlv => binary::encode(node),
            Self::Xml => xml::write(node),
            Self::Json => Ok(json::write(node)),
        }
    }

    /// What a message says in binary, in this encoding. Holds whatever secrets it holds.
    ///
    /// # Errors
    ///
    /// As [`Encoding::encode`]; [`EncodeError::NotDecoded`] when the bytes are no message.
    pub fn translate(self, binary: SecretBytes) -> Result<SecretBytes, EncodeError> {
        if self == Self::Ttlv {
            return Ok(binary);
        }
        let unlimited =
            Limits { message_bytes_max: usize::MAX, depth_max: usize::MAX, items_max: usize::MAX };
        let mut node = binary::decode(binary.expose(), &unlimited).map_err(|_| EncodeError::NotDecoded)?;
        let text = self.encode(&node);
        node.scrub();
        text
    }

    /// The first item of a message that could not be decoded whole: its header, mostly.
    pub(crate) fn decode_header(self, bytes: &[u8], limits: &Limits) -> Option<Node> {
        match self {
            Self::Ttlv => {
                let (node, _) = binary::decode_first(bytes.get(binary::HEADER_BYTES..)?, limits).ok()?;
                Some(node)
            }
            Self::Xml | Self::Json => text::node(self.parse(bytes, limits).ok()?.first()?).ok(),
        }
    }

    fn parse(self, bytes: &[u8], limits: &Limits) -> Result<text::Item, DecodeError> {
        binary::check_length(bytes.len(), limits)?;
        if self == Self::Xml { xml::parse(bytes, limits) } else { json::parse(bytes, limits) }
    }
}

#[cfg(test)]
mod tests;
