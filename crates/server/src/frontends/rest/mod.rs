//! The REST API under `/v1`: JSON over HTTP/1.1, bytes in base64 or raw; and KMIP under `/kmip`. One file a family of
//! routes; the table is in `routes`. Not here: TLS and sockets (listen), and what operations do (core).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use hyper::body::Body as _;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use keyreeve_core::access::Caller;
use keyreeve_core::engine::Engine;
use keyreeve_core::operations::Operation;
use keyreeve_core::operations::server::OtherRequest;
use keyreeve_core::per_second::PerSecond;
use keyreeve_pki::CertificateAuthority;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tower::ServiceExt as _;
use tracing::{debug, error, info};

use crate::authn::Authenticator;
use crate::backups::Backups;
use crate::execute::{REQUEST_LOG, execute};
use crate::follow::Progress;
use crate::frontends::kmip::Kmip;
use crate::health::Health;
use crate::in_flight::InFlight;
use crate::listen::{Connection, Handler, Peer, Working};
use crate::notify::Notifications;
use crate::reload::Reloader;
use crate::reseal::Resealing;
use crate::sinks::Sinks;
use crate::source::Source;
use crate::witnesses::Witnesses;

mod access;
mod alerts;
mod aliases;
mod allowance;
mod answer;
mod approvals;
mod attributes;
mod audit;
mod backups;
mod batch;
mod body;
mod bounded;
mod change;
mod cipher;
mod clients;
mod conditional;
mod counted;
mod credentials;
mod cursor;
mod data;
mod derive;
mod destruction;
mod errors;
mod feed;
mod journal;
pub(crate) mod jwk;
mod keys;
mod kmip;
mod login;
pub(crate) mod material;
mod message;
mod metrics;
mod notifications;
mod objects;
mod openapi;
mod places;
mod policies;
mod realms;
mod reload;
mod request;
mod root;
mod routes;
mod sinks;
mod split_key;
mod status;
mod stream;
mod tokens;
mod whoami;

pub use cursor::Cursors;
use errors::{Code, Problem, Untold};
pub use feed::Feeds;

/// Bytes of a request's head, and so of what a connection holds for a stranger.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Answers in a row, to requests that nobody proved to have sent, after which a connection is closed: strangers must
/// not keep the places of others.
const UNPROVEN_MAX: u32 = 16;

/// Log lines in a second about requests that nobody proved to have sent, of one source and of all.
const LINES_OF_STRANGER_MAX: u32 = 10;
const LINES_OF_STRANGERS_MAX: u32 = 100;

/// What the API works with.
pub struct Api {
    /// Operations.
    pub engine: Arc<Engine>,
    /// Who asks.
    pub authenticator: Arc<Authenticator>,
    /// Issues client certificates. Holds a secret.
    pub authority: Arc<CertificateAuthority>,
    /// Whether requests are taken.
    pub health: Health,
    /// When the server started.
    pub started: Instant,
    /// Bytes of requests that are under way.
    pub in_flight: Arc<InFlight>,
    /// The limits that hold, and how others come to hold.
    pub reloader: Arc<Reloader>,
    /// The root key, and how far what hangs on it is sealed anew.
    pub resealing: Arc<Resealing>,
    /// Backups, and how the places of epoch keys stand.
    pub backups: Arc<Backups>,
    /// Answers KMIP messages.
    pub kmip: Arc<Kmip>,
    /// Who is told of alerts.
    pub notifications: Arc<Notifications>,
    /// Who is told what the journal says.
    pub sinks: Arc<Sinks>,
    /// How far the rules of alerts have looked.
    pub watch: Arc<Progress>,
    /// Who cosigns the journal's checkpoints.
    pub witnesses: Arc<Witnesses>,
    /// Where pages of lists ended.
    pub cursors: Cursors,
    /// Feeds of the journal that are open.
    pub feeds: Feeds,
}

impl Api {
    async fn execute<O: Operation + 'static>(
        &self,
        caller: &Caller,
        operation: O,
    ) -> Result<O::Reply, Problem> {
        execute(&self.engine, caller, operation).await.map_err(Problem::told)
    }
}

/// The front-end.
pub struct Rest {
    pub(crate) router: Router,
    lines: Lines,
    in_flight: Arc<InFlight>,
    reloader: Arc<Reloader>,
    authenticator: Arc<Authenticator>,
}

/// Log lines about requests of strangers that came to no operation, for each source so many in a second.
#[derive(Clone)]
struct Lines(Arc<(PerSecond<Source>, Instant)>);

impl Rest {
    /// Over these parts.
    pub fn new(api: Api) -> Self {
        let lines = PerSecond::new(LINES_OF_STRANGER_MAX, LINES_OF_STRANGERS_MAX);
        let (in_flight, reloader) = (api.in_flight.clone(), api.reloader.clone());
        let authenticator = api.authenticator.clone();
        Self {
            router: router(Arc::new(api)),
            in_flight,
            reloader,
            authenticator,
            lines: Lines(Arc::new((lines, Instant::now()))),
        }
    }
}

impl Handler for Rest {
    async fn refused(&self, peer: SocketAddr, cause: &str) {
        self.authenticator.refused_handshake("rest", peer, cause).await;
    }

