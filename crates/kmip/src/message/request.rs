//! Request messages.

use super::{
    Authentication, MessageExtension, batch_items, expect_tag, protocol_version, read_header, write_header,
};
use crate::enums::{AsynchronousIndicator, AttestationType, BatchErrorContinuationOption, Operation};
use crate::error::{DecodeError, EncodeError, Fault};
use crate::payloads::Request;
use crate::schema::{Field, Fields, Version, structure};
use crate::secret::SecretBytes;
use crate::tags::Tag;
use crate::ttlv::binary::{Limits, Writer};
use crate::ttlv::{Encoding, Node, Value};
use crate::values::DateTime;

structure! {
    /// The header of a request, but for the version, which the message has, and the batch count, which is counted.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 8.2; KMIP 1.4, section 7.1.
    #[derive(Default)]
    RequestHeader {
        /// Longest response that the client takes, in bytes.
        maximum_response_size: Option<i32> = MAXIMUM_RESPONSE_SIZE, V1_0..;
        /// The client's name for the request, for logs.
        client_correlation_value: Option<String> = CLIENT_CORRELATION_VALUE, V1_4..;
        /// The server's name for an earlier exchange.
        server_correlation_value: Option<String> = SERVER_CORRELATION_VALUE, V1_4..;
        /// Whether the server may answer later.
        asynchronous_indicator: Option<AsynchronousIndicator> = ASYNCHRONOUS_INDICATOR, V1_0..;
        /// Whether the client can attest.
        attestation_capable_indicator: Option<bool> = ATTESTATION_CAPABLE_INDICATOR, V1_2..;
        /// How it can attest.
        attestation_types: Vec<AttestationType> = ATTESTATION_TYPE, V1_2..;
        /// Credentials. Hold secrets.
        authentication: Option<Authentication> = AUTHENTICATION, V1_0..;
        /// What happens to the batch when an item fails; Stop when absent.
        batch_error_continuation_option: Option<BatchErrorContinuationOption> = BATCH_ERROR_CONTINUATION_OPTION, V1_0..;
        /// Whether the items have to be done in order.
        batch_order_option: Option<bool> = BATCH_ORDER_OPTION, V1_0..;
        /// When the client sent it.
        time_stamp: Option<DateTime> = TIME_STAMP, V1_0..;
    }
}

/// A request. May hold secrets.
///
/// # Standard
///
/// KMIP 2.1, section 8.1.
pub struct RequestMessage {
    /// The version of the message.
    pub version: Version,
    /// The header.
    pub header: RequestHeader,
    /// What is asked, in order.
    pub items: Vec<RequestItem>,
}

/// One thing that a request asks.
///
/// # Standard
///
/// KMIP 2.1, section 8.3.
pub struct RequestItem {
    /// The operation.
    pub operation: Operation,
    /// Do not answer the data (2.x).
    pub ephemeral: Option<bool>,
    /// The client's name for the item, mirrored in the answer.
    pub unique_batch_item_id: Option<Vec<u8>>,
    /// The payload, or why it could not be decoded: such an item is answered with a failure, the others are done.
    pub payload: Result<Request, DecodeError>,
    /// What vendors added.
    pub message_extensions: Vec<MessageExtension>,
}

/// A request that could not be decoded, with what is known of it to shape the answer.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct RejectedRequest {
    /// Why. [`Fault::UnsupportedVersion`] says which version was asked.
    pub error: DecodeError,
    /// The version to answer in: the request's, or the nearest to it, or the oldest where none could be read.
    pub version: Version,
    /// The client's name for the request.
    pub client_correlation_value: Option<String>,
}

impl RequestItem {
    /// An item of a payload and nothing else.
    pub fn new(payload: Request) -> Self {
        Self {
            operation: payload.operation(),
            ephemeral: None,
            unique_batch_item_id: None,
            payload: Ok(payload),
            message_extensions: Vec::new(),
        }
    }

    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        let mut fields = Fields::of(value, version)?;
        let operation = match fields.single(Tag::OPERATION)? {
            // A word without a meaning: only this item fails.
            Some(Node { value: Value::TextString(_), .. }) => None,
            _ => Some(Field::take(&mut fields, Tag::OPERATION)?),
        };
        let payload = match (operation, fields.single(Tag::REQUEST_PAYLOAD)?) {
            (None, _) => Err(DecodeError::from(Fault::NoSuchOperation).within(Tag::OPERATION)),
            (Some(operation), payload) => match payload {
                Some(node) => Request::read(operation, &mut node.value, version),
                None => Err(Fault::Missing.into()),
            }
            .map_err(|error| error.within(Tag::REQUEST_PAYLOAD)),
        };
        Ok(Self {
            operation: operation.unwrap_or(Operation::Unnamed(0)),
            ephemeral: Field::take(&mut fields, Tag::EPHEMERAL)?,
            unique_batch_item_id: Field::take(&mut fields, Tag::UNIQUE_BATCH_ITEM_ID)?,
            payload,
            message_extensions: Field::take(&mut fields, Tag::MESSAGE_EXTENSION)?,
        })
    }

    fn write(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        let payload = self.payload.as_ref().map_err(|_| EncodeError::NotDecoded)?;
        writer.structure(Tag::BATCH_ITEM, |writer| {
            self.operation.put(writer, Tag::OPERATION);
            if writer.version() >= Version::V2_0 {
                self.ephemeral.put(writer, Tag::EPHEMERAL);
            }
            self.unique_batch_item_id.put(writer, Tag::UNIQUE_BATCH_ITEM_ID);
            payload.write(writer, Tag::REQUEST_PAYLOAD);
            self.message_extensions.put(writer, Tag::MESSAGE_EXTENSION);
        });
        Ok(())
    }
}

