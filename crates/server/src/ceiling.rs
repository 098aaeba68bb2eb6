//! The bare server that `keyreeve bench --ceiling` measures beside the real one: the listener and TLS of the real one, and
//! the same answer to every message. What it reaches is what this machine's sockets and TLS give, with the same client.
//! Not here: anything that looks into a request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use keyreeve_kmip::Limits as MessageLimits;
use keyreeve_kmip::ttlv::binary::{HEADER_BYTES, message_bytes};
use keyreeve_pki::{CertificateAuthority, ClientSubject, Issued, Validity};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::listen::{
    ClientCertificate, Connection, Handler, LimitSettings, Limits, Listener, Protection, Shutdown,
    TlsEndpoint, TlsSettings,
};

/// Room for what is read next, as in the KMIP front-end.
const READ_BYTES: usize = 16 * 1024;

/// What every message is answered with.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This KMIP message.
    Kmip(Vec<u8>),
    /// 200 with this body.
    Rest {
        /// The value of Content-Type.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
}

/// Where the bare server listens, and what a client needs to talk to it. Holds a secret.
pub struct Ready {
    /// Its address, on loopback.
    pub address: SocketAddr,
    /// The authority that issued both certificates.
    pub authority: CertificateDer<'static>,
    /// A client's certificate and private key.
    pub client: Issued,
}

/// Serves on a loopback address until asked to stop.
///
/// # Errors
/// Where it cannot start.
pub fn serve(answer: Answer, stop: Shutdown, ready: impl FnOnce(&Ready) -> io::Result<()>) -> io::Result<()> {
    let now_seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let validity = Validity { from_seconds: now_seconds, days: 1 };
    let made = CertificateAuthority::create(now_seconds).map_err(io::Error::other)?;
    let authority =
        CertificateAuthority::load(made.certificate.clone(), &made.key).map_err(io::Error::other)?;
    let name = ServerName::from(std::net::IpAddr::from([127, 0, 0, 1]));
    let server = authority.issue_server(&[name], validity).map_err(io::Error::other)?;
    let subject = ClientSubject { principal: uuid::Uuid::from_u128(1), name: "bench" };
    let client = authority.issue_client(&subject, validity).map_err(io::Error::other)?;
    let settings = TlsSettings {
        chain: vec![server.certificate.clone()],
        key: PrivatePkcs8KeyDer::from(server.key.pkcs8_der()).into(),
        client_authority: authority.certificate(),
        client_certificate: ClientCertificate::Required,
        application_protocols: &[],
        appliances: None,
        organisations: None,
    };
    let endpoint = Arc::new(TlsEndpoint::new(settings).map_err(io::Error::other)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let limits = LimitSettings { connections_per_source_max: 4096, ..LimitSettings::default() };
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener =
            Listener::bind("ceiling", loopback, Protection::Tls(endpoint), &Limits::new(limits)).await;
        let listener = listener.map_err(io::Error::other)?;
        ready(&Ready { address: listener.address(), authority: made.certificate, client })?;
        listener.run(Arc::new(answer), stop).await;
        Ok(())
    })
}

impl Handler for Answer {
    async fn serve(&self, connection: Connection) {
        // How it ends is the client's business, which is the only one there is.
        let _ = match self {
            Self::Kmip(answer) => serve_kmip(answer, connection).await,
            Self::Rest { content_type, body } => serve_rest(content_type, body, connection).await,
        };
    }
}

async fn serve_kmip(answer: &[u8], connection: Connection) -> io::Result<()> {
    let Connection { mut stream, .. } = connection;
    let limits = MessageLimits::default();
    let (mut received, mut answers) = (Vec::with_capacity(READ_BYTES), Vec::new());
    while stream.read_buf(&mut received).await? > 0 {
        let mut rest = &received[..];
        while let Some(header) = rest.first_chunk::<HEADER_BYTES>() {
            let length = message_bytes(header, &limits).map_err(io::Error::other)?;
            let Some((_, later)) = rest.split_at_checked(length) else { break };
            answers.extend_from_slice(answer);
            rest = later;
        }
        let answered = received.len() - rest.len();
        received.drain(..answered);
        stream.write_all(&answers).await?;
        stream.flush().await?;
        answers.clear();
    }
    Ok(())
}

async fn serve_rest(content_type: &str, body: &[u8], connection: Connection) -> io::Result<()> {
    let body = Bytes::copy_from_slice(body);
    let content_type = header::HeaderValue::try_from(content_type).map_err(io::Error::other)?;
    let answer = service_fn(move |request: Request<Incoming>| {
        let (body, content_type) = (body.clone(), content_type.clone());
        async move {
            // A body that breaks off ends the connection by itself.
            let _ = request.into_body().collect().await;
            let mut response = Response::new(Full::new(body));
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
            Ok::<_, Infallible>(response)
        }
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(connection.stream), answer);
    serving.await.map_err(io::Error::other)
}
