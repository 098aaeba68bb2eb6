//! Answers of batch items, each encoded once, and the response that holds them: within the size that the client takes.
//! Not here: what the answers say.

use keyreeve_kmip::enums::{Operation, ResultReason};
use keyreeve_kmip::message::{ResponseHeader, ResponseItem, ResponseMessage};
use keyreeve_kmip::{EncodeError, SecretBytes, Version};
use tracing::error;

use super::errors::Failure;
use super::jobs::Name;

/// One batch item's answer. Holds whatever secrets it tells.
pub(super) struct Answer {
    encoded: SecretBytes,
    operation: Option<Operation>,
    unique_batch_item_id: Option<Vec<u8>>,
    has_payload: bool,
    /// The asynchronous request whose answer this is, and the answer itself, until it has its place in the response.
    polled: Option<(Name, Box<ResponseItem>)>,
}

impl Answer {
    /// Encodes what an item answers.
    pub(super) fn new(item: ResponseItem, version: Version) -> Self {
        let ResponseItem { operation, ref unique_batch_item_id, .. } = item;
        match item.encode(version) {
            Ok(encoded) => Self {
                encoded,
                operation,
                unique_batch_item_id: unique_batch_item_id.clone(),
                has_payload: item.payload.is_some(),
                polled: None,
            },
            Err(cause) => Self::failure(operation, item.unique_batch_item_id, cause.into(), version),
        }
    }

    /// Encodes the answer of an asynchronous request, which is kept where the response has no room for it.
    pub(super) fn polled(item: ResponseItem, version: Version, name: Name) -> Self {
        let ResponseItem { operation, ref unique_batch_item_id, .. } = item;
        let (encoded, has_payload) = (item.encode(version), item.payload.is_some());
        let unique_batch_item_id = unique_batch_item_id.clone();
        let answer = match encoded {
            Ok(encoded) => Self { encoded, operation, unique_batch_item_id, has_payload, polled: None },
            Err(cause) => Self::failure(operation, unique_batch_item_id, cause.into(), version),
        };
        Self { polled: Some((name, Box::new(item))), ..answer }
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
        Self { encoded, operation, unique_batch_item_id, has_payload: false, polled: None }
    }

    /// Once the response is made: the asynchronous request whose answer this is, and the answer where it had no room there.
    pub(super) fn told(&mut self) -> Option<(Name, Option<Box<ResponseItem>>)> {
        let (name, item) = self.polled.take()?;
        let is_shortened = !self.has_payload && item.payload.is_some();
        Some((name, is_shortened.then_some(item)))
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
    answers: &mut [Answer],
    size_max: Option<i32>,
) -> SecretBytes {
    if let Some(size_max) = size_max.and_then(|size| usize::try_from(size).ok()) {
        shorten(version, header, answers, size_max);
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
        let shortened =
            Answer::failure(answer.operation, answer.unique_batch_item_id.take(), failure, version);
        *answer = Answer { polled: answer.polled.take(), ..shortened };
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
