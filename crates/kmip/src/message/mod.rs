//! Messages: header and batch items, requests and responses, as bytes and back.
//!
//! A payload that cannot be decoded fails its batch item alone; a message that cannot be decoded still tells as much
//! of its header as could be read, so that the answer can mirror it.

mod credential;
mod request;
mod response;

pub use credential::*;
pub use request::{RejectedRequest, RequestHeader, RequestItem, RequestMessage};
pub use response::{ResponseHeader, ResponseItem, ResponseMessage};

use crate::error::{DecodeError, Fault};
use crate::schema::{Field, Fields, ProtocolVersion, Version, Wire, structure};
use crate::tags::Tag;
use crate::ttlv::binary::Writer;
use crate::ttlv::{Node, Value};

structure! {
    /// Something that a vendor adds to a batch item.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 9.13.
    #[derive(Clone, Debug, PartialEq)]
    MessageExtension {
        /// The vendor.
        vendor_identification: String = VENDOR_IDENTIFICATION, V1_0..;
        /// Whether one who does not know it has to fail the batch item.
        criticality_indicator: bool = CRITICALITY_INDICATOR, V1_0..;
        /// What it says.
        vendor_extension: Value = VENDOR_EXTENSION, V1_0..;
    }
}

#[cfg(test)]
impl crate::schema::Sample for Value {
    fn sample() -> Self {
        Value::Integer(1)
    }
}

/// Checks that a tree is the message that is expected.
fn expect_tag(node: &Node, expected: Tag) -> Result<(), DecodeError> {
    if node.tag == expected { Ok(()) } else { Err(Fault::WrongTag { expected, got: node.tag }.into()) }
}

/// The protocol version in a header, whatever else is in it: it decides how the rest is read.
fn protocol_version(header: &mut Value) -> Result<ProtocolVersion, DecodeError> {
    Field::take(&mut Fields::of(header, Version::V1_0)?, Tag::PROTOCOL_VERSION)
}

/// Reads the batch items of a message and checks that the header counted them right.
fn batch_items<T>(
    message: &mut Value,
    version: Version,
    declared: i32,
    read: impl Fn(&mut Value, Version) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut fields = Fields::of(message, version)?;
    let nodes = fields.nodes().iter_mut().filter(|node| node.tag == Tag::BATCH_ITEM);
    let items = nodes
        .enumerate()
        .map(|(index, node)| {
            read(&mut node.value, version).map_err(|error| error.within_repeated(Tag::BATCH_ITEM, index))
        })
        .collect::<Result<Vec<T>, DecodeError>>()?;
    if usize::try_from(declared) != Ok(items.len()) {
        return Err(Fault::BatchCount { declared, received: items.len() }.into());
    }
    Ok(items)
}

/// Reads the header of a message: the version first, because it decides how the rest is read.
fn read_header<H: Wire>(message: &mut Value, tag: Tag) -> Result<(Version, i32, H), DecodeError> {
    let mut fields = Fields::of(message, Version::V1_0)?;
    let node = fields.single(tag)?.ok_or_else(|| DecodeError::from(Fault::Missing).within(tag))?;
    let mut read = || {
        let version = Version::try_from(protocol_version(&mut node.value)?)?;
        let batch_count = Field::take(&mut Fields::of(&mut node.value, version)?, Tag::BATCH_COUNT)?;
        Ok((version, batch_count, H::read(&mut node.value, version)?))
    };
    read().map_err(|error: DecodeError| error.within(tag))
}

/// Writes the header of a message: the version first and the number of items last, as every version has them.
fn write_header(writer: &mut Writer, tag: Tag, items: usize, fields: impl FnOnce(&mut Writer)) {
    writer.structure(tag, |writer| {
        ProtocolVersion::from(writer.version()).put(writer, Tag::PROTOCOL_VERSION);
        fields(writer);
        i32::try_from(items).unwrap_or(i32::MAX).put(writer, Tag::BATCH_COUNT);
    });
}

#[cfg(test)]
mod tests;
