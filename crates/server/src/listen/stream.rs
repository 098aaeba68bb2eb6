//! A connection's bytes, with or without TLS, and its idle limit. Not here: handshakes and messages.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

/// A connection; reading and writing fail with `TimedOut` once neither made progress for the idle limit.
pub struct Stream {
    transport: Transport,
    idle: Idle,
}

pub(super) enum Transport {
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

impl Stream {
    pub(super) fn new(transport: Transport, idle_max: Duration) -> Self {
        let idle = Idle { max: idle_max, progress: Instant::now(), timer: Box::pin(sleep(idle_max)) };
        Self { transport, idle }
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
}

impl Idle {
    fn check<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.progress = Instant::now();
            return polled;
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
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
