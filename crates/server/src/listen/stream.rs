//! A connection's bytes, with or without TLS, and its idle limit. Not here: handshakes and messages.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

/// A connection; reading and writing fail with `TimedOut` once neither made progress for the idle limit, while nobody works
/// on an answer.
pub struct Stream {
    transport: Transport,
    idle: Idle,
}

/// Whether somebody works on an answer: then the other end is silent because it waits.
#[derive(Clone, Default)]
pub struct Working(Arc<AtomicUsize>);

/// Somebody works until this is dropped.
pub struct Work(Working);

impl Working {
    /// Begins to work.
    pub fn begin(&self) -> Work {
        self.0.fetch_add(1, Ordering::Relaxed);
        Work(self.clone())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) enum Transport {
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

impl Stream {
    pub(super) fn new(transport: Transport, idle_max: Duration) -> Self {
        let timer = Box::pin(sleep(idle_max));
        let idle = Idle { max: idle_max, progress: Instant::now(), timer, working: Working::default() };
        Self { transport, idle }
    }

    /// Tells this stream that somebody works on an answer.
    pub fn working(&self) -> Working {
        self.idle.working.clone()
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

/// Measures silence. The timer is set anew only when it fires, so that progress costs no more than a clock read.
struct Idle {
    max: Duration,
    progress: Instant,
    timer: Pin<Box<Sleep>>,
    working: Working,
}

impl Idle {
    fn check<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.progress = Instant::now();
            return polled;
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
            if self.working.0.load(Ordering::Relaxed) > 0 {
                self.progress = Instant::now();
            }
            let deadline = self.progress + self.max;
            if deadline <= Instant::now() {
                let seconds = self.max.as_secs();
                let reason = format!("no byte came or went for {seconds} s, the idle limit");
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, reason)));
            }
            self.timer.as_mut().reset(deadline);
        }
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
        self.idle.check(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.transport().poll_write_vectored(context, slices);
        self.idle.check(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Tls(stream) => stream.is_write_vectored(),
            Transport::Plain(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.transport().poll_flush(context);
        self.idle.check(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.transport().poll_shutdown(context);
        self.idle.check(polled, context)
    }
}
