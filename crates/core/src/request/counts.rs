//! What a request adds to the counters of objects: spent usage limits, drawn nonces, exports. Not here: what is counted, and
//! the limits.

use super::Context;
use crate::{
    engine::damaged,
    error::Result,
    model::ObjectId,
    record::{Change, Record, RecordKey},
};

impl Context<'_> {
    /// Units that were used up of an object's usage limits by now, and by this request. What others use up meanwhile, the
    /// committer knows.
    pub(crate) fn spent(&self, object: ObjectId) -> Result<u64> {
        let address = RecordKey::Counts(object);
        let before = match self.engine.store().get(&address)?.as_deref() {
            Some(Record::Counts(counts)) => counts.spent,
            Some(other) => return Err(damaged(&address, other)),
            None => 0,
        };
        let own = self.changes.iter().filter_map(|change| match change {
            Change::Spent { object: of, units, .. } if *of == object => Some(*units),
            _ => None,
        });
        Ok(own.fold(before, u64::saturating_add))
    }

    /// Uses up units of an object's usage limits, `of` as many as its attribute grants. Committed only where they are left.
    pub(crate) fn spend(&mut self, object: ObjectId, units: u64, of: u64) {
        self.changes.push(Change::Spent { object, units, of });
    }

    /// Nonces that were drawn under an object, or may be by who put them on record, but for those of requests that run now.
    pub(crate) fn drawn(&self, object: ObjectId) -> Result<u64> {
        let address = RecordKey::Counts(object);
        match self.engine.store().get(&address)?.as_deref() {
            Some(Record::Counts(counts)) => Ok(counts.drawn),
            Some(other) => Err(damaged(&address, other)),
            None => Ok(0),
        }
    }

    /// Takes a nonce that is on record as drawn; false where none is left, or the object's key is not at hand.
    pub(crate) fn take_nonce(&self, object: ObjectId) -> bool {
        self.engine.parsed().take_nonce(object)
    }

    /// Puts so many nonces on record as drawn: one for this request, the others for those behind it.
    pub(crate) fn draw_nonces(&mut self, object: ObjectId, nonces: u64) {
        self.changes.push(Change::Drawn(object, nonces));
        self.loaded.add_nonces(object, nonces.saturating_sub(1));
    }

    /// Counts that the secret material of an object leaves the server with this request's answer.
    pub fn count_export(&mut self, object: ObjectId) {
        self.changes.push(Change::Exported(object, 1));
    }
}
