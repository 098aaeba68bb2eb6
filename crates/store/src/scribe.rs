//! Entries of the store's own: what its threads do (grow the key tree, switch epochs, archive) goes on record and
//! becomes durable like everything else.

use std::sync::{
    Arc,
    mpsc::{self, Receiver},
};

use keyreeve_core::{
    Error, ErrorKind, Result,
    access::Action,
    model::{Lsn, PrincipalId, RealmId, RequestId},
    ports::{
        clock::Clock,
        crypto::Crypto,
        store::{Commit, Committed, DrawnIds},
    },
    record::{Change, EntryDraft, Outcome, Record, RecordKey},
};

use crate::{
    failure::Failure,
    index::Index,
    journal::Committer,
    stage::StoreStage,
    store::{prepare, refused},
};

/// What the store's own parts read and write.
pub(crate) trait Ledger: Send + Sync {
    /// A record as of now.
    ///
    /// # Errors
    /// `Internal` where it cannot be read.
    fn record(&self, key: &RecordKey) -> Result<Option<Arc<Record>>>;

    /// Commits an entry; it is durable, and visible to readers, when this returns.
    ///
    /// # Errors
    /// `Conflict` where something in `reads` has changed; `Unavailable` where the store has failed or stops. The entry
    /// does not exist then, unless the store has failed for good.
    fn write(&self, action: Action, note: Note) -> Result<Lsn>;
}

/// Writes the store's own entries and waits for them. Never call it from the committer's thread.
pub(crate) struct Scribe {
    pub(crate) index: Arc<Index>,
    pub(crate) committer: Arc<Committer<StoreStage>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) failure: Arc<Failure>,
}

/// What one entry of the store's own says. `read_at` and `reads` are as in [`Commit`].
#[derive(Default)]
pub(crate) struct Note {
    pub(crate) detail: String,
    pub(crate) changes: Vec<Change>,
    pub(crate) as_of: Lsn,
    pub(crate) reads: Vec<RecordKey>,
}

impl Ledger for Scribe {
    fn record(&self, key: &RecordKey) -> Result<Option<Arc<Record>>> {
        self.index.get(key)
    }

    fn write(&self, action: Action, note: Note) -> Result<Lsn> {
        Self::write(self, action, note)
    }
}

impl Scribe {
    /// As [`Ledger::write`].
    pub(crate) fn write(&self, action: Action, note: Note) -> Result<Lsn> {
        self.written(&self.submit(action, note)?)
    }

    /// Writes entries that do not rest on each other, synced together: all are waited for.
    ///
    /// # Errors
    /// The first one of [`Ledger::write`]; other entries may exist then.
    pub(crate) fn write_all(&self, action: Action, notes: Vec<Note>) -> Result<()> {
        let submitted: Vec<_> =
            notes.into_iter().map(|note| self.submit(action, note)).collect::<Result<_>>()?;
        submitted.iter().try_for_each(|answer| self.written(answer).map(drop))
    }

    fn submit(&self, action: Action, note: Note) -> Result<Receiver<Result<Committed>>> {
        self.failure.check()?;
        let mut random = [0; 10];
        self.crypto.fill(&mut random)?;
        let now = self.clock.now();
        let Note { detail, changes, as_of, reads } = note;
        let entry = EntryDraft {
            time: now,
            realm: RealmId::DEFAULT,
            principal: PrincipalId::SYSTEM,
            principal_name: "system".into(),
            protocol: "system".into(),
            request: RequestId(
                uuid::Builder::from_unix_timestamp_millis(now.0.max(0) as u64, &random).into_uuid(),
            ),
            source: None,
            action,
            key: None,
            object: None,
            target: None,
            others: Vec::new(),
            canary: false,
            outcome: Outcome::Success,
            reason: None,
            detail: Some(detail),
            changes,
            touched: Vec::new(),
            personal: None,
        };
        let (sender, receiver) = mpsc::channel();
        let prepared =
            prepare(Commit { as_of, reads, valid_until: None, drawn: DrawnIds::default(), entry })?;
        self.committer.submit(prepared, move |result| {
            // Where the receiver is gone, nobody wants the answer.
            let _ = sender.send(result.map_err(refused));
        });
        Ok(receiver)
    }

    fn written(&self, answer: &Receiver<Result<Committed>>) -> Result<Lsn> {
        match answer.recv().map_err(|_| Error::internal("the committer dropped an entry"))?? {
            Committed::Done(lsn) => self.failure.check().map(|()| lsn),
            Committed::Stale => Err(Error::new(ErrorKind::Conflict, "the store's state has moved meanwhile")),
        }
    }
}
