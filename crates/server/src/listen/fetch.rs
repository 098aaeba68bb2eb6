//! Fetching a small document over HTTPS from an address that the configuration, or an issuer of it, names: bounded in time
//! and size, never redirected, and only from addresses that may be reached. Not here: which addresses those are (addresses),
//! and what is in a document.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::addresses::{Reach, reach};
use super::tls::{EITHER_VERSION, TlsError};

/// Time for one document: name, connection, handshake and answer together.
const FETCH_TIME_MAX: Duration = Duration::from_secs(5);
/// Bytes of a document at most.
const DOCUMENT_BYTES_MAX: usize = 256 << 10;
/// Bytes of a URL at most.
const URL_BYTES_MAX: usize = 2048;

/// A URL of the scheme `https`, without a user.
#[derive(Clone, Debug)]
pub struct HttpsUrl {
    uri: Uri,
    host: String,
    name: ServerName<'static>,
}

impl HttpsUrl {
    /// Reads it.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > URL_BYTES_MAX {
            return Err("a URL has at most 2048 bytes");
        }
        let uri: Uri = text.parse().map_err(|_| "that is no URL of https")?;
        if uri.scheme_str() != Some("https") {
            return Err("that is no URL of https");
        }
        if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err("a URL here has a host and no user");
        }
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host.clone()).map_err(|_| "its host is no name and no address")?;
        Ok(Self { uri, host, name })
    }
}

impl std::fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.uri.fmt(f)
    }
}

