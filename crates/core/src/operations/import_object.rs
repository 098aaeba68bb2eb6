//! Import of one object under an identifier that the client chooses, with all that it has been through elsewhere (KMIP). Not
//! here: import of keys with versions and formats of their own (`import`), and what new material is (`register`).

use super::{Operation, Subject, create::Created, register::Register, terms::term};
use crate::{
    access::{Action, Permit, approvals::Terms},
    attributes::History,
    error::{Error, ErrorKind, Result},
    model::{KeyId, ObjectId},
    record::RecordKey,
    request::{Context, NAME_BYTES_MAX, Resolved},
};

/// Imports an object.
pub struct ImportObject {
    /// What is imported; Sensitive, Extractable and what else a client may give stand in its template.
    pub object: Register,
    /// The identifier, 1 to 1,024 bytes: an id, or other text that stands for one from then on.
    pub identifier: String,
    /// What else it has been through.
    pub history: History,
}

impl Operation for ImportObject {
    type Reply = Created;

    fn action(&self) -> Action {
        Action::Register
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut told = self.object.described(context)?;
        told.push(term("identifier", &self.identifier));
        told.push(term("history", &self.history));
        Ok(Some(told))
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Created> {
        let id = self.free_id(context)?;
        let now = context.now();
        context.note_detail(format!("imported under the identifier {}", self.identifier));
        self.object.put(permit, context, id, |object| self.history.apply(object, now))
    }
}

impl ImportObject {
    /// The id for the identifier. INVARIANT: it was never an object's, so that neither a journal nor an erasure can mean
    /// another one by it, nor is it what somebody calls a key by.
    ///
    /// # Errors
    /// `PreconditionFailed` where it is taken, in the same words whoever has it and whatever it is of.
    fn free_id(&self, context: &mut Context<'_>) -> Result<ObjectId> {
        let text = &self.identifier;
        if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            let public = "an identifier has 1 to 1024 bytes of UTF-8 and no control characters";
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        let id = context.chosen_id(text);
        let is_taken = id.0.is_nil()
            || id.0.is_max()
            || context.get(RecordKey::Object(id))?.is_some()
            || context.get(RecordKey::Key(KeyId(id.0)))?.is_some()
            || context.name_held(&id.to_string())?.is_some();
        if is_taken {
            let public = "this identifier is taken: objects keep theirs for ever, also once they are destroyed, and none is \
                          replaced; import under another identifier";
            return Err(Error::new(ErrorKind::PreconditionFailed, public));
        }
        Ok(id)
    }
}
