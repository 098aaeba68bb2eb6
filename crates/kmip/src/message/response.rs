//! Response messages.

use super::{MessageExtension, Nonce, batch_items, expect_tag, read_header, write_header};
use crate::enums::{AttestationType, Operation, ResultReason, ResultStatus};
use crate::error::{DecodeError, EncodeError, Fault};
use crate::payloads::Response;
use crate::schema::{Field, Fields, Version, structure};
use crate::secret::SecretBytes;
use crate::tags::Tag;
use crate::ttlv::binary::{Limits, Writer};
use crate::ttlv::{Encoding, Node, Value};
use crate::values::DateTime;

structure! {
    /// The header of a response, but for the version, which the message has, and the batch count, which is counted.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 8.5; KMIP 1.4, section 7.1.
    #[derive(Clone, Debug, PartialEq)]
    ResponseHeader {
        /// When the server answered.
        time_stamp: DateTime = TIME_STAMP, V1_0..;
        /// A nonce that the client attests with.
        nonce: Option<Nonce> = NONCE, V1_2..;
        /// What proves the server to a client that proved itself by a hashed password.
        server_hashed_password: Option<Vec<u8>> = SERVER_HASHED_PASSWORD, V2_0..;
        /// How the client has to attest.
        attestation_types: Vec<AttestationType> = ATTESTATION_TYPE, V1_2..;
        /// The client's name for the request.
        client_correlation_value: Option<String> = CLIENT_CORRELATION_VALUE, V1_4..;
        /// The server's name for the exchange.
        server_correlation_value: Option<String> = SERVER_CORRELATION_VALUE, V1_4..;
    }
}

impl ResponseHeader {
    /// A header that says the time and nothing else.
    pub fn new(time_stamp: DateTime) -> Self {
        Self {
            time_stamp,
            nonce: None,
            server_hashed_password: None,
            attestation_types: Vec::new(),
            client_correlation_value: None,
            server_correlation_value: None,
        }
    }
}

/// A response. May hold secrets.
///
/// # Standard
///
/// KMIP 2.1, section 8.4.
pub struct ResponseMessage {
    /// The version of the message: the request's.
    pub version: Version,
    /// The header.
    pub header: ResponseHeader,
    /// The answers, in the order of the request where the client asked for order.
    pub items: Vec<ResponseItem>,
}

/// One answer.
///
/// # Standard
///
/// KMIP 2.1, section 8.6.
pub struct ResponseItem {
    /// The operation, if the request's item told one.
    pub operation: Option<Operation>,
    /// The client's name for the item.
    pub unique_batch_item_id: Option<Vec<u8>>,
    /// How it went.
    pub result_status: ResultStatus,
    /// Why it failed. Encoding fits it to the version.
    pub result_reason: Option<ResultReason>,
    /// Words about it.
    pub result_message: Option<String>,
    /// Names an answer that comes later.
    pub asynchronous_correlation_value: Option<Vec<u8>>,
    /// The payload of a success.
    pub payload: Option<Response>,
    /// What vendors add.
    pub message_extensions: Vec<MessageExtension>,
}

impl ResponseItem {
    /// A success.
    pub fn success(payload: Response) -> Self {
        Self {
            operation: Some(payload.operation()),
            unique_batch_item_id: None,
            result_status: ResultStatus::Success,
            result_reason: None,
            result_message: None,
            asynchronous_correlation_value: None,
            payload: Some(payload),
            message_extensions: Vec::new(),
        }
    }

    /// A failure.
    pub fn failure(operation: Option<Operation>, reason: ResultReason, message: impl Into<String>) -> Self {
        Self {
            operation,
            unique_batch_item_id: None,
            result_status: ResultStatus::OperationFailed,
            result_reason: Some(reason),
            result_message: Some(message.into()),
            asynchronous_correlation_value: None,
            payload: None,
            message_extensions: Vec::new(),
        }
    }

    /// Encodes the item alone, for [`ResponseMessage::assemble`]. Holds whatever secrets it holds.
    ///
    /// # Errors
    ///
    /// When the item is longer than 4 GiB.
    pub fn encode(&self, version: Version) -> Result<SecretBytes, EncodeError> {
        let mut writer = Writer::new(version);
        self.write(&mut writer);
        writer.finish()
    }