/// Finds the addresses of a host: the system, or a test.
type Resolve =
    dyn Fn(String, u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync;

/// Fetches documents.
pub struct Fetcher {
    tls: TlsConnector,
    private_addresses: bool,
    resolve: Arc<Resolve>,
}

impl Fetcher {
    /// From hosts that these authorities vouch for; from private and loopback addresses only where that is said.
    ///
    /// # Errors
    /// [`TlsError`] where the TLS library refuses.
    pub fn new(authorities: RootCertStore, private_addresses: bool) -> Result<Self, TlsError> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(EITHER_VERSION)
            .map_err(TlsError::Identity)?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let resolve: Arc<Resolve> = Arc::new(|host, port| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
        });
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), private_addresses, resolve })
    }

    /// The document at a URL.
    ///
    /// # Errors
    /// Why it cannot be had; any answer but 200 is a reason, a redirect too.
    pub async fn get(&self, url: &HttpsUrl) -> Result<Bytes, String> {
        match self.send(url, Method::GET, String::new()).await? {
            (StatusCode::OK, document) => Ok(document),
            (status, _) if status.is_redirection() => {
                Err(format!("{}: answered {status}: redirects are not followed", url.uri))
            }
            (status, _) => Err(format!("{}: answered {status}", url.uri)),
        }
    }

    /// What is answered at a URL to a text that is posted there, with whatever status.
    ///
    /// # Errors
    /// Why no answer can be had.
    pub async fn post(&self, url: &HttpsUrl, text: String) -> Result<(StatusCode, Bytes), String> {
        self.send(url, Method::POST, text).await
    }

    async fn send(
        &self,
        url: &HttpsUrl,
        method: Method,
        body: String,
    ) -> Result<(StatusCode, Bytes), String> {
        let sent = tokio::time::timeout(FETCH_TIME_MAX, self.send_unlimited(url, method, body)).await;
        let sent = sent.unwrap_or_else(|_| Err(format!("no answer in {} s", FETCH_TIME_MAX.as_secs())));
        sent.map_err(|cause| format!("{}: {cause}", url.uri))
    }

    async fn send_unlimited(
        &self,
        url: &HttpsUrl,
        method: Method,
        body: String,
    ) -> Result<(StatusCode, Bytes), String> {
        let told = |cause: &dyn std::fmt::Display| cause.to_string();
        let socket = self.connect(url).await?;
        let stream = self.tls.connect(url.name.clone(), socket).await.map_err(|cause| told(&cause))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|cause| told(&cause))?;
        let path = url.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = url.uri.authority().map_or("", |authority| authority.as_str());
        let accepted = if method == Method::GET { "application/json" } else { "*/*" };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, authority)
            .header(header::ACCEPT, accepted)
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|cause| told(&cause))?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(|cause| told(&cause))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), DOCUMENT_BYTES_MAX).collect().await;
            Ok((status, body.map_err(|cause| told(&cause))?.to_bytes()))
        };
        let mut connection = std::pin::pin!(connection);
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            answer = &mut answer => return answer,
            ended = &mut connection => ended.map_err(|cause| told(&cause))?,
        }
        // The connection has ended in good order: what it brought is still to be read.
        answer.await
    }

    /// Connects to one of the host's addresses. INVARIANT: what is connected to is what was checked, and is looked up once: a
    /// name that leads elsewhere the next moment leads nowhere else here.
    async fn connect(&self, url: &HttpsUrl) -> Result<TcpStream, String> {
        let port = url.uri.port_u16().unwrap_or(443);
        let found = (self.resolve)(url.host.clone(), port).await.map_err(|cause| cause.to_string())?;
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::TcpListener;

    use super::*;

    /// A fetcher to whom names lead to these addresses, one list after the other, and how often it asked.
    fn fetcher(lists: &[&[&str]], private: bool) -> (Fetcher, Arc<AtomicUsize>) {
        let mut fetcher = Fetcher::new(RootCertStore::empty(), private).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let lists: Vec<Vec<IpAddr>> =
            lists.iter().map(|list| list.iter().map(|text| text.parse().unwrap()).collect()).collect();
        fetcher.resolve = Arc::new(move |_, port| {
            let list = &lists[count.fetch_add(1, Ordering::SeqCst).min(lists.len() - 1)];
            let list = list.iter().map(|address| SocketAddr::new(*address, port)).collect();
            Box::pin(async move { Ok(list) })
        });
        (fetcher, asked)
    }

    fn url(text: &str) -> HttpsUrl {
        HttpsUrl::parse(text).unwrap()
    }

    #[test]
    fn only_https_without_a_user_is_a_url() {
        for wrong in ["http://a/", "a", "", "https://", "https://u:p@a/", "file:///etc/passwd", "https:///x"]
        {
            assert!(HttpsUrl::parse(wrong).is_err(), "{wrong}");
        }
        assert!(HttpsUrl::parse(&format!("https://a/{}", "x".repeat(3000))).is_err());
        assert_eq!(url("https://[::1]:7/x?y").host, "::1");
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_metadata_address_is_not_fetched_from() {
        for (lists, private) in [
            (&["169.254.169.254"][..], true),
            (&["::ffff:169.254.169.254"][..], true),
            (&["9.9.9.9", "127.0.0.1"][..], false),
            (&["::ffff:127.0.0.1"][..], false),
        ] {
            let (fetcher, asked) = fetcher(&[lists], private);
            let refused = fetcher.get(&url("https://keys.example:1/")).await.unwrap_err();
            assert!(refused.contains("not fetched from"), "{refused}");
            assert_eq!(asked.load(Ordering::SeqCst), 1);
        }
    }

    #[tokio::test]
    async fn a_name_that_is_bound_anew_leads_nowhere_else() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // The first answer is checked and connected to; the second, which would be forbidden, is never asked for.
        let (fetcher, asked) = fetcher(&[&["127.0.0.1"], &["169.254.169.254"]], true);
        let address = url(&format!("https://keys.example:{port}/"));
        let (socket, taken) = tokio::join!(fetcher.connect(&address), listener.accept());
        assert_eq!(socket.unwrap().peer_addr().unwrap(), listener.local_addr().unwrap());
        taken.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let refused = fetcher.get(&address).await.unwrap_err();
        assert!(refused.contains("169.254.169.254"), "every fetch checks anew: {refused}");
    }
}
