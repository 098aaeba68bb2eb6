//! Requests that a client sends before the answers to earlier ones: answered in their order, and those that only use keys
//! share a sync of the journal. Not here: the stream that they come from (connection).

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use keyreeve_kmip::enums::Operation;
use keyreeve_kmip::message::{RejectedRequest, RequestItem, RequestMessage};
use keyreeve_kmip::ttlv::binary::{HEADER_BYTES, message_bytes};
use keyreeve_kmip::{DecodeError, SecretBytes};

use super::{Kmip, streams};
use crate::listen::Peer;

/// Requests that are under way at once, of one connection.
const UNDER_WAY_MAX: usize = 64;

/// Batch items of theirs, after which no further request is begun: each item has an answer, which waits for those before it.
const ITEMS_UNDER_WAY_MAX: usize = 256;

/// Longer requests are answered one by one. An answer to a use is about as long as what it answers, but for an item of a
/// few bytes: hence the limit on items.
const SHARING_BYTES_MAX: usize = 16 * 1024;

/// Requests that were answered. May hold secrets.
pub(super) struct Answered {
    /// Bytes that they took.
    pub(super) bytes: usize,
    /// The answers, in order.
    answers: Vec<SecretBytes>,
}

/// What received bytes begin with.
pub(super) enum Begin {
    /// Too little to tell.
    Unknown,
    /// A message of this length, of which a part is there.
    Part(usize),
    /// A whole message of this length.
    Whole(usize),
    /// No message that is taken here. Where it ends, and whether it is one, cannot be known.
    Refused(DecodeError),
}

/// A request that was begun.
enum UnderWay<'a> {
    Answered(SecretBytes),
    Waiting(Pin<Box<dyn Future<Output = SecretBytes> + Send + 'a>>),
}

impl Answered {
    /// All answers as one piece.
    pub(super) fn into_bytes(mut self) -> SecretBytes {
        if self.answers.len() == 1 {
            return self.answers.remove(0);
        }
        let mut bytes = Vec::with_capacity(self.answers.iter().map(SecretBytes::len).sum());
        self.answers.iter().for_each(|answer| bytes.extend_from_slice(answer.expose()));
        bytes.into()
    }
}

impl Kmip {
    /// What these bytes begin with.
    pub(super) fn begin(&self, received: &[u8]) -> Begin {
        let Some(header) = received.first_chunk::<HEADER_BYTES>() else { return Begin::Unknown };
        match message_bytes(header, &self.settings().limits) {
            Ok(length) if length <= received.len() => Begin::Whole(length),
            Ok(length) => Begin::Part(length),
            Err(error) => Begin::Refused(error),
        }
    }

    /// Answers the whole messages that the bytes begin with, at least one where there is one.
    ///
    /// INVARIANT: a request begins once those before it have begun, and one that may change anything, or that reads what
    /// others change, once those before it have ended.
    pub(super) async fn answer_whole(&self, peer: &Peer, received: &[u8]) -> Answered {
        let mut done = Answered { bytes: 0, answers: Vec::new() };
        let (mut under_way, mut items) = (VecDeque::new(), 0);
        let has_room =
            |requests: usize, items: usize| requests < UNDER_WAY_MAX && items < ITEMS_UNDER_WAY_MAX;
        while let (rest, true) = (&received[done.bytes..], has_room(under_way.len(), items))
            && let Begin::Whole(length) = self.begin(rest)
        {
            let (request, later) = rest.split_at(length);
            let message = RequestMessage::decode(request, &self.settings().limits);
            done.bytes += length;
            let is_last = !matches!(self.begin(later), Begin::Whole(_));
            if !shares(request, &message) || is_last && under_way.is_empty() {
                end(&mut under_way, &mut done.answers).await;
                done.answers.push(self.handle_decoded(peer, message).await);
                // Its answer may be long: it leaves before the next one is made.
                break;
            }
            items += message.as_ref().map_or(1, |message| message.items.len());
            let mut handling = Box::pin(self.handle_decoded(peer, message));
            under_way.push_back(
                match poll_fn(|context| Poll::Ready(handling.as_mut().poll(context))).await {
                    Poll::Ready(answer) => UnderWay::Answered(answer),
                    Poll::Pending => UnderWay::Waiting(handling),
                },
            );
        }
        end(&mut under_way, &mut done.answers).await;
        done
    }
}

/// Waits for the answers, in order.
async fn end(under_way: &mut VecDeque<UnderWay<'_>>, answers: &mut Vec<SecretBytes>) {
    for one in under_way.drain(..) {
        answers.push(match one {
            UnderWay::Answered(answer) => answer,
            UnderWay::Waiting(handling) => handling.await,
        });
    }
}

/// Whether it only uses keys: such requests neither change what the others see nor look at it. Parts of a stream do.
fn shares(request: &[u8], message: &Result<RequestMessage, Box<RejectedRequest>>) -> bool {
    let only_uses = |operation: Operation| {
        matches!(
            operation,
            Operation::Encrypt
                | Operation::Decrypt
                | Operation::Sign
                | Operation::SignatureVerify
                | Operation::Mac
                | Operation::MacVerify
                | Operation::Hash
        )
    };
    let alone = |item: &RequestItem| item.payload.as_ref().is_ok_and(|payload| !streams::is_part(payload));
    request.len() <= SHARING_BYTES_MAX
        && message
            .as_ref()
            .is_ok_and(|message| message.items.iter().all(|item| only_uses(item.operation) && alone(item)))
}
