//! Where entries are read and written for sinks: one thread that steps behind requests, so that many sinks on a busy server
//! fall behind rather than slow it. Not here: where the text goes.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;

use keyreeve_core::access::Action;
use keyreeve_core::engine::Engine;
use keyreeve_core::model::Lsn;
use keyreeve_core::operations::journal::EntryShown;
use keyreeve_core::record::Outcome;
use keyreeve_core::{Error, Result};
use tokio::sync::oneshot;

use super::formats;
use super::syslog::Header;
use crate::config::SinkFormat;
use crate::entry_json::EntryText;

/// Entries of a page end where their positions are a multiple of this, so that sinks that go together share pages.
const PAGE_ENTRIES: u64 = 256;
/// Bytes of entries in a page; the last one may be longer.
const PAGE_BYTES: usize = 256 << 10;
/// Pages that are kept for sinks that come after the first one.
const PAGES_KEPT: usize = 4;
/// A share of a processor that others want too: the least that there is.
const NICENESS: i32 = 19;
/// Bytes of text that most entries take at most.
const TEXT_BYTES_USUAL: usize = 640;

/// The thread, as long as somebody has it.
pub(super) struct Workshop(Sender<Job>);

type Job = Box<dyn FnOnce(&mut Desk) + Send>;

/// What lies on the thread's desk: the last pages, each by the position that it begins behind.
#[derive(Default)]
struct Desk {
    pages: VecDeque<(Lsn, Arc<[EntryText]>)>,
}

/// How a sink wants its entries.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) format: SinkFormat,
    pub(super) except: Arc<[Action]>,
    /// Frames of syslog instead of lines.
    pub(super) header: Option<Arc<Header>>,
}

/// A page as a sink gets it.
#[derive(Default)]
pub(super) struct Written {
    /// The position that it ends with; none: there was nothing to read.
    pub(super) last: Option<Lsn>,
    pub(super) text: Vec<u8>,
    /// Entries in the text.
    pub(super) told: u64,
    /// Entries that were left out.
    pub(super) withheld: u64,
    /// Whether there is anything in it but how far others were told: that alone is no reason to put this on record.
    pub(super) has_news: bool,
}

impl Workshop {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start() -> std::io::Result<Self> {
        let (sender, jobs) = channel();
        thread::Builder::new().name("sinks".into()).spawn(move || work(&jobs))?;
        Ok(Self(sender))
    }

    /// The entries behind a position, as a sink wants them.
    ///
    /// # Errors
    /// The store's, also where what comes next is not kept any more.
    pub(super) async fn page(&self, engine: &Arc<Engine>, after: Lsn, wanted: &Wanted) -> Result<Written> {
        let (engine, wanted, (reply, written)) = (Arc::downgrade(engine), wanted.clone(), oneshot::channel());
        let job: Job = Box::new(move |desk| {
            let page = desk.page(&engine, after);
            // Who does not wait any more wants nothing.
            let _ = reply.send(page.map(|page| wanted.write(&page)));
        });
        let gone = |_| Error::internal("the thread that reads the journal for sinks is gone");
        self.0
            .send(job)
            .map_err(|_| Error::internal("the thread that reads the journal for sinks is gone"))?;
        written.await.map_err(gone)?
    }
}

fn work(jobs: &Receiver<Job>) {
    if let Err(error) = keyreeve_store::lower_priority(NICENESS) {
        tracing::warn!(%error, "sinks cannot let requests go first");
    }
    let mut desk = Desk::default();
    while let Ok(job) = jobs.recv() {
        job(&mut desk);
    }
}

impl Desk {
    fn page(&mut self, engine: &Weak<Engine>, after: Lsn) -> Result<Arc<[EntryText]>> {
        if let Some((_, page)) = self.pages.iter().find(|(behind, _)| *behind == after) {
            return Ok(page.clone());
        }
        let Some(engine) = engine.upgrade() else { return Ok([].into()) };
        let count = PAGE_ENTRIES - after.0 % PAGE_ENTRIES;
        let read = engine.store().journal_within(after, count as usize, &mut { PAGE_BYTES })?;
        let shown = read.into_iter().map(|entry| EntryShown::from(engine.reveal(entry)));
        let page: Arc<[EntryText]> = shown.map(EntryText::from).collect();
        if !page.is_empty() {
            self.pages.truncate(PAGES_KEPT - 1);
            self.pages.push_front((after, page.clone()));
        }
        Ok(page)
    }
}

impl Wanted {
    fn write(&self, page: &[EntryText]) -> Written {
        let mut written = Written {
            last: page.last().map(|text| text.entry.lsn),
            text: Vec::with_capacity(page.len() * TEXT_BYTES_USUAL),
            ..Written::default()
        };
        for text in page {
            let draft = &text.entry.draft;
            written.has_news |= draft.action != Action::MoveCursor || draft.detail.is_some();
            if draft.outcome == Outcome::Success && self.except.contains(&draft.action) {
                written.withheld += 1;
                continue;
            }
            match &self.header {
                Some(header) => header.frame(text, &mut written.text, |message| {
                    formats::write(self.format, text, message);
                }),
                None => {
                    formats::write(self.format, text, &mut written.text);
                    written.text.push(b'\n');
                }
            }
            written.told += 1;
        }
        written
    }
}
