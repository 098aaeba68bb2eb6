//! Answers of batch items, each encoded once, and the response that holds them: within the size that the client takes.
//! Not here: what the answers say.

use keyreeve_kmip::enums::{Operation, ResultReason};
use keyreeve_kmip::message::{ResponseHeader, ResponseItem, ResponseMessage};
use keyreeve_kmip::{EncodeError, SecretBytes, Version};
use tracing::error;

use super::errors::Failure;

/// One batch item's answer. Holds whatever secrets it tells.
pub(super) struct Answer {
    encoded: SecretBytes,
    operation: Option<Operation>,
    unique_batch_item_id: Option<Vec<u8>>,
    has_payload: bool,
}

impl Answer {
    /// Encodes what an item answers.
    pub(super) fn new(item: ResponseItem, version: Version) -> Self {
        let has_payload = item.payload.is_some();
        let ResponseItem { operation, ref unique_batch_item_id, .. } = item;
        match item.encode(version) {
            Ok(encoded) => {
                Self { encoded, operation, unique_batch_item_id: unique_batch_item_id.clone(), has_payload }
            }
            Err(cause) => Self::failure(operation, item.unique_batch_item_id, cause.into(), version),
        }
    }

    fn failure(
        operation: Option<Operation>,
        unique_batch_item_id: Option<Vec<u8>>,
        failure: Failure,
        version: Version,
    ) -> Self {
        let mut item = ResponseItem::failure(operation, failure.reason, failure.message);
        item.unique_batch_item_id.clone_from(&unique_batch_item_id);
        // INVARIANT: a failure is a cut message and an identifier that came within the limits of a message.
        let encoded = item.encode(version).unwrap_or_default();
        Self { encoded, operation, unique_batch_item_id, has_payload: false }
    }

    /// Bytes of the answer.
    pub(super) fn len(&self) -> usize {
        self.encoded.len()
    }
}

/// The response to a request. Where it is longer than the client takes, answers become failures, from the end.
pub(super) fn assemble(
    version: Version,
    header: &ResponseHeader,
    mut answers: Vec<Answer>,
    size_max: Option<i32>,
) -> SecretBytes {
    if let Some(size_max) = size_max.and_then(|size| usize::try_from(size).ok()) {
        shorten(version, header, &mut answers, size_max);
    }
    whole(ResponseMessage::assemble(version, header, answers.iter().map(|answer| &answer.encoded)))
}

/// Makes failures of answers, from the end, until the response has at most so many bytes.
fn shorten(version: Version, header: &ResponseHeader, answers: &mut [Answer], size_max: usize) {
    let bare = whole(ResponseMessage::assemble(version, header, [].iter())).len();
    let mut size = bare + answers.iter().map(Answer::len).sum::<usize>();
    for answer in answers.iter_mut().rev().filter(|answer| answer.has_payload) {
        if size <= size_max {
            break;
        }
        let message = "the response is longer than the request's Maximum Response Size";
        let failure = Failure::new(ResultReason::ResponseTooLarge, message);
        size -= answer.len();
        *answer = Answer::failure(answer.operation, answer.unique_batch_item_id.take(), failure, version);
        size += answer.len();
    }
}

/// A message; nothing, and the connection's next read tells the client so, where it could not be encoded.
pub(super) fn whole(encoded: Result<SecretBytes, EncodeError>) -> SecretBytes {
    encoded.unwrap_or_else(|cause| {
        error!(%cause, "a KMIP response could not be encoded");
        SecretBytes::default()
    })
}
