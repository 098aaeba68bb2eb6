//! Connections of the server's own to hosts whose names come from the configuration, or from an issuer of it: only to addresses
//! that may be reached. Not here: which those are (addresses), and what is said there.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::addresses::{Reach, reach};

/// Finds the addresses of a host: the system, or a test.
pub(super) type Resolve =
    dyn Fn(String, u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync;

/// Connects to hosts.
pub(super) struct Connector {
    private_addresses: bool,
    pub(super) resolve: Arc<Resolve>,
}

impl Connector {
    /// To private and loopback addresses only where that is said.
    pub(super) fn new(private_addresses: bool) -> Self {
        let resolve: Arc<Resolve> = Arc::new(|host, port| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
        });
        Self { private_addresses, resolve }
    }

    /// Connects to one of the host's addresses. INVARIANT: what is connected to is what was checked, and is looked up once: a
    /// name that leads elsewhere the next moment leads nowhere else here.
    pub(super) async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let found = (self.resolve)(host.to_owned(), port).await.map_err(|cause| cause.to_string())?;
        if let Some(refused) = found.iter().find(|address| !self.may_reach(address.ip())) {
            return Err(format!("its host leads to {}, which is not fetched from", refused.ip()));
        }
        let mut cause = "its host has no address".to_owned();
        for address in found {
            match TcpStream::connect(address).await {
                Ok(socket) => return Ok(socket),
                Err(error) => cause = error.to_string(),
            }
        }
        Err(cause)
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => true,
            Reach::Private => self.private_addresses,
            Reach::Never => false,
        }
    }
}