    fn read(value: &mut Value, version: Version) -> Result<Self, DecodeError> {
        let mut fields = Fields::of(value, version)?;
        let operation: Option<Operation> = Field::take(&mut fields, Tag::OPERATION)?;
        let payload = match (operation, fields.single(Tag::RESPONSE_PAYLOAD)?) {
            (_, None) => None,
            (None, Some(_)) => return Err(DecodeError::from(Fault::Missing).within(Tag::OPERATION)),
            (Some(operation), Some(node)) => {
                let payload = Response::read(operation, &mut node.value, version);
                Some(payload.map_err(|error| error.within(Tag::RESPONSE_PAYLOAD))?)
            }
        };
        Ok(Self {
            operation,
            unique_batch_item_id: Field::take(&mut fields, Tag::UNIQUE_BATCH_ITEM_ID)?,
            result_status: Field::take(&mut fields, Tag::RESULT_STATUS)?,
            result_reason: Field::take(&mut fields, Tag::RESULT_REASON)?,
            result_message: Field::take(&mut fields, Tag::RESULT_MESSAGE)?,
            asynchronous_correlation_value: Field::take(&mut fields, Tag::ASYNCHRONOUS_CORRELATION_VALUE)?,
            payload,
            message_extensions: Field::take(&mut fields, Tag::MESSAGE_EXTENSION)?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.structure(Tag::BATCH_ITEM, |writer| {
            let version = writer.version();
            self.operation.put(writer, Tag::OPERATION);
            self.unique_batch_item_id.put(writer, Tag::UNIQUE_BATCH_ITEM_ID);
            self.result_status.put(writer, Tag::RESULT_STATUS);
            self.result_reason.map(|reason| reason.for_version(version)).put(writer, Tag::RESULT_REASON);
            self.result_message.put(writer, Tag::RESULT_MESSAGE);
            self.asynchronous_correlation_value.put(writer, Tag::ASYNCHRONOUS_CORRELATION_VALUE);
            if let Some(payload) = &self.payload {
                payload.write(writer, Tag::RESPONSE_PAYLOAD);
            }
            self.message_extensions.put(writer, Tag::MESSAGE_EXTENSION);
        });
    }
}

impl ResponseMessage {
    /// A response of `items` with a plain header.
    pub fn new(version: Version, time_stamp: DateTime, items: Vec<ResponseItem>) -> Self {
        Self { version, header: ResponseHeader::new(time_stamp), items }
    }

    /// Decodes a response.
    ///
    /// # Errors
    ///
    /// When the bytes are not one well-formed response message within the limits, of a version that is spoken.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 8.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        Self::decode_from(Encoding::Ttlv, bytes, limits)
    }

    /// Decodes a response that stands in any encoding.
    ///
    /// # Errors
    ///
    /// As [`ResponseMessage::decode`].
    pub fn decode_from(encoding: Encoding, bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        Self::from_tree(encoding.decode(bytes, limits)?)
    }

    /// Decodes a response from its tree, however that was encoded; the tree is wiped.
    ///
    /// # Errors
    ///
    /// As [`ResponseMessage::decode`].
    pub fn from_tree(mut node: Node) -> Result<Self, DecodeError> {
        let message = Self::read(&mut node).map_err(|error| error.within(node.tag));
        node.scrub();
        message
    }

    fn read(node: &mut Node) -> Result<Self, DecodeError> {
        expect_tag(node, Tag::RESPONSE_MESSAGE)?;
        let (version, batch_count, header) = read_header(&mut node.value, Tag::RESPONSE_HEADER)?;
        let items = batch_items(&mut node.value, version, batch_count, ResponseItem::read)?;
        Ok(Self { version, header, items })
    }

    /// Encodes the response. Holds whatever secrets it holds.
    ///
    /// # Errors
    ///
    /// When an item is longer than 4 GiB.
    pub fn encode(&self) -> Result<SecretBytes, EncodeError> {
        Self::write(self.version, &self.header, self.items.len(), |writer| {
            self.items.iter().for_each(|item| item.write(writer));
        })
    }

    /// Encodes a response of items that are encoded already, each by [`ResponseItem::encode`] for the same version.
    /// Holds whatever secrets they hold.
    ///
    /// # Errors
    ///
    /// When the message is longer than 4 GiB.
    pub fn assemble<'a>(
        version: Version,
        header: &ResponseHeader,
        items: impl ExactSizeIterator<Item = &'a SecretBytes>,
    ) -> Result<SecretBytes, EncodeError> {
        Self::write(version, header, items.len(), |writer| items.for_each(|item| writer.encoded(item)))
    }

    fn write(
        version: Version,
        header: &ResponseHeader,
        count: usize,
        items: impl FnOnce(&mut Writer),
    ) -> Result<SecretBytes, EncodeError> {
        let mut writer = Writer::new(version);
        writer.structure(Tag::RESPONSE_MESSAGE, |writer| {
            write_header(writer, Tag::RESPONSE_HEADER, count, |writer| header.write_fields(writer));
            items(writer);
        });
        writer.finish()
    }
}
