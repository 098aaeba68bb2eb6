//! All principals of a realm, one after the other, for a request whose answer rests on who there is. Not here: looking one up
//! by its name (operations/principals).

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use super::Context;
use crate::{
    error::Result,
    model::{Principal, PrincipalId},
    ports::store::IndexRange,
    record::{IndexKind, Record, RecordKey},
};

/// Principals that are read at once.
const PAGE: usize = 500;

impl Context<'_> {
    /// Shows each principal of the realm, revoked ones too, until enough was seen.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn each_principal(
        &mut self,
        mut look: impl FnMut(&Arc<Principal>) -> ControlFlow<()>,
    ) -> Result<()> {
        let (realm, kind) = (self.realm(), IndexKind::Principal);
        let range = IndexRange { realm, kind, from: Bound::Unbounded, to: Bound::Unbounded };
        let mut after = None;
        loop {
            let page = self.find(&range, after.as_ref(), PAGE)?;
            for hit in &page {
                let record = self.get(RecordKey::Principal(PrincipalId(hit.id)))?;
                if let Some(Record::Principal(principal)) = record.as_deref()
                    && look(principal).is_break()
                {
                    return Ok(());
                }
            }
            match page.into_iter().next_back() {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }
}
