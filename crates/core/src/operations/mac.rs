//! MAC: make and verify message authentication codes.

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    encrypt::merged,
    is_long,
    stream::Message,
    subject,
    terms::{self, term},
    usage_limits,
    verify::Verified,
};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::Result,
    model::{CryptoParameters, ObjectId, UsageMask},
    request::{Context, Reference, Resolved},
};

/// Makes a MAC.
pub struct Mac {
    /// Key or object.
    pub key: Reference,
    /// Version; `None`: the newest that may protect.
    pub version: Option<u32>,
    /// How.
    pub parameters: CryptoParameters,
    /// Over what; a stream began with this key.
    pub message: Message,
}

/// A MAC.
#[derive(Debug)]
pub struct Authenticated {
    /// The object that was used.
    pub object: ObjectId,
    /// Its version.
    pub version: u32,
    /// The code.
    pub mac: Vec<u8>,
}

/// Verifies a MAC.
pub struct MacVerify {
    /// Key or object.
    pub key: Reference,
    /// Version; `None`: the newest.
    pub version: Option<u32>,
    /// How.
    pub parameters: CryptoParameters,
    /// Over what; a stream began with this key.
    pub message: Message,
    /// The code.
    pub mac: Vec<u8>,
}

/// What is authenticated and how, for those who approve it; `None` of a stream, of which nobody is told what will have come.
fn told(
    context: &mut Context<'_>,
    parameters: &CryptoParameters,
    message: &Message,
    version: Option<u32>,
) -> Result<Option<Terms>> {
    let Message::Whole(bytes) = message else { return Ok(None) };
    let mut told = vec![terms::secret(context, "message", bytes)?, term("parameters", parameters)];
    told.extend(terms::version(version));
    Ok(Some(told))
}

impl Operation for Mac {
    type Reply = Authenticated;

    fn action(&self) -> Action {
        Action::Mac
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn takes_long(&self) -> bool {
        is_long(self.message.bytes_left())
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        told(context, &self.parameters, &self.message, self.version)
    }

    fn run(
        &self,
        _: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<Authenticated> {
        let wanted = (Purpose::Protect, Half::Private, UsageMask::MAC);
        let object = usable(context, &subject(resolved)?, self.version, wanted)?;
        usage_limits::spend(context, &object, self.message.bytes())?;
        let (key, parameters) = (context.parsed(&object)?, merged(&self.parameters, &object));
        let mac = self.message.mac(object.id, |data| key.mac(&parameters, data))?;
        Ok(Authenticated { object: object.id, version: object.version, mac })
    }
}

impl Operation for MacVerify {
    type Reply = Verified;

    fn action(&self) -> Action {
        Action::MacVerify
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn takes_long(&self) -> bool {
        is_long(self.message.bytes_left())
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        let told = told(context, &self.parameters, &self.message, self.version)?;
        Ok(told.map(|mut told| {
            told.push(term("code", &self.mac));
            told
        }))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Verified> {
        let wanted = (Purpose::Process, Half::Private, UsageMask::MAC_VERIFY);
        let object = usable(context, &subject(resolved)?, self.version, wanted)?;
        let (key, parameters) = (context.parsed(&object)?, merged(&self.parameters, &object));
        let mac = self.message.mac(object.id, |data| key.mac(&parameters, data))?;
        let valid = context.crypto().equal(&mac, &self.mac);
        context.note_detail(if valid { "valid" } else { "not valid" });
        Ok(Verified { valid, object: object.id, version: object.version })
    }
}
