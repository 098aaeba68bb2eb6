//! A connection's bytes, with or without TLS, its idle limit, and the limit on how slowly it takes answers. Not here: handshakes and messages.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::activity::{Activity, Working};
use super::limits::Limits;

/// Bytes of an answer that the other end takes in a second at least, once it was waited for: a long answer gets more time.
const ANSWER_BYTES_PER_SECOND_MIN: u64 = 64 << 10;

/// A connection; reading and writing fail with `TimedOut` once neither made progress for the idle limit, while nobody works
/// on an answer. Writing fails so too where the other end takes an answer too slowly.
pub struct Stream {
    transport: Transport,
    idle: Idle,
    answer: Answer,
}

pub(super) enum Transport {
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

impl Stream {
    pub(super) fn new(transport: Transport, limits: &Limits, activity: Arc<Activity>) -> Self {
        activity.progress();
        let timer = Box::pin(sleep(limits.idle_max()));
        let idle = Idle { limits: limits.clone(), progress: Instant::now(), timer, activity };
        Self { transport, idle, answer: Answer { max: limits.answer_max(), stalled: None } }
    }

    /// Tells this stream that somebody works on an answer.
    pub fn working(&self) -> Working {
        self.idle.activity.working().clone()
    }

    fn transport(&mut self) -> Pin<&mut dyn Duplex> {
        match &mut self.transport {
            Transport::Tls(stream) => Pin::new(&mut **stream),
            Transport::Plain(stream) => Pin::new(stream),
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// Measures silence. The timer is set anew only when it fires, so that progress costs no more than a clock read; the limit
/// is looked up then.
struct Idle {
    limits: Limits,
    progress: Instant,
    timer: Pin<Box<Sleep>>,
    activity: Arc<Activity>,
}

impl Idle {
    fn check<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.progress = Instant::now();
            self.activity.progress();
            return polled;
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
            if self.activity.working().is_on() {
                self.progress = Instant::now();
            }
            let max = self.limits.idle_max();
            let deadline = self.progress + max;
            if deadline <= Instant::now() {
                let seconds = max.as_secs();
                let reason = format!("no byte came or went for {seconds} s, the idle limit");
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, reason)));
            }
            self.timer.as_mut().reset(deadline);
        }
    }
}

/// Measures how slowly an answer is taken, from the first time that it had to be waited for until all of it has left.
struct Answer {
    max: Duration,
    stalled: Option<Stalled>,
}

struct Stalled {
    begin: Instant,
    bytes: u64,
    timer: Pin<Box<Sleep>>,
}

impl Answer {
    fn check<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            return polled;
        }
        let max = self.max;
        let begin = || Stalled { begin: Instant::now(), bytes: 0, timer: Box::pin(sleep(max)) };
        let stalled = self.stalled.get_or_insert_with(begin);
        loop {
            ready!(stalled.timer.as_mut().poll(context));
            let allowed = max + Duration::from_secs(stalled.bytes / ANSWER_BYTES_PER_SECOND_MIN);
            if stalled.begin.elapsed() >= allowed {
                let seconds = allowed.as_secs();
                let reason =
                    format!("an answer was not taken within {seconds} s (limits.message_seconds_max)");
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, reason)));
            }
            stalled.timer.as_mut().reset(stalled.begin + allowed);
        }
    }

    fn written(
        &mut self,
        polled: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let (Poll::Ready(Ok(bytes)), Some(stalled)) = (&polled, &mut self.stalled) {
            stalled.bytes = stalled.bytes.saturating_add(*bytes as u64);
        }
        self.check(polled, context)
    }

    fn flushed(&mut self, polled: Poll<io::Result<()>>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if polled.is_ready() {
            self.stalled = None;
        }
        self.check(polled, context)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = self.transport().poll_read(context, buffer);
        self.idle.check(polled, context)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.transport().poll_write(context, bytes);
        let polled = self.idle.check(polled, context);
        self.answer.written(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.transport().poll_write_vectored(context, slices);
        let polled = self.idle.check(polled, context);
        self.answer.written(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Tls(stream) => stream.is_write_vectored(),
            Transport::Plain(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.transport().poll_flush(context);
        let polled = self.idle.check(polled, context);
        self.answer.flushed(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.transport().poll_shutdown(context);
        let polled = self.idle.check(polled, context);
        self.answer.flushed(polled, context)
    }
}