impl RequestMessage {
    /// A request of `items` with a plain header. With more than one item each gets a number as its id.
    pub fn new(version: Version, mut items: Vec<RequestItem>) -> Self {
        if items.len() > 1 {
            for (number, item) in (1u32..).zip(&mut items) {
                item.unique_batch_item_id.get_or_insert_with(|| number.to_be_bytes().to_vec());
            }
        }
        Self { version, header: RequestHeader::default(), items }
    }

    /// Decodes a request.
    ///
    /// # Errors
    ///
    /// When the bytes are not one well-formed request message within the limits, of a version that is spoken. What
    /// is wrong in a payload is an error of its item.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 8.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, Box<RejectedRequest>> {
        Self::decode_from(Encoding::Ttlv, bytes, limits)
    }

    /// Decodes a request that stands in any encoding.
    ///
    /// # Errors
    ///
    /// As [`RequestMessage::decode`].
    pub fn decode_from(
        encoding: Encoding,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Self, Box<RejectedRequest>> {
        match encoding.decode(bytes, limits) {
            Ok(node) => Self::from_tree(node),
            Err(error) => Err(RejectedRequest::salvage(error, encoding.decode_header(bytes, limits))),
        }
    }

    /// Decodes a request from its tree, however that was encoded; the tree is wiped.
    ///
    /// # Errors
    ///
    /// As [`RequestMessage::decode`].
    pub fn from_tree(mut node: Node) -> Result<Self, Box<RejectedRequest>> {
        let message = Self::read(&mut node);
        node.scrub();
        message
    }

    fn read(node: &mut Node) -> Result<Self, Box<RejectedRequest>> {
        let (version, batch_count, header) = match Self::read_header(node) {
            Ok(read) => read,
            Err(error) => {
                let error = error.within(node.tag);
                return Err(RejectedRequest::of(error, node.child_mut(Tag::REQUEST_HEADER)));
            }
        };
        let items = batch_items(&mut node.value, version, batch_count, RequestItem::read);
        let mut items = items.map_err(|error| {
            let client_correlation_value = header.client_correlation_value.clone();
            Box::new(RejectedRequest { error: error.within(node.tag), version, client_correlation_value })
        })?;
        if items.len() > 1 {
            for item in items.iter_mut().filter(|item| item.unique_batch_item_id.is_none()) {
                item.payload = Err(DecodeError::from(Fault::Missing).within(Tag::UNIQUE_BATCH_ITEM_ID));
            }
        }
        Ok(Self { version, header, items })
    }

    fn read_header(node: &mut Node) -> Result<(Version, i32, RequestHeader), DecodeError> {
        expect_tag(node, Tag::REQUEST_MESSAGE)?;
        read_header(&mut node.value, Tag::REQUEST_HEADER)
    }

    /// Encodes the request. Holds whatever secrets it holds.
    ///
    /// # Errors
    ///
    /// When an item is longer than 4 GiB, or is one that could not be decoded.
    pub fn encode(&self) -> Result<SecretBytes, EncodeError> {
        let mut writer = Writer::new(self.version);
        let mut written = Ok(());
        writer.structure(Tag::REQUEST_MESSAGE, |writer| {
            write_header(writer, Tag::REQUEST_HEADER, self.items.len(), |writer| {
                self.header.write_fields(writer)
            });
            written = self.items.iter().try_for_each(|item| item.write(writer));
        });
        written?;
        writer.finish()
    }
}

impl RejectedRequest {
    /// From bytes that are no tree: the header stands first, and often it alone can be read.
    fn salvage(error: DecodeError, first: Option<Node>) -> Box<Self> {
        match first {
            Some(mut node) if node.tag == Tag::REQUEST_HEADER => {
                let rejected = Self::of(error, Some(&mut node));
                node.scrub();
                rejected
            }
            _ => Self::of(error, None),
        }
    }

    fn of(error: DecodeError, header: Option<&mut Node>) -> Box<Self> {
        let mut rejected = Self { error, version: Version::V1_0, client_correlation_value: None };
        let Some(header) = header else { return Box::new(rejected) };
        if let Ok(asked) = protocol_version(&mut header.value) {
            rejected.version = Version::nearest(asked);
        }
        if let Ok(mut fields) = Fields::of(&mut header.value, rejected.version) {
            rejected.client_correlation_value =
                Field::take(&mut fields, Tag::CLIENT_CORRELATION_VALUE).unwrap_or_default();
        }
        Box::new(rejected)
    }
}
