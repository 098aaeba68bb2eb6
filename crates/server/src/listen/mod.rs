//! Listeners, and connections of the server's own: sockets, TLS, limits and the way to stop. Not here: what the bytes mean (frontends) and who the
//! peer is (authn). Sockets that are accepted live only in this folder.

mod activity;
mod addresses;
mod connect;
mod dial;
mod fetch;
mod limits;
mod organisations;
mod pinned;
mod places;
mod refusal;
mod shutdown;
mod stream;
mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyreeve_pki::CertificateInfo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{debug, error, info, warn};

use crate::metrics::{COUNTED, Refused};

pub use activity::{Known, Work, Working};
pub use dial::Dialer;
pub use fetch::{Delivery, Fetcher, HttpsUrl};
use limits::Place;
pub use limits::{LimitSettings, Limits};
pub use organisations::{Member, Organisations};
pub use pinned::PinnedCertificates;
use refusal::Refusal;
pub use shutdown::{Shutdown, ShutdownTrigger, shutdown_signal};
pub use stream::Stream;
use tls::Shown;
pub use tls::{ClientCertificate, Replacement, TlsEndpoint, TlsError, TlsSettings};

/// Pause after a failed accept, which is most often a lack of file descriptors that time heals.
const ACCEPT_RETRY_MILLISECONDS: u64 = 50;

/// What a listener puts around its connections.
#[derive(Clone)]
pub enum Protection {
    /// TLS.
    Tls(Arc<TlsEndpoint>),
    /// Nothing; only on loopback, for development.
    PlainLoopback,
}

/// Who is at the other end, as far as the transport proves it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where the connection comes from.
    pub address: SocketAddr,
    /// The certificate that the peer proved to hold, verified against the house's authority.
    pub certificate: Option<CertificateInfo>,
    /// Whose member it is, where that certificate is not by the house's authority but by an organisation's.
    pub member: Option<Arc<Member>>,
    /// Is set once a request of it is authenticated.
    pub known: Known,
}

/// One connection, ready for its front-end.
pub struct Connection {
    /// The bytes.
    pub stream: Stream,
    /// The other end.
    pub peer: Peer,
    /// Tells the front-end to finish the open request and close.
    pub shutdown: Shutdown,
}

/// What a front-end offers to a listener.
pub trait Handler: Send + Sync + 'static {
    /// Serves one connection to its end; on shutdown it finishes the open request and returns.
    fn serve(&self, connection: Connection) -> impl Future<Output = ()> + Send;

    /// Is told when a peer proved nothing in the handshake, by no certificate or one that does not count.
    fn refused(&self, _peer: SocketAddr, _cause: &str) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// Why a listener cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be bound.
    #[error("cannot listen for {name} on {address}: {source}")]
    Bind {
        /// The listener.
        name: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A plain listener would be reachable from other machines.
    #[error("{name} without TLS is refused on {address}: use a loopback address such as 127.0.0.1, or TLS")]
    PlainBeyondLoopback {
        /// The listener.
        name: &'static str,
        /// The address.
        address: SocketAddr,
    },
}

/// A bound socket that accepts connections once it runs.
pub struct Listener {
    name: &'static str,
    socket: TcpListener,
    address: SocketAddr,
    protection: Protection,
    limits: Limits,
}

impl Listener {
    /// Binds an address; `name` is what log lines call the listener. Port 0 lets the system choose.
    ///
    /// # Errors
    /// [`ListenError`] where the address is taken, or open to other machines without TLS.
    pub async fn bind(
        name: &'static str,
        address: SocketAddr,
        protection: Protection,
        limits: &Limits,
    ) -> Result<Self, ListenError> {
        if matches!(protection, Protection::PlainLoopback) && !address.ip().is_loopback() {
            return Err(ListenError::PlainBeyondLoopback { name, address });
        }
        let failed = |source| ListenError::Bind { name, address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { name, socket, address, protection, limits: limits.clone() })
    }

