//! The journal over the fault-injecting disk: one directed test a rule, and a crash at every change.

mod commit;
mod crash;
mod damage;
mod disk;
mod format;
mod recovery;
mod timeline;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyreeve_store::disk::Disk;
use keyreeve_store::journal::{
    CommitError, CommitOptions, Committed, Committer, Demand, Identity, Journal, JournalError, Lsn, Options,
    Sha256, Stage, Writer,
};
use keyreeve_testkit::disk::FaultyDisk;

const IDENTITY: Identity = Identity { store: [7; 16], timeline: 1 };
const SMALL: Options = Options { segment_bytes_max: 4096, preallocate_bytes: 1024, reserve_bytes: 1024 };

fn sha256() -> Sha256 {
    Arc::new(|parts| {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        parts.iter().for_each(|part| context.update(part));
        context.finish().as_ref().try_into().expect("32 bytes")
    })
}

fn journal_on(disk: &FaultyDisk) -> Journal {
    Journal::new(Arc::new(disk.clone()), "/store/journal", sha256())
}

fn segment_path(first: u64) -> PathBuf {
    Path::new("/store/journal").join(format!("{first:020}.krj"))
}

/// What a test submits: an entry, an urgent one, a refusal, or a panic of the stage.
enum Request {
    Entry(Vec<u8>),
    Urgent(Vec<u8>),
    Refuse,
    Panic,
}

/// A stage that writes entries as they come and tells what was published.
struct Recorder {
    /// Each batch waits here until the test has submitted all of it.
    gate: Option<Receiver<()>>,
    published: Arc<Mutex<Vec<Committed>>>,
}

impl Stage for Recorder {
    type Request = Request;
    type Reply = Result<Lsn, &'static str>;

    fn demand(request: &Request) -> Demand {
        match request {
            Request::Entry(bytes) => Demand { bytes: bytes.len(), urgent: false },
            Request::Urgent(bytes) => Demand { bytes: bytes.len(), urgent: true },
            Request::Refuse | Request::Panic => Demand { bytes: 0, urgent: false },
        }
    }

    fn now_ms(&self) -> u64 {
        if let Some(gate) = &self.gate {
            let _ = gate.recv();
        }
        1_700_000_000_000
    }

    fn stage(
        &mut self,
        lsn: Lsn,
        _: u64,
        request: Request,
        entry: &mut Vec<u8>,
    ) -> Result<Self::Reply, Self::Reply> {
        match request {
            Request::Entry(bytes) | Request::Urgent(bytes) => {
                entry.extend_from_slice(&bytes);
                Ok(Ok(lsn))
            }
            Request::Refuse => Err(Err("refused")),
            Request::Panic => panic!("a broken stage"),
        }
    }

    fn publish(&mut self, committed: &Committed) {
        self.published.lock().expect("no panic").push(*committed);
    }

    fn discard(&mut self) {}
}

type Answer = Result<Result<Lsn, &'static str>, CommitError>;

/// A running committer over a [`Recorder`] whose batches the test shapes.
struct Running {
    /// Before the committer, which waits for its thread when it is dropped, and the thread for the gate.
    gate: Option<Sender<()>>,
    committer: Committer<Recorder>,
    published: Arc<Mutex<Vec<Committed>>>,
    failed: Receiver<CommitError>,
}

impl Running {
    fn start(writer: Writer, options: CommitOptions) -> Self {
        let (gate, opened) = channel();
        let (failed_sender, failed) = channel();
        let published = Arc::new(Mutex::new(Vec::new()));
        let stage = Recorder { gate: Some(opened), published: published.clone() };
        let on_failure =
            move |error: &CommitError| failed_sender.send(error.clone()).expect("the test listens");
        let committer = Committer::start(writer, stage, options, on_failure).expect("a thread");
        Running { gate: Some(gate), committer, published, failed }
    }

    /// Commits the requests as one batch (or, of over 256, as full batches) and returns the answers in order.
    fn batch(&self, requests: impl IntoIterator<Item = Request>) -> Vec<Answer> {
        let answers: Vec<_> = requests
            .into_iter()
            .map(|request| {
                let (sender, receiver) = channel();
                self.committer.submit(request, move |answer| sender.send(answer).expect("the test listens"));
                receiver
            })
            .collect();
        // Only now, and once a batch: a batch let in earlier could close before all had been submitted.
        for _ in 0..answers.len().div_ceil(CommitOptions::default().batch_entries_max) {
            self.open_gate();
        }
        answers.iter().map(|answer| answer.recv().expect("each is told")).collect()
    }

    fn open_gate(&self) {
        if let Some(gate) = &self.gate {
            let _ = gate.send(());
        }
    }

    fn put(&self, bytes: &[u8]) -> Answer {
        self.batch([Request::Entry(bytes.to_vec())]).remove(0)
    }

    fn stop(mut self) -> Result<(), CommitError> {
        self.gate = None;
        self.committer.stop()
    }
}

fn quiet() -> CommitOptions {
    CommitOptions { idle_delay: Duration::from_secs(3600), ..CommitOptions::default() }
}

fn open(disk: &FaultyDisk) -> Result<Running, JournalError> {
    Ok(Running::start(journal_on(disk).open(SMALL, None, Lsn(0))?.writer, quiet()))
}

/// A disk with a new journal.
fn new_disk() -> FaultyDisk {
    let disk = FaultyDisk::new();
    disk.create_dir(Path::new("/store")).expect("a folder");
    disk.sync_dir(Path::new("/")).expect("durable");
    journal_on(&disk).create(IDENTITY, 1).expect("a journal");
    disk
}

/// A disk whose process was killed after it committed the entries, each in a frame of its own.
fn disk_with(entries: &[&[u8]]) -> FaultyDisk {
    let disk = new_disk();
    let running = open(&disk).expect("it opens");
    for entry in entries {
        running.put(entry).expect("durable").expect("not refused");
    }
    let killed = disk.kill();
    running.stop().expect("a clean stop");
    killed
}

fn read_all(journal: &Journal, from: u64, until: u64) -> Result<Vec<(u64, Vec<u8>)>, JournalError> {
    let mut reader = journal.read(Lsn(from), Lsn(until))?;
    let mut entries = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        entries.extend(frame.entries().map(|(lsn, bytes)| (lsn.0, bytes.to_vec())));
    }
    Ok(entries)
}

/// The place that a refusal to open names.
fn damage(result: Result<impl Sized, JournalError>) -> (PathBuf, u64, u64) {
    match result {
        Err(JournalError::Damaged { file, offset, lsn, .. }) => (file, offset, lsn.0),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("the damage was not seen"),
    }
}
