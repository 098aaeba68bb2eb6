//! The change feed: durable entries of the journal, streamed as they come. Each reader goes at its own pace, with a place
//! in the journal as its cursor; what it does not take in time costs nobody but itself. Not here: which entries a caller
//! may read (core), and how an entry looks (journal).

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Bytes, Frame};
use keyreeve_core::access::{Action, Caller};
use keyreeve_core::model::{Lsn, PrincipalId};
use keyreeve_core::operations::journal::{EntryFilter, FollowJournal, Wanted};
use keyreeve_core::operations::server::Note;
use keyreeve_core::{Error, Result};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::Api;
use crate::entry_json::entry_json;
use crate::execute::execute;
use crate::listen::Shutdown;

/// Feeds of one principal at most.
const FEEDS_OF_ONE_MAX: usize = 8;
/// Pages that are read at once, for all feeds: an entry may have megabytes of changes until it is shown.
const PAGES_READ_MAX: usize = 4;
/// Entries that are looked at for one chunk.
const PAGE_ENTRIES: usize = 256;
/// Bytes of entries that are looked at for one chunk; the last one may be longer.
const PAGE_BYTES: usize = 256 << 10;
/// Chunks that wait for their reader.
const CHUNKS_MAX: usize = 2;
/// A sign of life after so long without an entry.
const HEARTBEAT_SECONDS: u64 = 15;
/// How often it is looked whether the reader still may.
const CHECK_SECONDS: u64 = 2;
/// Then the reader proves anew who it is, and goes on from its cursor.
const FEED_SECONDS_MAX: u64 = 3600;

/// The places of all feeds.
pub struct Feeds {
    open: Mutex<HashMap<PrincipalId, usize>>,
    reading: Semaphore,
}

/// Why there is no place for another feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPlace {
    #[error("this server has {0} feeds open, its limit (limits.feeds_max)")]
    Server(usize),
    #[error("you have {0} feeds open, the limit of one principal")]
    Principal(usize),
}

/// The place of one feed, given back when dropped.
pub(super) struct Place {
    api: Arc<Api>,
    principal: PrincipalId,
}

/// The connection that a feed is sent over.
#[derive(Clone)]
pub(super) struct Line {
    /// The server stops.
    pub(super) shutdown: Shutdown,
    /// Closes the connection, whatever waits to be written.
    pub(super) hang_up: Arc<Notify>,
}

/// How entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Server-sent events; the id is the position.
    Events,
    /// A line of JSON each.
    Lines,
}

/// A feed that is about to begin.
pub(super) struct Feed {
    pub(super) place: Place,
    pub(super) caller: Caller,
    pub(super) wanted: Wanted,
    pub(super) after: Lsn,
    pub(super) format: Format,
    /// Whether it waits for more at the end of the journal.
    pub(super) follow: bool,
    pub(super) line: Line,
}

impl Default for Feeds {
    fn default() -> Self {
        Self { open: Mutex::default(), reading: Semaphore::new(PAGES_READ_MAX) }
    }
}

impl Place {
    /// Takes a place for a feed of this principal.
    pub(super) fn take(api: &Arc<Api>, principal: PrincipalId) -> Result<Self, NoPlace> {
        let mut open = api.feeds.open.lock();
        let total: usize = open.values().sum();
        let own = open.get(&principal).copied().unwrap_or(0);
        if own >= FEEDS_OF_ONE_MAX {
            return Err(NoPlace::Principal(own));
        }
        if total >= api.reloader.limits().feeds_max {
            return Err(NoPlace::Server(total));
        }
        open.insert(principal, own + 1);
        Ok(Self { api: Arc::clone(api), principal })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.api.feeds.open.lock();
        match open.get_mut(&self.principal) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.remove(&self.principal);
            }
        }
    }
}

impl Format {
    /// The media type.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }

    fn entry(self, text: &mut String, lsn: Lsn, json: &str) {
        match self {
            Self::Events => text.push_str(&format!("id: {lsn}\ndata: {json}\n\n")),
            Self::Lines => text.push_str(&format!("{json}\n")),
        }
    }

    /// Says that the reader has seen all up to `after`.
    fn heartbeat(self, after: Lsn) -> String {
        match self {
            Self::Events => format!(": waiting\nid: {after}\n\n"),
            Self::Lines => "\n".into(),
        }
    }
}

/// How a feed ended.
enum End {
    /// All was sent.
    Complete,
    /// The reader went.
    Gone,
    /// The reader took nothing for too long.
    Stuck(Duration),
    /// Its time is over; it may come again.
    Over,
    /// The server stops.
    Stopping,
    /// The reader may not go on, or nothing can be read.
    Failed(Error),
}

