//! Reading, following and verifying the journal.

use std::net::{IpAddr, SocketAddr};

use super::{Operation, Subject, realms};
use crate::{
    access::{Action, Permit, Target},
    error::Result,
    model::{KeyId, Lsn, RealmId, Time},
    ports::store::JOURNAL_BYTES_MAX,
    record::{Change, Entry, EntryDraft, Outcome, Record, RecordKey},
    request::{Context, Reference, Resolved},
};

/// Entries in one page at most.
pub const PAGE_ENTRIES_MAX: usize = 1000;

/// Entries that one request looks at, at most, when it filters by key. It also ends once it has looked at
/// `JOURNAL_BYTES_MAX` of them; what it keeps is a part of that.
const ENTRIES_LOOKED_AT_MAX: usize = 20_000;

/// Reads entries of the caller's realm. Those of one key may be read by whoever may see that.
pub struct ReadJournal {
    /// Entries after this position.
    pub after: Lsn,
    /// At most so many, 1 to `PAGE_ENTRIES_MAX`.
    pub limit: usize,
    /// Which of them.
    pub filter: EntryFilter,
}

/// Goes on reading entries of the caller's realm: puts on record that it begins, and gives what to read by.
pub struct FollowJournal {
    /// Entries after this position.
    pub after: Lsn,
    /// Which of them.
    pub filter: EntryFilter,
}

/// Which entries are wanted; each that is said must hold.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    /// About this key.
    pub key: Option<Reference>,
    /// In the realm of this name or id. Only the caller's own can be read, and by those of the first realm one that was deleted.
    pub realm: Option<String>,
    /// By one of these actions; empty: by any.
    pub actions: Vec<Action>,
    /// With changes of the state.
    pub changes_only: bool,
    /// By the principal of this name, as it was then, or id.
    pub principal: Option<String>,
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// From this address, whatever the port.
    pub source: Option<IpAddr>,
    /// At this time or later.
    pub since: Option<Time>,
    /// Before this time.
    pub until: Option<Time>,
}

/// The entries that a caller may read and wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    realm: RealmId,
    key: Option<KeyId>,
    /// Also entries that are first of all about other keys, which the caller need not be able to see.
    others: bool,
    filter: EntryFilter,
}

/// What is shown of an entry: of its changes only the number, so that nothing sealed gets out, or is held for long.
pub struct EntryShown {
    /// Position.
    pub lsn: Lsn,
    /// Everything else but the changes, which are left out.
    pub draft: EntryDraft,
    /// How many changes there are.
    pub changes: usize,
}

/// One page.
pub struct Page {
    /// The entries, oldest first.
    pub entries: Vec<EntryShown>,
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
        if self.filter.key.is_some() { Action::ReadHistory } else { Action::ReadJournal }
    }

    fn subject(&self) -> Subject<'_> {
        self.filter.key.as_ref().map_or(Subject::Realm, Subject::Key)
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Page> {
        let wanted = self.filter.resolve(permit, context)?;
        let limit = self.limit.clamp(1, PAGE_ENTRIES_MAX);
        let (mut entries, mut after, mut looked_at) = (Vec::new(), self.after, 0);
        let mut bytes_left = JOURNAL_BYTES_MAX;
        loop {
            let batch = context.store().journal_within(after, PAGE_ENTRIES_MAX, &mut bytes_left)?;
            let end = batch.is_empty();
            looked_at += batch.len();
            for entry in batch {
                after = entry.lsn;
                let mut entry = context.engine().reveal(entry);
                if wanted.includes(&entry) {
                    // Who may use a key may read its history: that it is watched is not for them.
                    entry.draft.canary &= wanted.others;
                    entries.push(EntryShown::from(entry));
                }
                if entries.len() == limit {
                    return Ok(Page { entries, next: Some(after) });
                }
            }
            if end {
                return Ok(Page { entries, next: None });
            }
            if looked_at >= ENTRIES_LOOKED_AT_MAX || bytes_left == 0 {
                return Ok(Page { entries, next: Some(after) });
            }
        }
    }
}

impl Operation for FollowJournal {
    type Reply = Wanted;

    fn action(&self) -> Action {
        Action::ReadJournal
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Wanted> {
        // A position that is not kept any more is told at once.
        context.store().journal(self.after, 1)?;
        context.note_detail(format!("follows the journal after {}", self.after));
        self.filter.resolve(permit, context)
    }
}

impl EntryFilter {
    fn resolve(&self, permit: &Permit, context: &mut Context<'_>) -> Result<Wanted> {
        let own = permit.realm();
        let realm = match &self.realm {
            Some(named) => realms::readable(context, named)?,
            None => own,
        };
        let found = self.key.as_ref().map(|reference| context.resolve(reference)).transpose()?;
        let others = context.authorize(Action::ReadJournal, Target::Realm(own)).is_ok();
        Ok(Wanted { realm, key: found.map(|found| found.key.id), others, filter: self.clone() })
    }

    /// Whether an entry is as wanted, but for its key and realm.
    fn admits(&self, draft: &EntryDraft) -> bool {
        (self.actions.is_empty() || self.actions.contains(&draft.action))
            && !(self.changes_only && draft.changes.is_empty())
            && self.outcome.is_none_or(|outcome| draft.outcome == outcome)
            && self.since.is_none_or(|since| draft.time >= since)
            && self.until.is_none_or(|until| draft.time < until)
            && self.source.is_none_or(|source| address_of(draft) == Some(source))
            && self
                .principal
                .as_ref()
                .is_none_or(|name| draft.principal_name == *name || draft.principal.to_string() == *name)
    }
}

/// The address that an entry's request came from, without its port.
fn address_of(draft: &EntryDraft) -> Option<IpAddr> {
    let source = draft.source.as_deref()?;
    let address = source.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| source.parse());
    address.ok().map(|address| address.to_canonical())
}

impl From<Entry> for EntryShown {
    fn from(Entry { lsn, mut draft }: Entry) -> Self {
        let changes = std::mem::take(&mut draft.changes).len();
        Self { lsn, draft, changes }
    }
}

impl Wanted {
    /// Whether the entry is one of them, as [`crate::engine::Engine::reveal`] gives it.
    pub fn includes(&self, entry: &Entry) -> bool {
        let draft = &entry.draft;
        draft.realm == self.realm
            && self.filter.admits(draft)
            && self.key.is_none_or(|key| draft.key == Some(key) || self.others && is_about(entry, key))
    }
}

/// Whether an entry that is first of all about something else is about the key as well.
fn is_about(entry: &Entry, key: KeyId) -> bool {
    entry.draft.others.contains(&key)
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
