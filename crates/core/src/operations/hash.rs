//! Hash: of data that the caller gives, with no key.

use super::{Operation, Subject, is_long};
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
    /// Data.
    pub data: Vec<u8>,
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
        is_long(self.data.len())
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Vec<u8>> {
        context.crypto().hash(self.hash, &[&self.data])
    }
}
