//! Following the journal for somebody whom the server tells what happens, from a cursor of their own that is on record: what
//! it stands for has been told, and what comes after it is told again after a crash. Not here: who is told what, and how.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::{Lsn, Time};
use keyreeve_core::operations::cursor::{MoveCursor, cursor};
use keyreeve_core::record::Entry;
use keyreeve_core::{Error, Result};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::authn::request_id;
use crate::execute::execute;

/// Entries that are looked at before any of them is told.
const PAGE_ENTRIES: usize = 256;
/// Bytes of entries that are looked at so; the last one may be longer.
const PAGE_BYTES: usize = 256 << 10;
/// How long a reader at the end of the journal waits before it looks after other things.
const WAIT: Duration = Duration::from_secs(2);
/// A cursor that told something is on record after so long, at the latest with the entry that comes then.
const SAVED_EVERY_MS: i64 = 10_000;
/// A cursor that told nothing, after so many entries.
const SAVED_EVERY_ENTRIES: u64 = 4096;
/// The first pause after a failure, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// One reader's way through the journal.
pub struct Follower {
    engine: Arc<Engine>,
    progress: Arc<Progress>,
    at: Lsn,
    saved: Lsn,
    saved_when: Time,
    told_since: bool,
}

/// How far a reader has come, for who asks how the server is.
pub struct Progress {
    reader: String,
    standing: Mutex<Standing>,
}

/// See [`Progress`].
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// It was told all up to here, since this start.
    pub at: Lsn,
    /// Messages that it took.
    pub told: u64,
    /// Messages that it refused.
    pub refused: u64,
    /// Messages that were not for it after all, by the rights that it has.
    pub withheld: u64,
    /// Since when it cannot be told, and why.
    pub failing: Option<(Time, String)>,
}

/// Pauses after failures, each twice as long as the one before.
#[derive(Default)]
pub struct Pause(Option<Duration>);

impl Progress {
    /// Of a reader of this name, which its cursor has too.
    pub fn new(reader: String) -> Self {
        Self { reader, standing: Mutex::default() }
    }

    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.standing.lock());
    }

    /// It can be told again; gives whether it could not before.
    pub fn recovered(&self) -> bool {
        self.standing.lock().failing.take().is_some()
    }

    /// As it is now.
    pub fn standing(&self) -> Standing {
        self.standing.lock().clone()
    }

    /// For REST; `published` is the end of the journal.
    pub fn to_json(&self, published: Lsn) -> Value {
        let Standing { at, told, refused, withheld, failing } = self.standing();
        json!({
            "reader": self.reader,
            "lag_entries": published.0.saturating_sub(at.0),
            "told": told,
            "refused": refused,
            "withheld": withheld,
            "trouble": failing.map(|(_, cause)| cause),
        })
    }

    /// What is wrong, for doctor.
    pub fn trouble(&self, published: Lsn) -> Option<String> {
        let Standing { at, failing, .. } = self.standing();
        let (since, cause) = failing?;
        let behind = published.0.saturating_sub(at.0);
        let (reader, since) = (&self.reader, since.seconds());
        Some(format!(
            "{reader} cannot be told what happens since Unix second {since} and is {behind} entries behind: {cause}. \
             What waits is sent once it can be reached."
        ))
    }
}

impl Follower {
    /// Goes on where its cursor is; a reader that has none begins at the end of the journal as it is now.
    ///
    /// # Errors
    /// The store's.
    pub async fn open(engine: Arc<Engine>, progress: Arc<Progress>) -> Result<Self> {
        let found = cursor(&engine, &progress.reader)?;
        let at = found.unwrap_or_else(|| engine.store().published());
        let saved_when = engine.clock().now();
        progress.update(|standing| standing.at = at);
        let mut follower = Self { engine, progress, at, saved: at, saved_when, told_since: false };
        if found.is_none() {
            follower.save(None).await?;
        }
        Ok(follower)
    }

    /// What is picked of each of the next entries; none at the end of the journal.
    ///
    /// # Errors
    /// The store's, also where what comes next is not kept any more.
    pub async fn page<T: Send + 'static>(
        &self,
        pick: impl Fn(Entry) -> T + Send + 'static,
    ) -> Result<Vec<(Lsn, T)>> {
        let (engine, after) = (Arc::clone(&self.engine), self.at);
        let read = move || {
            let entries = engine.store().journal_within(after, PAGE_ENTRIES, &mut { PAGE_BYTES })?;
            Ok(entries.into_iter().map(|entry| (entry.lsn, pick(entry))).collect())
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(|cause| Error::internal(format!("reading the journal broke off: {cause}")))?
    }

    /// Waits for more entries, not for long.
    pub async fn wait(&self) {
        let store = self.engine.store();
        // Either way it is looked again.
        let _ = timeout(WAIT, poll_fn(|context| store.poll_published(self.at, context))).await;
    }

    /// All up to here is done with; `told`: the reader was told of it.
    pub fn passed(&mut self, at: Lsn, told: bool) {
        self.at = at;
        self.told_since |= told;
        self.progress.update(|standing| standing.at = at);
    }

    /// Puts the cursor on record where it was not for long.
    ///
    /// # Errors
    /// The store's.
    pub async fn save_if_due(&mut self) -> Result<()> {
        let waited = self.engine.clock().now().0.saturating_sub(self.saved_when.0);
        let told_long_ago = self.told_since && waited >= SAVED_EVERY_MS;
        if told_long_ago || self.at.0.saturating_sub(self.saved.0) >= SAVED_EVERY_ENTRIES {
            self.save(None).await?;
        }
        Ok(())
    }

    /// Puts the cursor on record where the reader was told anything since: for a server that stops.
    ///
    /// # Errors
    /// The store's.
    pub async fn save_at_stop(&mut self) -> Result<()> {
        if self.told_since { self.save(None).await } else { Ok(()) }
    }

    /// Puts the cursor on record, and what is worth reading of how it came there.
    ///
    /// # Errors
    /// The store's.
    pub async fn save(&mut self, detail: Option<String>) -> Result<()> {
        let caller = Caller::system(request_id(&self.engine)?);
        let (reader, at) = (self.progress.reader.clone(), self.at);
        execute(&self.engine, &caller, MoveCursor { reader, at, detail }).await?;
        (self.saved, self.saved_when, self.told_since) = (at, self.engine.clock().now(), false);
        Ok(())
    }
}

impl Pause {
    /// How long to wait now.
    pub fn longer(&mut self) -> Duration {
        let pause = self.0.map_or(PAUSE_MIN, |last| (last * 2).min(PAUSE_MAX));
        *self.0.insert(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_no_further() {
        let mut pause = Pause::default();
        let pauses: Vec<_> = std::iter::repeat_with(|| pause.longer()).take(12).collect();
        assert_eq!(pauses[..3], [250, 500, 1000].map(Duration::from_millis));
        assert_eq!(pauses[8..], [60; 4].map(Duration::from_secs));
    }
}