    /// The address that is listened on, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections until a shutdown is asked for, then lets the open ones finish within the drain limit.
    pub async fn run<H: Handler>(self, handler: Arc<H>, mut shutdown: Shutdown) {
        let mut connections = JoinSet::new();
        let mut failing_since: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.requested() => break,
                Some(ended) = connections.join_next() => {
                    self.note_end(ended);
                    continue;
                }
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((socket, address)) => {
                    if let Some(since) = failing_since.take() {
                        let paused_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                        info!(listener = self.name, paused_ms, "accepting connections again");
                    }
                    self.admit(socket, address, &handler, &shutdown, &mut connections);
                }
                Err(cause) => {
                    if failing_since.is_none() {
                        error!(listener = self.name, %cause, "cannot accept connections: waiting, open ones go on");
                        failing_since = Some(Instant::now());
                    }
                    sleep(Duration::from_millis(ACCEPT_RETRY_MILLISECONDS)).await;
                }
            }
        }
        self.drain(connections).await;
    }

    fn admit<H: Handler>(
        &self,
        socket: TcpStream,
        address: SocketAddr,
        handler: &Arc<H>,
        shutdown: &Shutdown,
        connections: &mut JoinSet<()>,
    ) {
        let place = match self.limits.admit(address.ip()) {
            Ok(place) => place,
            Err(cause) => {
                COUNTED.refused(self.name, Refused::Limit);
                if let Some(suppressed) = self.limits.tell(address.ip()) {
                    warn!(listener = self.name, peer = %address, %cause, suppressed, "connection closed");
                }
                return;
            }
        };
        let (name, protection, limits) = (self.name, self.protection.clone(), self.limits.clone());
        let (handler, mut shutdown) = (Arc::clone(handler), shutdown.clone());
        let ending = Arc::clone(&place.activity);
        let counted = COUNTED.accepted(name);
        let served = async move {
            let _counted = counted;
            let activity = Arc::clone(&place.activity);
            let opened = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                opened = open(socket, &protection, &limits, &place) => opened,
            };
            match opened {
                Ok((stream, Shown { certificate, member })) => {
                    let peer = Peer { address, certificate, member, known: activity.known().clone() };
                    handler.serve(Connection { stream, peer, shutdown }).await;
                }
                // Port scans and health checks do this all day.
                Err(cause @ Refusal::Closed) => {
                    COUNTED.refused(name, cause.counted());
                    debug!(listener = name, peer = %address, %cause, "handshake refused")
                }
                Err(cause) => {
                    COUNTED.refused(name, cause.counted());
                    if let Some(suppressed) = limits.tell(address.ip()) {
                        warn!(listener = name, peer = %address, %cause, suppressed, "handshake refused");
                    }
                    if matches!(cause, Refusal::NoCertificate | Refusal::Certificate(_)) {
                        handler.refused(address, &cause.to_string()).await;
                    }
                }
            }
            drop(place);
        };
        connections.spawn(async move {
            tokio::select! {
                () = served => {}
                () = ending.end_asked() => {
                    debug!(listener = name, peer = %address, "closed for another");
                }
            }
        });
    }

    async fn drain(self, mut connections: JoinSet<()>) {
        let Self { name, socket, limits, .. } = self;
        drop(socket);
        info!(listener = name, connections_open = connections.len(), "no longer accepting connections");
        let all = async { while connections.join_next().await.is_some() {} };
        if timeout(limits.drain_max(), all).await.is_err() {
            warn!(
                listener = name,
                connections_open = connections.len(),
                "drain limit reached: cutting connections"
            );
        }
        connections.shutdown().await;
    }

    fn note_end(&self, ended: Result<(), JoinError>) {
        if let Err(cause) = ended {
            error!(listener = self.name, %cause, "a connection's handler failed");
        }
    }
}

async fn open(
    socket: TcpStream,
    protection: &Protection,
    limits: &Limits,
    place: &Place,
) -> Result<(Stream, Shown), Refusal> {
    // Answers are written whole, so waiting to fill a packet only costs time.
    socket.set_nodelay(true).map_err(|error| Refusal::Other(error.to_string()))?;
    let (transport, shown) = match protection {
        Protection::PlainLoopback => (stream::Transport::Plain(socket), Shown::default()),
        Protection::Tls(endpoint) => {
            let (stream, shown) = endpoint.handshake(socket, limits.handshake_max()).await?;
            (stream::Transport::Tls(Box::new(stream)), shown)
        }
    };
    place.prove();
    Ok((Stream::new(transport, limits, Arc::clone(&place.activity)), shown))
}

#[cfg(test)]
mod tests;
