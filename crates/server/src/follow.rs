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
use tracing::warn;

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
    /// Messages that it did not take in many tries, and is not sent any more.
    pub given_up: u64,
    /// Entries that are not kept any more and were not looked at.
    pub skipped: u64,
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

    /// What the configuration calls it.
    pub fn name(&self) -> &str {
        self.reader.rsplit_once('/').map_or(&*self.reader, |(_, name)| name)
    }

    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.standing.lock());
    }

    /// It cannot be told, and why.
    pub fn fail(&self, now: Time, cause: String) {
        self.update(|standing| {
            let since = standing.failing.take().map_or(now, |(since, _)| since);
            standing.failing = Some((since, cause));
        });
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
        let Standing { at, told, refused, given_up, skipped, withheld, failing } = self.standing();
        json!({
            "reader": self.reader,
            "lag_entries": published.0.saturating_sub(at.0),
            "told": told,
            "refused": refused,
            "given_up": given_up,
            "skipped_entries": skipped,
            "withheld": withheld,
            "trouble": failing.map(|(_, cause)| cause),
        })
    }

    /// What it was never told, for doctor.
    pub fn missed(&self) -> Option<String> {
        let Standing { given_up, skipped, .. } = self.standing();
        if given_up == 0 && skipped == 0 {
            return None;
        }
        let reader = &self.reader;
        Some(format!(
            "{reader} was not told {given_up} messages, which it did not answer, nor what {skipped} entries say that are not kept \
             any more, since this start. The journal names them at move-cursor: bring it what it lacks."
        ))
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

    /// What is picked of each of the next entries; none at the end of the journal, and where the next entries are not kept any
    /// more: then it goes on at the oldest that is left, and says so.
    ///
    /// # Errors
    /// The store's.
    pub async fn page<T: Send + 'static>(
        &mut self,
        pick: impl Fn(Entry) -> T + Send + 'static,
    ) -> Result<Vec<(Lsn, T)>> {
        let (engine, after) = (Arc::clone(&self.engine), self.at);
        let read = move || -> Result<std::result::Result<Vec<(Lsn, T)>, Lsn>> {
            let store = engine.store();
            match store.journal_within(after, PAGE_ENTRIES, &mut { PAGE_BYTES }) {
                Ok(entries) => Ok(Ok(entries.into_iter().map(|entry| (entry.lsn, pick(entry))).collect())),
                Err(error) => match store.journal_begins()? {
                    oldest if oldest.0 > after.0.saturating_add(1) => Ok(Err(oldest)),
                    _ => Err(error),
                },
            }
        };
        let read = tokio::task::spawn_blocking(read).await;
        let read =
            read.map_err(|cause| Error::internal(format!("reading the journal broke off: {cause}")))?;
        match read? {
            Ok(page) => Ok(page),
            Err(oldest) => {
                self.skip_to(oldest).await?;
                Ok(Vec::new())
            }
        }
    }

    /// Goes on at the oldest entry that is kept, where what comes next is not; gives whether that was so.
    ///
    /// # Errors
    /// The store's.
    pub async fn skip_what_is_gone(&mut self) -> Result<bool> {
        let oldest = self.engine.store().journal_begins()?;
        let is_gone = oldest.0 > self.at.0.saturating_add(1);
        if is_gone {
            self.skip_to(oldest).await?;
        }
        Ok(is_gone)
    }

    /// Goes on at the oldest entry that is kept.
    async fn skip_to(&mut self, oldest: Lsn) -> Result<()> {
        let (reader, from) = (self.progress.reader.clone(), self.at.0.saturating_add(1));
        let skipped = oldest.0.saturating_sub(from);
        let detail = format!(
            "{skipped} entries from LSN {from} on are not kept any more: {reader} may not have been told what they say"
        );
        warn!(reader, from, skipped, "what a reader of the journal comes to next is not kept any more");
        self.passed(Lsn(oldest.0.saturating_sub(1)), false);
        self.progress.update(|standing| standing.skipped += skipped);
        self.save(Some(detail)).await
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

    /// Up to where it has been told.
    pub fn at(&self) -> Lsn {
        self.at
    }

    /// Goes on behind this position instead.
    pub fn go_to(&mut self, at: Lsn) {
        self.at = at;
        self.progress.update(|standing| standing.at = at);
    }

    /// Whether the cursor was not put on record for long.
    pub fn is_due(&self) -> bool {
        let waited = self.engine.clock().now().0.saturating_sub(self.saved_when.0);
        // A clock that was set back tells nothing.
        let told_long_ago = self.told_since && !(0..SAVED_EVERY_MS).contains(&waited);
        // What is on record must not be older than what is kept: it would look as if something had been missed.
        let begins = || self.engine.store().journal_begins().unwrap_or(Lsn::ZERO);
        let is_left_behind = || self.at > self.saved && begins().0 > self.saved.0.saturating_add(1);
        told_long_ago || is_left_behind() || self.at.0.saturating_sub(self.saved.0) >= SAVED_EVERY_ENTRIES
    }

    /// Puts the cursor on record where it was not for long.
    ///
    /// # Errors
    /// The store's.
    pub async fn save_if_due(&mut self) -> Result<()> {
        if self.is_due() { self.save(None).await } else { Ok(()) }
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
        self.save_as(self.at, detail).await
    }

    /// Puts on record that it was told up to an earlier position, which alone is sure.
    ///
    /// # Errors
    /// The store's.
    pub async fn save_up_to(&mut self, sure: Lsn) -> Result<()> {
        if sure == self.saved {
            // Nothing new is sure: it is looked again later.
            self.saved_when = self.engine.clock().now();
            return Ok(());
        }
        self.save_as(sure, None).await
    }

    async fn save_as(&mut self, at: Lsn, detail: Option<String>) -> Result<()> {
        let caller = Caller::system(request_id(&self.engine)?);
        let reader = self.progress.reader.clone();
        execute(&self.engine, &caller, MoveCursor { reader, at, detail }).await?;
        (self.saved, self.saved_when) = (at, self.engine.clock().now());
        self.told_since &= at < self.at;
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
    use std::task::{Context, Poll};

    use keyreeve_core::ErrorKind;
    use keyreeve_core::SecretBytes;
    use keyreeve_core::ports::clock::Clock;
    use keyreeve_core::ports::store::{Commit, Completion, IndexHit, IndexRange, Order, Store};
    use keyreeve_core::record::{Record, RecordKey};
    use keyreeve_crypto::SoftwareCrypto;
    use keyreeve_store::{StoreOptions, Unlock};

    use super::*;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Time {
            Time(1_700_000_000_000)
        }

        fn wait(&self, _: Duration) {}
    }

    /// A store whose journal begins later than it does.
    struct Pruned {
        inner: Arc<keyreeve_store::Store>,
        begins: Lsn,
    }

    impl Store for Pruned {
        fn published(&self) -> Lsn {
            self.inner.published()
        }

        fn poll_published(&self, after: Lsn, context: &mut Context<'_>) -> Poll<Lsn> {
            self.inner.poll_published(after, context)
        }

        fn is_full(&self) -> bool {
            self.inner.is_full()
        }

        fn get(&self, key: &RecordKey) -> Result<Option<Arc<Record>>> {
            self.inner.get(key)
        }

        fn find_in(
            &self,
            order: Order,
            range: &IndexRange,
            beyond: Option<&IndexHit>,
            limit: usize,
        ) -> Result<Vec<IndexHit>> {
            self.inner.find_in(order, range, beyond, limit)
        }

        fn commit(&self, commit: Commit, done: Completion) {
            self.inner.commit(commit, done);
        }

        fn journal_within(&self, after: Lsn, limit: usize, bytes_left: &mut usize) -> Result<Vec<Entry>> {
            if after.0 + 1 < self.begins.0 {
                return Err(Error::new(ErrorKind::Unavailable, "not kept any more"));
            }
            self.inner.journal_within(after, limit, bytes_left)
        }

        fn journal_begins(&self) -> Result<Lsn> {
            Ok(self.begins)
        }

        fn verify_journal(&self) -> Result<(Lsn, [u8; 32])> {
            self.inner.verify_journal()
        }
    }

    fn engine(dir: &std::path::Path, begins: u64) -> Arc<Engine> {
        let (crypto, clock) = (Arc::new(SoftwareCrypto::new()), Arc::new(Still));
        let options = StoreOptions::new(dir.join("data"), crypto.clone(), clock.clone());
        let unlock = Unlock::KeyFile(SecretBytes::copy_from("17".repeat(32).as_bytes()));
        keyreeve_store::Store::create(&options, &unlock).unwrap();
        let inner = Arc::new(keyreeve_store::Store::open(&options, &unlock).unwrap());
        let sealer = inner.sealer();
        Arc::new(Engine::new(Arc::new(Pruned { inner, begins: Lsn(begins) }), sealer, crypto, clock))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_goes_on_behind_what_is_not_kept_and_says_what_it_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(dir.path(), 5);
        let caller = Caller::system(request_id(&engine).unwrap());
        let reader = "kmip-endpoint/late".to_owned();
        for at in [1; 8] {
            let cursor = MoveCursor { reader: reader.clone(), at: Lsn(at), detail: None };
            execute(&engine, &caller, cursor).await.unwrap();
        }
        let progress = Arc::new(Progress::new(reader));
        let mut follower = Follower::open(engine.clone(), progress.clone()).await.unwrap();
        assert!(follower.page(|entry| entry.lsn).await.unwrap().is_empty(), "it skips first");
        let page = follower.page(|entry| entry.lsn).await.unwrap();
        assert_eq!(page.first().map(|(lsn, _)| *lsn), Some(Lsn(5)));
        assert_eq!(progress.standing().skipped, 3, "entries 2 to 4");
        assert_eq!(progress.to_json(Lsn(9))["skipped_entries"], 3);
        assert!(progress.missed().unwrap().contains("3 entries"));
        let recorded = engine.store().journal(Lsn(4), 100).unwrap();
        let detail = recorded.last().and_then(|entry| entry.draft.detail.clone()).unwrap();
        assert!(detail.starts_with("3 entries from LSN 2 on"), "{detail}");
        assert_eq!(cursor(&engine, "kmip-endpoint/late").unwrap(), Some(Lsn(4)));
    }

    #[test]
    fn pauses_grow_to_a_minute_and_no_further() {
        let mut pause = Pause::default();
        let pauses: Vec<_> = std::iter::repeat_with(|| pause.longer()).take(12).collect();
        assert_eq!(pauses[..3], [250, 500, 1000].map(Duration::from_millis));
        assert_eq!(pauses[8..], [60; 4].map(Duration::from_secs));
    }
}