    async fn serve(&self, connection: Connection) {
        let Connection { stream, peer, mut shutdown } = connection;
        let address = peer.address;
        let (unproven, working, lines) = (Unproven::default(), stream.working(), self.lines.clone());
        let in_flight = self.in_flight.clone();
        let hang_up = Arc::new(Notify::new());
        let line = feed::Line { shutdown: shutdown.clone(), hang_up: Arc::clone(&hang_up) };
        let service =
            self.router.clone().map_request(move |request: hyper::Request<hyper::body::Incoming>| {
                let mut request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(peer.clone());
                request.extensions_mut().insert(unproven.clone());
                request.extensions_mut().insert(working.clone());
                request.extensions_mut().insert(lines.clone());
                request.extensions_mut().insert(in_flight.clone());
                request.extensions_mut().insert(line.clone());
                request
            });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(self.reloader.limits().message_seconds_max))
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let mut serving = std::pin::pin!(serving);
        let served = async {
            tokio::select! {
                ended = serving.as_mut() => ended,
                () = shutdown.requested() => {
                    serving.as_mut().graceful_shutdown();
                    serving.await
                }
            }
        };
        let ended = tokio::select! {
            ended = served => ended,
            () = hang_up.notified() => Ok(()),
        };
        if let Err(cause) = ended {
            debug!(peer = %address, %cause, "HTTP connection ended");
        }
    }
}

fn router(api: Arc<Api>) -> Router {
    routes::router()
        .fallback(async || Problem::new(Code::NotFound, "there is no such path; see docs/rest.md"))
        .method_not_allowed_fallback(async || {
            Problem::new(Code::MethodNotAllowed, "this path does not take this method")
        })
        .layer(middleware::from_fn(tell))
        .with_state(api)
}

/// Requests of a connection since the last one whose sender was proven.
#[derive(Clone, Default)]
struct Unproven(Arc<AtomicU32>);

/// Who sent a request, once that is proven.
#[derive(Clone, Default)]
struct Asker(Arc<OnceLock<(Arc<Engine>, Caller)>>);

impl Asker {
    /// Puts a request on record that came to no operation. Of strangers only failed authentications are.
    async fn put_on_record(&self, method: &Method, path: &str, untold: Option<&Untold>) {
        let (Some((engine, caller)), Some(untold)) = (self.0.get(), untold) else { return };
        let what = format!("{method} {path}");
        let refused = Some((untold.kind(), untold.detail.clone()));
        // The answer tells the same whether it can be put on record or not; the store tells of its own failure.
        let _ = execute(engine, caller, OtherRequest { what, refused }).await;
    }
}

/// Logs the requests that came to no operation; of the others `execute` tells. Their bodies may be unread, which ends
/// the connection: the answer says so, lest the next request be sent into the void. So does the last answer to a
/// stranger.
async fn tell(mut request: Request, next: Next) -> Response {
    let has_body = !request.body().is_end_stream();
    let (begin, method, path) = (Instant::now(), request.method().clone(), request.uri().path().to_owned());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
    let unproven = request.extensions().get::<Unproven>().cloned().unwrap_or_default();
    unproven.0.fetch_add(1, Ordering::Relaxed);
    let lines = request.extensions().get::<Lines>().cloned();
    // Until the answer is made, by then the body is gone.
    let in_flight = request.extensions().get::<Arc<InFlight>>().map(InFlight::reserve);
    let in_flight = in_flight.map(|reserved| Arc::new(Mutex::new(reserved)));
    if let Some(in_flight) = &in_flight {
        request.extensions_mut().insert(in_flight.clone());
    }
    // A backup may take longer than a connection may be silent. Reading a body has a limit of its own.
    let work = request.extensions().get::<Working>().map(Working::begin);
    let asker = Asker::default();
    request.extensions_mut().insert(asker.clone());
    let mut response = next.run(request).await;
    drop(work);
    let is_stranger = unproven.0.load(Ordering::Relaxed) > 0;
    let told = |Lines(lines): &Lines| match peer.filter(|_| is_stranger) {
        Some(peer) => {
            let second = i64::try_from(lines.1.elapsed().as_secs()).unwrap_or(i64::MAX);
            lines.0.admit(peer.ip().into(), second)
        }
        None => Some(0),
    };
    if let Some(Untold { code, detail, cause }) = response.extensions().get::<Untold>()
        && let Some(suppressed) = lines.as_ref().map_or(Some(0), told)
    {
        let suppressed = (suppressed > 0).then_some(suppressed);
        let microseconds = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        info!(target: REQUEST_LOG, ?peer, object = %path, outcome = code, microseconds, detail, suppressed, "rest {method}");
        if let Some(cause) = cause {
            error!(%method, path, cause, "a request failed");
        }
    }
    asker.put_on_record(&method, &path, response.extensions().get()).await;
    let refused =
        response.extensions().get::<Untold>().is_some() || response.status() == StatusCode::UNAUTHORIZED;
    if has_body && refused || unproven.0.load(Ordering::Relaxed) >= UNPROVEN_MAX {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    // Answers hold secrets, which no cache may keep, and words of clients, which no browser may take for a page.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
