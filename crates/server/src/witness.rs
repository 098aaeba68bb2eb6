//! Being a witness: whoever runs one cosigns the checkpoints of other servers' journals, after making sure that each only ever
//! grew. A process and a folder of its own, on a machine that the administrators of those servers do not write to. Not here: what
//! is cosigned (keyreeve-store's audit), and asking witnesses (witnesses).

use std::convert::Infallible;
use std::fs::{self, File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use keyreeve_core::SecretBytes;
use keyreeve_core::ports::clock::Clock;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_pki::{CertificateAuthority, PrivateKey, pem};
use keyreeve_store::audit::{NoteKey, REQUEST_BYTES_MAX, Refusal, SEED_BYTES, Witness, WitnessKey};
use keyreeve_store::disk::RealDisk;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};
use zeroize::Zeroizing;

use crate::config::{Config, Tls};
use crate::listen::{
    ClientCertificate, Connection, Handler, LimitSettings, Limits, Listener, Protection, shutdown_signal,
};
use crate::server_identity::{Door, ServerIdentity};
use crate::start::files::{check_data_dir, make_dir, read_secret, write_public, write_secret};
use crate::start::open::{SystemClock, crypto};
use crate::start::{StartError, Stop, StopOn};

/// Bytes of the file with the logs' keys at most.
const LOGS_BYTES_MAX: usize = 1 << 20;
/// Time for the head of a request.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Time for the body of a request.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether the certificate is to be made anew.
const RENEWAL_LOOKED_AT_EVERY: Duration = Duration::from_secs(3600);

/// What a witness runs with.
pub struct Options {
    /// Its folder: keys, certificates, and the newest checkpoint of each log. Made where it is missing.
    pub dir: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its name, for as long as the folder lasts.
    pub name: String,
    /// File with the verifier keys of the logs that it witnesses, one a line; read at each request.
    pub logs: PathBuf,
    /// The certificate that it shows; from files, or of a CA of its own.
    pub tls: Tls,
}

/// What is to be told of a witness that runs.
pub struct Running {
    /// Where it listens, with the port that the system chose.
    pub address: SocketAddr,
    /// Its verifier key.
    pub verifier: String,
}

/// Runs a witness until it is asked to stop. `ready` is called once requests are taken.
///
/// # Errors
/// Where its folder is another's, or cannot be read or written, and where it cannot listen.
pub fn serve(
    options: &Options,
    stop: StopOn,
    ready: impl FnOnce(&Running) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let dir = &options.dir;
    make_dir(dir)?;
    check_data_dir(dir)?;
    let _lock = lock(dir)?;
    let kept = dir.join("checkpoints");
    // INVARIANT: a witness that has lost what it has cosigned cosigns nothing: it would begin to trust anew.
    if dir.join("seed").exists() && !kept.is_dir() {
        let text =
            format!("{} is missing: this witness no longer knows what it has cosigned", kept.display());
        return Err(StartError::Value(text));
    }
    make_dir(&kept)?;
    let crypto = crypto()?;
    let key = own_key(&*crypto, dir, &options.name)?;
    let verifier = key.verifier().text(&*crypto);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let authority = own_authority(dir, &*clock)?;
    let config = Config { tls: options.tls.clone(), ..Config::default() };
    let identity = ServerIdentity::new(Arc::new(authority), &config, clock.clone())?;
    let door = Door {
        client_certificate: ClientCertificate::Optional,
        protocols: &["http/1.1"],
        appliances: None,
        organisations: None,
    };
    let tls = Protection::Tls(identity.endpoint(door)?);
    let witness = Witness::new(key, &crypto, (Arc::new(RealDisk), &kept));
    let answers = Arc::new(Answers { witness: Arc::new(witness), logs: options.logs.clone(), clock });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Runtime)?;
    runtime.block_on(async {
        let mut stop = Stop::new(stop)?;
        let limits = Limits::new(LimitSettings::default());
        let listener = Listener::bind("witness", options.listen, tls, &limits).await?;
        ready(&Running { address: listener.address(), verifier })?;
        let (trigger, shutdown) = shutdown_signal();
        let mut tasks = JoinSet::new();
        tasks.spawn(listener.run(answers, shutdown));
        loop {
            tokio::select! {
                cause = stop.asked() => {
                    info!(cause, "stopping");
                    break;
                }
                () = tokio::time::sleep(RENEWAL_LOOKED_AT_EVERY) => identity.renew_if_due(),
            }
        }
        trigger.request();
        while tasks.join_next().await.is_some() {}
        Ok(())
    })
}

/// Two on one folder could cosign two histories.
fn lock(dir: &Path) -> Result<File, StartError> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(StartError::io("make", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StartError::Value(format!("another witness runs on {}", dir.display())))
        }
        Err(TryLockError::Error(error)) => Err(StartError::io("lock", &path)(error)),
    }
}

