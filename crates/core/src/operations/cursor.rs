//! Cursors: how far those have come to whom the server itself tells what the journal says. Not here: whom, and what they are
//! told.

use std::sync::Arc;

use super::{Operation, Subject};
use crate::{
    access::{Action, Permit},
    engine::{Engine, damaged},
    error::{Error, Result},
    model::Lsn,
    record::{Record, RecordKey, ServerData},
    request::{Context, Resolved},
};

/// Puts on record that a reader has been told all up to a position.
pub struct MoveCursor {
    /// The reader, such as `kmip-endpoint/array`. Its cursor is the server data `cursor/READER`.
    pub reader: String,
    /// The position.
    pub at: Lsn,
    /// What is worth reading of how it got there, such as what the reader refused.
    pub detail: Option<String>,
}

impl Operation for MoveCursor {
    type Reply = ();

    fn action(&self) -> Action {
        Action::MoveCursor
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        context.note_target(&self.reader);
        if let Some(detail) = &self.detail {
            context.note_detail(detail.clone());
        }
        let data = self.at.0.to_be_bytes().to_vec();
        context.put(Record::Server(Arc::new(ServerData { name: name(&self.reader), data, sealed: None })));
        Ok(())
    }
}

/// Up to where a reader has been told; `None` for one that never was.
///
/// # Errors
/// The store's; `Internal` where the record is damaged.
pub fn cursor(engine: &Engine, reader: &str) -> Result<Option<Lsn>> {
    let address = RecordKey::Server(name(reader));
    match engine.store().get(&address)?.as_deref() {
        None => Ok(None),
        Some(Record::Server(data)) => match data.data[..].try_into() {
            Ok(bytes) => Ok(Some(Lsn(u64::from_be_bytes(bytes)))),
            Err(_) => Err(Error::internal(format!("the cursor of {reader} is not 8 bytes long"))),
        },
        Some(other) => Err(damaged(&address, other)),
    }
}

fn name(reader: &str) -> String {
    format!("cursor/{reader}")
}
