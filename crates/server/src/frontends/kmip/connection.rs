//! One connection: messages off a stream, answers onto it, one after the other. Not here: TLS, and the limits on idle
//! time and number of connections, which the listener keeps.

use keyreeve_kmip::ttlv::binary::{HEADER_BYTES, message_bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tracing::debug;
use zeroize::{Zeroize, Zeroizing};

use super::Kmip;
use crate::listen::{Connection, Handler, Peer, Shutdown};

/// Room that is made for what comes next: memory follows what has arrived, never what a length field announces.
const READ_BYTES: usize = 16 * 1024;

impl Handler for Kmip {
    async fn serve(&self, connection: Connection) {
        let Connection { stream, peer, shutdown } = connection;
        let ended = self.converse(stream, &peer, shutdown).await;
        if let Err(cause) = ended {
            debug!(peer = %peer.address, %cause, "KMIP connection ended");
        }
    }
}

impl Kmip {
    /// Serves a peer until it closes, a shutdown is asked for, or nothing it sends can be told apart any more. A client
    /// may send its next request before the answer to this one; answers come in the order of the requests.
    ///
    /// # Errors
    /// The stream's.
    pub async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        peer: &Peer,
        mut shutdown: Shutdown,
    ) -> std::io::Result<()> {
        let mut received = Zeroizing::new(Vec::with_capacity(READ_BYTES));
        loop {
            while let Some(header) = received.first_chunk::<HEADER_BYTES>() {
                let length = match message_bytes(header, &self.settings.limits) {
                    Ok(length) => length,
                    Err(error) => {
                        // Where this message ends, and whether it is one, cannot be known: one answer, and the end.
                        debug!(peer = %peer.address, cause = %error, "a KMIP message was refused by its first bytes");
                        stream.write_all(self.unread(error.into()).expose()).await?;
                        return stream.shutdown().await;
                    }
                };
                let Some(request) = received.get(..length) else { break };
                let answer = self.handle(peer, request).await;
                received[..length].zeroize();
                received.drain(..length);
                stream.write_all(answer.expose()).await?;
                stream.flush().await?;
            }
            received.reserve(READ_BYTES);
            let read = tokio::select! {
                read = stream.read_buf(&mut *received) => read?,
                () = shutdown.requested(), if received.is_empty() => 0,
            };
            if read == 0 {
                return stream.shutdown().await;
            }
        }
    }
}