impl Feed {
    /// Starts the feed; its bytes come out of the body.
    pub(super) fn start(self) -> Body {
        let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
        tokio::spawn(self.run(sender));
        Body::new(Chunks(receiver))
    }

    async fn run(mut self, sender: mpsc::Sender<Bytes>) {
        let mut shutdown = self.line.shutdown.clone();
        let end = tokio::select! {
            biased;
            () = shutdown.requested() => End::Stopping,
            () = sender.closed() => End::Gone,
            end = self.send_all(&sender) => end,
        };
        let reason = match end {
            End::Complete => "all was sent".into(),
            End::Gone => "its reader went".into(),
            End::Stuck(waited) => {
                self.line.hang_up.notify_one();
                format!("its reader took nothing for {} seconds", waited.as_secs_f64())
            }
            End::Over => format!("it was open for {FEED_SECONDS_MAX} seconds"),
            End::Stopping => "the server stops".into(),
            End::Failed(error) => error.public().to_owned(),
        };
        let detail = format!("follows the journal no more, after {}: {reason}", self.after);
        let note = Note { action: Action::ReadJournal, detail, denied: false };
        // The reader may be revoked by now: then this is on record as refused, which says it too.
        if let Err(error) = execute(&self.place.api.engine, &self.caller, note).await {
            debug!(%error, "the end of a feed is on record as refused, or not at all");
        }
    }

    async fn send_all(&mut self, sender: &mpsc::Sender<Bytes>) -> End {
        let begin = Instant::now();
        let (mut checked, mut sent) = (begin, begin);
        loop {
            if checked.elapsed() >= Duration::from_secs(CHECK_SECONDS) {
                checked = Instant::now();
                if let Err(error) = self.still_may() {
                    return End::Failed(error);
                }
            }
            if begin.elapsed() >= Duration::from_secs(FEED_SECONDS_MAX) {
                return End::Over;
            }
            let (mut text, at_end) = match self.page().await {
                Ok(page) => page,
                Err(error) => return End::Failed(error),
            };
            if at_end && self.follow && sent.elapsed() >= Duration::from_secs(HEARTBEAT_SECONDS) {
                text = self.format.heartbeat(self.after);
            }
            if !text.is_empty() {
                let patience = self.patience();
                match timeout(patience, sender.send(text.into())).await {
                    Ok(Ok(())) => sent = Instant::now(),
                    Ok(Err(_)) => return End::Gone,
                    Err(_) => return End::Stuck(patience),
                }
            }
            if at_end {
                if !self.follow {
                    return End::Complete;
                }
                self.wait().await;
            }
        }
    }

    /// How long a chunk waits for its reader: half as long as its connection does, so that the feed has ended, and why is on
    /// record, before the connection is cut.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.place.api.reloader.limits().message_seconds_max) / 2
    }

    /// Waits for more entries, not longer than to the next check.
    async fn wait(&self) {
        let store = self.place.api.engine.store();
        let more = poll_fn(|context| store.poll_published(self.after, context));
        // Either way it is looked again.
        let _ = timeout(Duration::from_secs(CHECK_SECONDS), more).await;
    }

    fn still_may(&self) -> Result<()> {
        let engine = &self.place.api.engine;
        let again = FollowJournal { after: self.after, filter: EntryFilter::default() };
        engine.rehearse(&self.caller).run(&again).map(drop)
    }

    /// The next entries as text, and whether the end of the journal was reached.
    async fn page(&mut self) -> Result<(String, bool)> {
        let api = Arc::clone(&self.place.api);
        let _turn = api.feeds.reading.acquire().await.map_err(Error::internal)?;
        let (engine, wanted) = (Arc::clone(&api.engine), self.wanted.clone());
        let (after, format) = (self.after, self.format);
        let read = move || {
            let entries = engine.store().journal_within(after, PAGE_ENTRIES, &mut { PAGE_BYTES })?;
            let mut text = String::new();
            let last = entries.last().map(|entry| entry.lsn);
            let entries = entries.into_iter().map(|entry| engine.reveal(entry));
            for entry in entries.filter(|entry| wanted.includes(entry)) {
                format.entry(&mut text, entry.lsn, &entry_json(entry.into()).to_string());
            }
            Ok((text, last))
        };
        let read = tokio::task::spawn_blocking(read).await;
        let (text, last) = read.map_err(|cause| Error::internal(format!("a page broke off: {cause}")))??;
        self.after = last.unwrap_or(self.after);
        Ok((text, last.is_none()))
    }
}

/// A body of chunks as they come.
struct Chunks(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
