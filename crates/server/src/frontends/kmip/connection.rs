//! One connection: messages off a stream, answers onto it, in their order. Not here: which of them are under way at once
//! (pipeline), TLS, and the limits on idle time and number of connections, which the listener keeps.

use std::io;
use std::net::SocketAddr;

use keyreeve_core::{Error, ErrorKind};
use keyreeve_kmip::Version;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};
use zeroize::Zeroizing;

use super::Kmip;
use super::errors::Failure;
use super::pipeline::Begin;
use crate::frontends::secret_buffer;
use crate::in_flight::Reserved;
use crate::listen::{Connection, Handler, Peer, Shutdown};

/// Room that is made for what comes next: memory follows what has arrived, never what a length field announces.
const READ_BYTES: usize = 16 * 1024;

/// Longer messages are taken only of peers that are known, before they are there whole.
const UNPROVEN_BYTES_MAX: usize = 64 * 1024;

impl Handler for Kmip {
    async fn serve(&self, connection: Connection) {
        let Connection { stream, peer, shutdown } = connection;
        let ended = self.converse(stream, &peer, shutdown).await;
        if let Err(cause) = ended {
            debug!(peer = %peer.address, %cause, "KMIP connection ended");
        }
    }

    async fn refused(&self, peer: SocketAddr, cause: &str) {
        self.authenticator.refused_handshake("kmip", peer, cause).await;
    }
}

impl Kmip {
    /// Serves a peer until it closes, a shutdown is asked for, or nothing it sends can be told apart any more. A client
    /// may send its next request before the answer to this one; answers come in the order of the requests.
    ///
    /// # Errors
    /// The stream's; `TimedOut` for a message that is not there whole within its time.
    pub async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        peer: &Peer,
        mut shutdown: Shutdown,
    ) -> io::Result<()> {
        let mut received = Received::new();
        loop {
            match self.begin(&received.bytes) {
                Begin::Whole(_) => {
                    let answered = self.answer_whole(peer, &received.bytes).await;
                    received.remove(answered.bytes);
                    stream.write_all(answered.into_bytes().expose()).await?;
                    stream.flush().await?;
                    continue;
                }
                Begin::Part(length) => {
                    if let Err(error) = self.admit(peer, length, &mut received).await {
                        return self.give_up(stream, error.into()).await;
                    }
                }
                Begin::Refused(error) => {
                    debug!(peer = %peer.address, cause = %error, "a KMIP message was refused by its first bytes");
                    return self.give_up(stream, error.into()).await;
                }
                Begin::Unknown => {}
            }
            secret_buffer::reserve(&mut received.bytes, READ_BYTES);
            let read = match received.begin {
                None => tokio::select! {
                    read = stream.read_buf(&mut *received.bytes) => read?,
                    () = shutdown.requested() => 0,
                },
                Some(begin) => {
                    let deadline = begin + self.settings().message_max;
                    let read = timeout_at(deadline, stream.read_buf(&mut *received.bytes)).await;
                    read.map_err(|_| self.too_slow(peer))??
                }
            };
            if read == 0 {
                return stream.shutdown().await;
            }
            received.begin.get_or_insert_with(Instant::now);
        }
    }

    /// A long message that is still on its way: who sends it must be known, and all of it must have room beside the others.
    /// Asked once for each such message.
    async fn admit(&self, peer: &Peer, length: usize, received: &mut Received) -> Result<(), Error> {
        if length <= UNPROVEN_BYTES_MAX || received.admitted.is_some() {
            return Ok(());
        }
        let caller = self.authenticator.recognise("kmip", peer, None).await?;
        let mut reserved = self.in_flight.reserve();
        reserved.belongs_to(caller.id());
        if !reserved.grow_to(length) {
            let public = "too many bytes of messages are under way (limits.in_flight_bytes_max, a quarter for one client): try again";
            return Err(Error::new(ErrorKind::Unavailable, public));
        }
        received.admitted = Some(reserved);
        Ok(())
    }

    async fn give_up<S: AsyncWrite + Unpin>(&self, mut stream: S, failure: Failure) -> io::Result<()> {
        stream.write_all(self.unread(Version::V1_0, failure).expose()).await?;
        stream.shutdown().await
    }

    fn too_slow(&self, peer: &Peer) -> io::Error {
        let seconds = self.settings().message_max.as_secs();
        let cause = format!("a message was not there whole after {seconds} s (limits.message_seconds_max)");
        warn!(peer = %peer.address, %cause, "KMIP connection closed");
        io::Error::new(io::ErrorKind::TimedOut, cause)
    }
}

/// What has arrived and was not answered yet. Holds secrets.
struct Received {
    bytes: Zeroizing<Vec<u8>>,
    /// When the first of the bytes came, or was left behind by the message before it.
    begin: Option<Instant>,
    /// The sender of the first message was asked who it is, and it has its room, until it is answered.
    admitted: Option<Reserved>,
}

impl Received {
    fn new() -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(READ_BYTES)), begin: None, admitted: None }
    }

    /// Wipes and removes the messages that take the first bytes. A connection that has nothing to do keeps no memory of a long message.
    fn remove(&mut self, length: usize) {
        secret_buffer::remove(&mut self.bytes, length);
        if !self.bytes.is_empty() {
            (self.begin, self.admitted) = (Some(Instant::now()), None);
        } else if self.bytes.capacity() > UNPROVEN_BYTES_MAX {
            *self = Self::new();
        } else {
            (self.begin, self.admitted) = (None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::in_flight::InFlight;

    #[test]
    fn an_idle_connection_keeps_no_large_buffer() {
        let mut received = Received::new();
        received.bytes.resize(8 << 20, 7);
        let in_flight = Arc::new(InFlight::new(8 << 20));
        let mut reserved = in_flight.reserve();
        assert!(reserved.grow_to(8 << 20) && !in_flight.reserve().grow_to(1 << 20));
        (received.begin, received.admitted) = (Some(Instant::now()), Some(reserved));
        received.remove((8 << 20) - 3);
        assert_eq!(*received.bytes, [7; 3]);
        assert!(received.begin.is_some(), "the next message has a time of its own");
        assert!(
            received.admitted.is_none() && in_flight.reserve().grow_to(8 << 20),
            "and needs room of its own"
        );
        received.remove(3);
        assert!(received.begin.is_none() && received.bytes.is_empty());
        assert!(received.bytes.capacity() <= UNPROVEN_BYTES_MAX);
    }
}
