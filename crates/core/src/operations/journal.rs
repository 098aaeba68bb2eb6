//! Reading and verifying the journal.

use super::{Operation, Subject};
use crate::{
    access::{Action, Permit},
    error::Result,
    model::{KeyId, Lsn},
    record::{Change, Entry, Record, RecordKey},
    request::{Context, Reference, Resolved},
};

/// Entries in one page at most.
pub const PAGE_ENTRIES_MAX: usize = 1000;

/// Entries that one request looks at, at most, when it filters by key.
const ENTRIES_LOOKED_AT_MAX: usize = 20_000;

/// Reads entries of the caller's realm.
pub struct ReadJournal {
    /// Entries after this position.
    pub after: Lsn,
    /// At most so many, 1 to `PAGE_ENTRIES_MAX`.
    pub limit: usize,
    /// Only entries about this key.
    pub key: Option<Reference>,
}

/// One page.
pub struct Page {
    /// The entries, oldest first.
    pub entries: Vec<Entry>,
    /// Go on after this position; `None`: the end was reached.
    pub next: Option<Lsn>,
}

/// Verifies the whole journal.
pub struct VerifyJournal;

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The newest entry.
    pub lsn: Lsn,
    /// Hash of the last frame: it stands for all before it.
    pub head: [u8; 32],
}

impl Operation for ReadJournal {
    type Reply = Page;

    fn action(&self) -> Action {
        Action::ReadJournal
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Page> {
        let key = self
            .key
            .as_ref()
            .map(|reference| context.resolve(reference))
            .transpose()?
            .map(|found| found.key.id);
        let limit = self.limit.clamp(1, PAGE_ENTRIES_MAX);
        let (mut entries, mut after, mut looked_at) = (Vec::new(), self.after, 0);
        loop {
            let batch = context.store().journal(after, PAGE_ENTRIES_MAX)?;
            let end = batch.is_empty();
            looked_at += batch.len();
            for entry in batch {
                after = entry.lsn;
                if entry.draft.realm == permit.realm() && key.is_none_or(|key| is_about(&entry, key)) {
                    entries.push(entry);
                }
                if entries.len() == limit {
                    return Ok(Page { entries, next: Some(after) });
                }
            }
            if end {
                return Ok(Page { entries, next: None });
            }
            if looked_at >= ENTRIES_LOOKED_AT_MAX {
                return Ok(Page { entries, next: Some(after) });
            }
        }
    }
}

fn is_about(entry: &Entry, key: KeyId) -> bool {
    entry.draft.key == Some(key)
        || entry.draft.others.contains(&key)
        || entry.draft.changes.iter().any(|change| match change {
            // One entry may move or destroy objects of many keys.
            Change::Put(Record::Object(object)) => object.key == key,
            change => change.key() == RecordKey::Key(key),
        })
}

impl Operation for VerifyJournal {
    type Reply = Verified;

    fn action(&self) -> Action {
        Action::VerifyJournal
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Verified> {
        let (lsn, head) = context.store().verify_journal()?;
        context.note_detail(format!("verified up to {lsn}"));
        Ok(Verified { lsn, head })
    }
}
