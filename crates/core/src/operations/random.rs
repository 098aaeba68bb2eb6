//! Random: bytes of the server's generator.

use super::{Operation, Subject, is_long};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    request::{Context, Resolved},
    secret::SecretBytes,
};

/// Most bytes in one request.
pub const RANDOM_BYTES_MAX: usize = 1024 * 1024;

/// Gives random bytes.
pub struct Random {
    /// How many, 1 to `RANDOM_BYTES_MAX`.
    pub length: usize,
}

impl Operation for Random {
    type Reply = SecretBytes;

    fn action(&self) -> Action {
        Action::Random
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn takes_long(&self) -> bool {
        is_long(self.length)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<SecretBytes> {
        let kind = match self.length {
            0 => Some(ErrorKind::InvalidField),
            1..=RANDOM_BYTES_MAX => None,
            _ => Some(ErrorKind::TooLarge),
        };
        if let Some(kind) = kind {
            return Err(Error::new(kind, format!("ask for 1 to {RANDOM_BYTES_MAX} random bytes at a time")));
        }
        let mut bytes = vec![0; self.length];
        context.crypto().fill(&mut bytes)?;
        Ok(SecretBytes::new(bytes))
    }
}
