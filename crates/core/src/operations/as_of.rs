//! As of: a key as it was, read from the journal up to there. Not here: bringing anything back (restore_key).

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use super::{Operation, Subject, principals::name_of, show::Shown, subject};
use crate::{
    access::{Action, Permit},
    error::{Error, Result},
    lifecycle,
    model::{Key, KeyId, Lsn, ManagedObject, ObjectId, Time},
    record::{Change, Record, RecordKey},
    request::{Context, Reference, Resolved},
};

/// Entries that are read at a time.
const PAGE_ENTRIES: usize = 1000;

/// A point in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// After this entry.
    Lsn(Lsn),
    /// Before the first entry that is later than this.
    Time(Time),
}

/// A number is an LSN, everything else a time as in RFC 3339.
impl FromStr for AsOf {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.parse() {
            Ok(lsn) => Ok(Self::Lsn(Lsn(lsn))),
            Err(_) => text.parse().map(Self::Time),
        }
    }
}

/// Shows a key as it was.
pub struct ShowAsOf {
    /// Key or object, as it is named now.
    pub key: Reference,
    /// When.
    pub at: AsOf,
}

impl Operation for ShowAsOf {
    type Reply = Shown;

    fn action(&self) -> Action {
        Action::GetAttributes
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn reads_the_past(&self) -> bool {
        true
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Shown> {
        let past = past(context, subject(resolved)?.key.id, self.at)?;
        let known = past.key.objects().filter_map(|id| past.objects.get(&id));
        let objects =
            known.map(|object| (Arc::clone(object), lifecycle::shown_at(object, past.time))).collect();
        let owner = name_of(context, past.key.owner)?;
        context.note_detail(format!("as of LSN {}", past.lsn));
        Ok(Shown { key: past.key, owner, objects, counted: BTreeMap::new() })
    }
}

/// A key and its objects as they were.
pub(super) struct Past {
    pub(super) key: Arc<Key>,
    pub(super) objects: BTreeMap<ObjectId, Arc<ManagedObject>>,
    /// The last entry that counted.
    pub(super) lsn: Lsn,
    /// What dates are measured by.
    pub(super) time: Time,
}

/// The key at that point.
///
/// # Errors
/// `NotFound` where there was no such key yet; `Unavailable` while somebody else reads the past, or where the journal no
/// longer reaches back to the key's beginning.
pub(super) fn past(context: &mut Context<'_>, id: KeyId, at: AsOf) -> Result<Past> {
    let _turn = context.reading_the_past()?;
    let (mut key, mut objects) = (None, BTreeMap::new());
    let (mut lsn, mut last) = (Lsn::ZERO, Time::default());
    'journal: loop {
        let entries = context.store().journal(lsn, PAGE_ENTRIES)?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            let beyond = match at {
                AsOf::Lsn(to) => entry.lsn > to,
                AsOf::Time(to) => entry.draft.time > to,
            };
            if beyond {
                break 'journal;
            }
            (lsn, last) = (entry.lsn, entry.draft.time);
            for change in entry.draft.changes {
                match change {
                    Change::Put(Record::Key(found)) if found.id == id => key = Some(found),
                    Change::Put(Record::Object(object)) if object.key == id => {
                        objects.insert(object.id, object);
                    }
                    Change::Delete(RecordKey::Object(object)) => {
                        objects.remove(&object);
                    }
                    _ => {}
                }
            }
        }
    }
    let time = match at {
        AsOf::Lsn(_) => last,
        AsOf::Time(to) => to.min(context.now()),
    };
    let key = key.ok_or_else(|| Error::not_found("key at that time"))?;
    Ok(Past { key, objects, lsn, time })
}
