//! Hash: of data that the caller gives, with no key.

use super::{Operation, Subject, is_long, stream::Message};
use crate::{
    access::{Action, Permit},
    error::Result,
    model::HashAlgorithm,
    request::{Context, Resolved},
};

/// Hashes.
pub struct Hash {
    /// Hash function.
    pub hash: HashAlgorithm,
    /// Data; a stream of this hash.
    pub message: Message,
}

impl Operation for Hash {
    type Reply = Vec<u8>;

    fn action(&self) -> Action {
        Action::Hash
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn takes_long(&self) -> bool {
        is_long(self.message.bytes_left())
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Vec<u8>> {
        match &self.message {
            Message::Whole(data) => context.crypto().hash(self.hash, &[data]),
            Message::Stream(stream) => Ok(stream.digest(self.hash)?.to_vec()),
        }
    }
}
