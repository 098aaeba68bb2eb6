//! The bare server that a bench measures beside the real one: this program again, in a process of its own that ends with
//! this one. Not here: what it does with a message (the server's crate).

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use clap::Args;
use keyreeve_server::ceiling::{self, Answer};
use keyreeve_server::listen::shutdown_signal;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::errors::{Failure, Kind, Result};

/// The command that this program is started with again.
const COMMAND: &str = "bench-ceiling";

/// Answer every message alike: what `bench --ceiling` compares with. Reads what to answer from stdin, and ends with it.
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct BareServer {}

/// A bare server that is running.
pub(super) struct Ceiling {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// How to talk to it.
    pub(super) tls: Arc<ClientConfig>,
    _process: Process,
}

/// Its process, which ends with this.
struct Process(Child);

/// What the bare server is told.
#[derive(Serialize, Deserialize)]
struct Asked {
    /// The type of an HTTP answer; a KMIP answer has none.
    content_type: Option<String>,
    answer: Vec<u8>,
}

/// What it tells. Holds a secret, of no use but here.
#[derive(Serialize, Deserialize)]
struct Told {
    address: SocketAddr,
    authority: Vec<u8>,
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Ceiling {
    /// Starts one that answers KMIP messages with these bytes, or HTTP requests with this body of this type.
    ///
    /// # Errors
    /// `Remote` where it does not start.
    pub(super) fn start(answer: &[u8], content_type: Option<&str>) -> Result<Self> {
        let asked = Asked { content_type: content_type.map(str::to_owned), answer: answer.to_vec() };
        Self::try_start(&asked).map_err(|cause| {
            Failure::new(Kind::Remote, format!("the bare server of --ceiling does not start: {cause}"))
        })
    }

    fn try_start(asked: &Asked) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process(command.spawn()?);
        let Process(child) = &mut process;
        let (Some(stdin), Some(stdout)) = (child.stdin.as_mut(), child.stdout.take()) else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        };
        writeln!(stdin, "{}", serde_json::to_string(asked)?)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let told: Told = serde_json::from_str(&line)?;
        let tls = told.tls().map_err(io::Error::other)?;
        Ok(Self { address: told.address, tls, _process: process })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It holds nothing that would have to be put in order.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Told {
    fn tls(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.authority.clone()))?;
        let chain = vec![CertificateDer::from(self.certificate.clone())];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.to_vec()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Arc::new(builder.with_root_certificates(roots).with_client_auth_cert(chain, key)?))
    }
}

impl BareServer {
    /// Serves until stdin ends.
    ///
    /// # Errors
    /// It cannot start, or was told nothing.
    pub(crate) fn run(self) -> Result<()> {
        let mut line = String::new();
        let mut stdin = BufReader::new(io::stdin());
        stdin.read_line(&mut line)?;
        let asked: Asked =
            serde_json::from_str(&line).map_err(|_| Failure::usage("bench starts this itself"))?;
        let answer = match asked.content_type {
            Some(content_type) => Answer::Rest { content_type, body: asked.answer },
            None => Answer::Kmip(asked.answer),
        };
        let (trigger, stop) = shutdown_signal();
        std::thread::spawn(move || {
            // Whatever ends stdin ends this.
            let _ = stdin.read_to_end(&mut Vec::new());
            trigger.request();
        });
        Ok(ceiling::serve(answer, stop, |ready| {
            let told = Told {
                address: ready.address,
                authority: ready.authority.to_vec(),
                certificate: ready.client.certificate.to_vec(),
                key: Zeroizing::new(ready.client.key.pkcs8_der().to_vec()),
            };
            let mut out = io::stdout().lock();
            serde_json::to_writer(&mut out, &told)?;
            writeln!(out)?;
            out.flush()
        })?)
    }
}
