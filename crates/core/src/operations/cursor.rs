//! Cursors: how far those have come to whom the server itself tells what the journal says, and how a sink is sent back. Not
//! here: whom, and what they are told.

use std::sync::Arc;

use super::{Operation, Subject};
use crate::{
    access::{Action, Permit, approvals::Terms},
    engine::{Engine, damaged},
    error::{Error, ErrorKind, Result},
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
        put(context, &self.reader, self.at);
        Ok(())
    }
}

/// Has a sink told once more all that the journal says behind a position.
pub struct ReplaySink {
    /// The sink as a reader, such as `sink/siem`.
    pub reader: String,
    /// The position.
    pub after: Lsn,
    /// Whether there is such a sink: who may not ask does not learn that.
    pub known: bool,
}

impl Operation for ReplaySink {
    type Reply = ();

    fn action(&self) -> Action {
        Action::ReplaySink
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(vec![("sink".into(), self.reader.clone()), ("from behind".into(), self.after.to_string())]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        context.note_target(&self.reader);
        if !self.known {
            return Err(Error::not_found("sink"));
        }
        let published = context.store().published();
        if self.after > published {
            let public = format!("the journal ends at {published}: nothing stands behind {}", self.after);
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        context.note_detail(format!("from behind {}", self.after));
        put(context, &self.reader, self.after);
        Ok(())
    }
}

fn put(context: &mut Context<'_>, reader: &str, at: Lsn) {
    let data = at.0.to_be_bytes().to_vec();
    context.put(Record::Server(Arc::new(ServerData { name: name(reader), data, sealed: None })));
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
