//! MAC: make and verify message authentication codes.

use super::{
    Operation, Subject,
    choose::{Half, Purpose, usable},
    encrypt::merged,
    is_long,
    stream::Message,
    subject, usage_limits,
    verify::Verified,
};
use crate::{
    access::{Action, Permit},
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