/// The key that cosigns: made at the first start. Its verifier key lies beside it.
fn own_key(crypto: &dyn Crypto, dir: &Path, name: &str) -> Result<WitnessKey, StartError> {
    let (seed_file, verifier_file) = (dir.join("seed"), dir.join("verifier"));
    let wrong = |error: keyreeve_core::Error| StartError::Value(format!("--name {name}: {}", error.public()));
    if !seed_file.exists() {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        crypto.fill(&mut *seed).map_err(StartError::operation("draw a key"))?;
        let key = WitnessKey::from_seed(crypto, name, &SecretBytes::copy_from(&*seed)).map_err(wrong)?;
        write_public(&verifier_file, (key.verifier().text(crypto) + "\n").as_bytes())?;
        write_secret(&seed_file, Zeroizing::new(hex::encode(*seed)).as_bytes())?;
    }
    let text = read_secret(&seed_file)?;
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    hex::decode_to_slice(text.expose().trim_ascii(), &mut *seed)
        .map_err(|_| StartError::Value(format!("{} holds no seed of a witness", seed_file.display())))?;
    let key = WitnessKey::from_seed(crypto, name, &SecretBytes::copy_from(&*seed)).map_err(wrong)?;
    let known = fs::read_to_string(&verifier_file).map_err(StartError::io("read", &verifier_file))?;
    if NoteKey::parse(&known).ok().as_ref() != Some(key.verifier()) {
        let text = format!(
            "{} names another witness than --name {name}: a witness keeps its name",
            verifier_file.display()
        );
        return Err(StartError::Value(text));
    }
    Ok(key)
}

/// The CA of its own, by which others know its certificate: `ca.pem` is for them.
fn own_authority(dir: &Path, clock: &dyn Clock) -> Result<CertificateAuthority, StartError> {
    let (certificate_file, key_file) = (dir.join("ca.pem"), dir.join("ca.key"));
    if !certificate_file.exists() {
        let made = CertificateAuthority::create(clock.now().seconds().max(0) as u64)?;
        write_secret(&key_file, made.key.pkcs8_der())?;
        write_public(&certificate_file, pem::encode_certificate(&made.certificate).as_bytes())?;
    }
    let key = read_secret(&key_file)?;
    let key = PrivateKey::from_pkcs8_der(Zeroizing::new(key.expose().to_vec()))?;
    let text = fs::read(&certificate_file).map_err(StartError::io("read", &certificate_file))?;
    let certificate = pem::decode_certificates(&text)?.into_iter().next();
    let certificate = certificate
        .ok_or_else(|| StartError::Value(format!("{} holds no certificate", certificate_file.display())))?;
    Ok(CertificateAuthority::load(certificate, &key)?)
}

/// Answers requests.
struct Answers {
    witness: Arc<Witness>,
    logs: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Handler for Answers {
    async fn serve(&self, connection: Connection) {
        let Connection { stream, peer, mut shutdown } = connection;
        let answer =
            service_fn(async |request| Ok::<_, Infallible>(self.answer(peer.address, request).await));
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX)
            .serve_connection(TokioIo::new(stream), answer);
        let mut serving = std::pin::pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = shutdown.requested() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(cause) = ended {
            debug!(peer = %peer.address, %cause, "connection ended");
        }
    }
}

impl Answers {
    async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != "/add-checkpoint" {
            return told(StatusCode::NOT_FOUND, "a witness has /add-checkpoint alone");
        }
        if request.method() != Method::POST {
            return told(StatusCode::METHOD_NOT_ALLOWED, "add-checkpoint is a POST");
        }
        let body = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect();
        let Ok(Ok(body)) = tokio::time::timeout(BODY_TIME_MAX, body).await else {
            return told(
                StatusCode::BAD_REQUEST,
                "a request has at most 64 KiB, and comes within ten seconds",
            );
        };
        let (witness, logs, body) = (self.witness.clone(), self.logs.clone(), body.to_bytes());
        let time = u64::try_from(self.clock.now().seconds()).unwrap_or(0);
        let done = tokio::task::spawn_blocking(move || {
            let logs = read_logs(&logs)?;
            witness.add_checkpoint(&logs, &body, time).map_err(|error| error.to_string())
        });
        match done.await.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(Ok(line)) => {
                debug!(%peer, "cosigned");
                told(StatusCode::OK, &line)
            }
            Ok(Err(refusal)) => {
                info!(%peer, ?refusal, "not cosigned");
                refused(&refusal)
            }
            Err(cause) => {
                warn!(%peer, %cause, "nothing can be cosigned");
                told(StatusCode::INTERNAL_SERVER_ERROR, "the witness cannot; its log has the cause")
            }
        }
    }
}

/// The verifier keys of the logs: lines that are empty or begin with `#` are none.
fn read_logs(file: &Path) -> Result<Vec<NoteKey>, String> {
    let wrong = |cause: &dyn std::fmt::Display| format!("{}: {cause}", file.display());
    let text = fs::read_to_string(file).map_err(|cause| wrong(&cause))?;
    if text.len() > LOGS_BYTES_MAX {
        return Err(wrong(&"it is longer than 1 MiB"));
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| NoteKey::parse(line).map_err(|error| wrong(&error.public()))).collect()
}

fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let text = match refusal {
        Refusal::Malformed(what) => what.clone(),
        Refusal::UnknownLog => "this log is not witnessed here".to_owned(),
        Refusal::Unsigned => "the log has not signed this, as it is known here".to_owned(),
        Refusal::Inconsistent => "the tree that was cosigned last is no beginning of this one".to_owned(),
        Refusal::Stale(size) => {
            let mut answer = told(status, &size.to_string());
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/x.tlog.size"));
            return answer;
        }
    };
    told(status, &text)
}

fn told(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let text = if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
