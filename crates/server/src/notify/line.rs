//! A connection to an SMTP server, protected before anything is said on it. Not here: the messages (email), and SMTP itself, which
//! `lettre` speaks.
//!
//! STARTTLS is done here: what stands behind the server's consent to it came from whoever is on the way, and must not be taken for
//! an answer that came under TLS.
//!
//! # Standard
//! RFC 3207, RFC 5321.

use std::io::{self, Cursor};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, ReadBuf,
};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::config::MailTls;
use crate::listen::Fetcher;
use crate::quote::plain;

/// Bytes of a line of an answer at most.
const LINE_BYTES_MAX: u64 = 1000;
/// Lines of an answer at most.
const LINES_MAX: usize = 100;
/// Bytes of an answer that an error quotes.
const QUOTED_BYTES_MAX: usize = 256;

/// A server, and how it is reached.
pub(super) struct Way {
    pub(super) fetcher: Fetcher,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) name: ServerName<'static>,
    pub(super) tls: MailTls,
}

/// The connection as `lettre` takes it: it begins with a greeting, also where that came before TLS.
#[derive(Debug)]
pub(super) struct Line<S> {
    greeting: &'static [u8],
    peer: SocketAddr,
    stream: S,
}

/// What an end of a connection is called there.
pub(super) type Connected = (Box<dyn AsyncTokioStream>, ClientId);

impl Way {
    /// Connects, and protects the connection as it is to be.
    ///
    /// # Errors
    /// Why there is none, or it cannot be protected.
    pub(super) async fn open(&self) -> Result<Connected, String> {
        let socket = self.fetcher.connect(&self.host, self.port).await?;
        let told = |error: io::Error| error.to_string();
        let (peer, own) = (socket.peer_addr().map_err(told)?, socket.local_addr().map_err(told)?);
        let id = match own.ip().to_canonical() {
            IpAddr::V4(address) => ClientId::Ipv4(address),
            IpAddr::V6(address) => ClientId::Ipv6(address),
        };
        let stream: Box<dyn AsyncTokioStream> = match self.tls {
            MailTls::None if peer.ip().to_canonical().is_loopback() => {
                Box::new(Line { greeting: b"", peer, stream: socket })
            }
            MailTls::None => return Err("tls = \"none\" is for this machine alone".to_owned()),
            MailTls::Implicit => {
                let stream = self.fetcher.secure(&self.name, socket).await?;
                Box::new(Line { greeting: b"", peer, stream })
            }
            MailTls::Starttls => {
                let socket = consent(socket, &id).await?;
                let stream: TlsStream<TcpStream> = self.fetcher.secure(&self.name, socket).await?;
                Box::new(Line { greeting: b"220 under TLS\r\n", peer, stream })
            }
        };
        Ok((stream, id))
    }
}

/// Has the server agree to TLS; nothing may stand behind its consent.
async fn consent<S: AsyncRead + AsyncWrite + Unpin>(stream: S, id: &ClientId) -> Result<S, String> {
    let mut stream = BufReader::new(stream);
    answer(&mut stream, "220").await?;
    say(&mut stream, &format!("EHLO {id}\r\n")).await?;
    let offers = answer(&mut stream, "250").await?;
    let is_starttls = |line: &String| line.get(4..).is_some_and(|word| word.eq_ignore_ascii_case("STARTTLS"));
    if !offers.iter().any(is_starttls) {
        return Err("the server offers no STARTTLS, and nothing is sent without TLS".to_owned());
    }
    say(&mut stream, "STARTTLS\r\n").await?;
    answer(&mut stream, "220").await?;
    if !stream.buffer().is_empty() {
        return Err("somebody on the way put answers behind the server's consent to TLS".to_owned());
    }
    Ok(stream.into_inner())
}

/// Whether a server that answers this, whatever it is told, agrees to TLS; for tests and fuzzing. `None` where it waits for more.
pub(crate) fn consents(bytes: &[u8]) -> Option<Result<(), String>> {
    let stream = tokio::io::join(Cursor::new(bytes.to_vec()), tokio::io::sink());
    let id = ClientId::Ipv4(Ipv4Addr::LOCALHOST);
    consent(stream, &id).now_or_never().map(|consent| consent.map(|_| ()))
}

/// A connection to a server that answers this, whatever it is told.
pub(super) fn scripted(bytes: &[u8]) -> Connected {
    let stream = tokio::io::join(Cursor::new(bytes.to_vec()), tokio::io::sink());
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 25));
    (Box::new(Line { greeting: b"", peer, stream }), ClientId::Ipv4(Ipv4Addr::LOCALHOST))
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, text: &str) -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    stream.write_all(text.as_bytes()).await.map_err(told)?;
    stream.flush().await.map_err(told)
}

/// The lines of an answer of this code.
async fn answer<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, code: &str) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    while lines.len() < LINES_MAX {
        let mut line = Vec::new();
        let read = (&mut *stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await;
        read.map_err(|error| error.to_string())?;
        let ended = line.ends_with(b"\n");
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (Some(said), true) = (line.get(..3), ended) else {
            return Err(format!("the server answers what is no answer: {}", plain(&line, QUOTED_BYTES_MAX)));
        };
        if said != code {
            return Err(format!("the server answered {}", plain(&line, QUOTED_BYTES_MAX)));
        }
        let goes_on = line.as_bytes().get(3) == Some(&b'-');
        lines.push(line);
        if !goes_on {
            return Ok(lines);
        }
    }
    Err("the server's answer has no end".to_owned())
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> AsyncTokioStream for Line<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.greeting.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let (now, later) = self.greeting.split_at(self.greeting.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.greeting = later;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_on_without_tls_or_with_what_came_before_it() {
        let good = "220 here\r\n250-here\r\n250-PIPELINING\r\n250 starttls\r\n220 go\r\n";
        consents(good.as_bytes()).unwrap().unwrap();
        for (said, told) in [
            ("220 here\r\n250-here\r\n250 PIPELINING\r\n", "no STARTTLS"),
            ("554 no\r\n", "answered 554 no"),
            ("220 here\r\n250 STARTTLS\r\n454 not now\r\n", "answered 454"),
            ("220 here\r\n250-x", "no answer"),
            ("", "no answer"),
            (&format!("220 {}", "x".repeat(5000)), "no answer"),
            (&format!("220 here\r\n{}", "250-x\r\n".repeat(200)), "no end"),
            (&format!("{good}250 injected\r\n"), "on the way"),
        ] {
            let error = consents(said.as_bytes()).unwrap().unwrap_err();
            assert!(error.contains(told), "{said:?}: {error}");
            assert!(error.len() < 400);
        }
    }
}
