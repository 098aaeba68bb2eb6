//! Connections that the server makes itself, over TLS, with its own certificate. Not here: to whom, and what is said.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tls::{EITHER_VERSION, TlsError};

/// How to connect. Holds a secret.
pub struct Dialer(TlsConnector);

impl Dialer {
    /// TLS 1.3 and 1.2, to whom these authorities vouch for, as who holds this key.
    ///
    /// # Errors
    /// [`TlsError`] where certificate and key do not fit.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
        authorities: &Arc<RootCertStore>,
    ) -> Result<Self, TlsError> {
        let key = aws_lc_rs::sign::any_supported_type(key).map_err(TlsError::Identity)?;
        let identity = CertifiedKey::new(chain, key);
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(EITHER_VERSION)
            .map_err(TlsError::Identity)?
            .with_root_certificates(Arc::clone(authorities))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Connects to a host and port whose certificate bears this name. Takes as long as the other end does.
    ///
    /// # Errors
    /// Where nobody answers there, or somebody else does.
    pub async fn dial(
        &self,
        address: &str,
        name: &ServerName<'static>,
    ) -> io::Result<(TlsStream<TcpStream>, SocketAddr)> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let peer = socket.peer_addr()?;
        Ok((self.0.connect(name.clone(), socket).await?, peer))
    }
}
