//! What a file or a pipe holds, as the body of a request that is read while it is sent. Not here: sending it (client).

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hyper::body::{Body, Bytes, Frame};

use crate::errors::Failure;
use crate::progress::Progress;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// A body of any length, of which nothing is read before it is wanted. Reading holds the thread up, on which nothing but this request runs.
pub(crate) struct Reading {
    from: Box<dyn Read + Send>,
    progress: Progress,
    reads: Reads,
}

/// How far reading has come, for whoever waits for the answer.
#[derive(Clone)]
pub(crate) struct Reads {
    state: Arc<Mutex<State>>,
    name: PathBuf,
}

#[derive(Default)]
struct State {
    /// The server wants to have it.
    wanted: bool,
    /// Wakes who waits for that.
    waker: Option<Waker>,
    bytes: u64,
    failure: Option<String>,
}

impl Reading {
    /// Of a file or pipe of this name, of so many bytes where that is known.
    pub(crate) fn new(from: Box<dyn Read + Send>, name: &Path, length: Option<u64>) -> Self {
        let reads = Reads { state: Arc::default(), name: name.to_owned() };
        Self { from, progress: Progress::bytes(length), reads }
    }

    /// How far it has come.
    pub(crate) fn reads(&self) -> Reads {
        self.reads.clone()
    }
}

impl Reads {
    /// Bytes that were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.state().bytes
    }

    /// Whether the server wants to have it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.state().wanted
    }

    /// From now on it is read and sent.
    pub(crate) fn want(&self) {
        let mut state = self.state();
        state.wanted = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why reading stopped, where it did before the end.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.state().failure.as_ref().map(|cause| Failure::file("read", &self.name, cause))
    }
}

impl Body for Reading {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        {
            let mut state = self.reads.state();
            if !state.wanted {
                state.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
        let mut bytes = vec![0; READ_BYTES];
        // What is there goes at once: a slow pipe must not look dead to the server.
        let read = loop {
            match self.from.read(&mut bytes) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let mut state = self.reads.state();
        let frame = match read {
            Ok(0) => None,
            Ok(length) => {
                bytes.truncate(length);
                state.bytes += length as u64;
                Some(Ok(Frame::data(Bytes::from(bytes))))
            }
            Err(cause) => {
                state.failure = Some(cause.to_string());
                Some(Err(cause))
            }
        };
        let done = state.bytes;
        drop(state);
        self.progress.set(done);
        Poll::Ready(frame)
    }
}
