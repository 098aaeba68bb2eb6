//! Requests over HTTPS to an address that the configuration, or an issuer of it, names: for a small document, or with one that is
//! delivered. Bounded in time and size, never redirected, and only to addresses that may be reached. Not here: which addresses
//! those are (addresses), how they are connected to (connect), and what is in a document.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::http::request;
use hyper::{HeaderMap, Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use super::connect::Connector;
use super::tls::{EITHER_VERSION, TlsError};

/// Time for one document: name, connection, handshake and answer together.
const FETCH_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for one delivery, which the other end may have to pass on before it answers.
const DELIVERY_TIME_MAX: Duration = Duration::from_secs(20);
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

/// What is brought to somebody. May hold a secret.
pub struct Delivery {
    /// What the body is.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

/// Fetches documents, and delivers some.
pub struct Fetcher {
    tls: TlsConnector,
    connector: Connector,
}

impl Fetcher {
    /// From hosts that these authorities vouch for; from private and loopback addresses only where that is said.
    ///
    /// # Errors
    /// [`TlsError`] where the TLS library refuses.
    pub fn new(
        authorities: impl Into<Arc<RootCertStore>>,
        private_addresses: bool,
    ) -> Result<Self, TlsError> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(EITHER_VERSION)
            .map_err(TlsError::Identity)?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let connector = Connector::new(private_addresses);
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), connector })
    }

    /// The document at a URL.
    ///
    /// # Errors
    /// Why it cannot be had; any answer but 200 is a reason, a redirect too.
    pub async fn get(&self, url: &HttpsUrl) -> Result<Bytes, String> {
        let request = Request::get("/").header(header::ACCEPT, "application/json");
        match self.document(url, request, String::new()).await? {
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
        self.document(url, Request::post("/").header(header::ACCEPT, "*/*"), text).await
    }

    /// Status and headers of the answer to what is brought to a URL. What the answer says besides is read, and not given.
    ///
    /// # Errors
    /// Why no answer can be had, without a word of the URL, which may be a secret.
    pub async fn deliver(
        &self,
        url: &HttpsUrl,
        delivery: Delivery,
    ) -> Result<(StatusCode, HeaderMap), String> {
        let mut request = Request::post("/")
            .header(header::ACCEPT, "*/*")
            .header(header::USER_AGENT, concat!("keyreeve/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, delivery.content_type);
        for (name, value) in delivery.headers {
            request = request.header(name, value);
        }
        let body = Bytes::from_owner(delivery.body);
        let (status, headers, _) = self.send(url, request, body, DELIVERY_TIME_MAX).await?;
        Ok((status, headers))
    }

    /// A connection to a host, which nothing was said on yet.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        self.connector.connect(host, port).await
    }

    /// The same connection under TLS, with whom these names are for.
    ///
    /// # Errors
    /// The handshake's.
    pub async fn secure(
        &self,
        name: &ServerName<'static>,
        socket: TcpStream,
    ) -> Result<TlsStream<TcpStream>, String> {
        self.tls.connect(name.clone(), socket).await.map_err(|cause| cause.to_string())
    }

    async fn document(
        &self,
        url: &HttpsUrl,
        request: request::Builder,
        body: String,
    ) -> Result<(StatusCode, Bytes), String> {
        let sent = self.send(url, request, Bytes::from(body), FETCH_TIME_MAX).await;
        let (status, _, document) = sent.map_err(|cause| format!("{}: {cause}", url.uri))?;
        Ok((status, document))
    }

    async fn send(
        &self,
        url: &HttpsUrl,
        request: request::Builder,
        body: Bytes,
        time_max: Duration,
    ) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let sent = tokio::time::timeout(time_max, self.send_unlimited(url, request, body)).await;
        sent.unwrap_or_else(|_| Err(format!("no answer in {} s", time_max.as_secs())))
    }

    async fn send_unlimited(
        &self,
        url: &HttpsUrl,
        request: request::Builder,
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let told = |cause: &dyn std::fmt::Display| cause.to_string();
        let socket = self.connect(&url.host, url.uri.port_u16().unwrap_or(443)).await?;
        let stream = self.secure(&url.name, socket).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|cause| told(&cause))?;
        let path = url.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = url.uri.authority().map_or("", |authority| authority.as_str());
        let request = request
            .uri(path)
            .header(header::HOST, authority)
            .header(header::CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|cause| told(&cause))?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(|cause| told(&cause))?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = Limited::new(answer.into_body(), DOCUMENT_BYTES_MAX).collect().await;
            Ok((status, headers, body.map_err(|cause| told(&cause))?.to_bytes()))
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
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};
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
        fetcher.connector.resolve = Arc::new(move |_, port| {
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
        let (socket, taken) = tokio::join!(fetcher.connect("keys.example", port), listener.accept());
        assert_eq!(socket.unwrap().peer_addr().unwrap(), listener.local_addr().unwrap());
        taken.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let refused = fetcher.get(&address).await.unwrap_err();
        assert!(refused.contains("169.254.169.254"), "every fetch checks anew: {refused}");
    }
}
