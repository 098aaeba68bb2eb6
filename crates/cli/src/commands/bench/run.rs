//! One run of a bench: the keys it makes and destroys, and the slices it measures in. Not here: what is printed.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};

use super::super::{Session, required};
use super::Bench;
use super::ceiling::Ceiling;
use super::cpu::Process;
use super::load::{self, Connection, Tally};
use super::plan::{Operation, Plan, Protocol};
use super::{kmip, rest};
use crate::client::{Client, tls};
use crate::errors::{Failure, Kind, Result};
use crate::settings::{Address, Server};

/// Slices of a comparison, of each side.
const SLICES: u32 = 2;
/// The tag of all keys that can have one.
const TAG: &str = "keyreeve-bench";
/// Objects that one request destroys.
const DESTROYED_MAX: usize = 128;

/// A server, the keys that were made there, and what to send.
pub(super) struct Run {
    /// None where an unknown server is sent a request from a file: no keys there.
    client: Option<Client>,
    /// Marks this run's keys.
    id: String,
    peer: Peer,
    plan: Plan,
    /// Objects that no tag tells.
    made: Vec<String>,
}

/// Where to connect, and how.
struct Peer {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// What was measured.
pub(super) struct Measured {
    /// The server.
    pub(super) server: Tally,
    /// Its processor time for an operation.
    pub(super) server_cpu_us: Option<f64>,
    /// The bare server.
    pub(super) ceiling: Option<Tally>,
}

impl Run {
    /// Makes a key and what is sent about it.
    ///
    /// # Errors
    /// As every request; `Usage` where no KMIP address is named, or no TLS spoken.
    pub(super) fn prepare(bench: &Bench, session: &Session) -> Result<Self> {
        let server = || session.connection.resolve(|name| std::env::var(name).ok());
        let http = server()?;
        if !http.address.tls {
            return Err(Failure::usage("a bench is over TLS: give an https address"));
        }
        let config = Arc::new(tls(&http)?);
        let id =
            format!("{:x}", SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros()));
        if let Some(file) = &bench.request {
            let peer = peer(&http.address, config)?;
            let plan = from_file(file)?;
            return Ok(Self { client: None, id, peer, plan, made: Vec::new() });
        }
        let mut client = Client::new(server()?)?;
        let name = format!("{TAG}-{id}");
        let key = make_key(&mut client, bench, &name, &id)?;
        let mut run = match bench.protocol {
            Protocol::Rest => {
                let plan = Plan::new(Protocol::Rest, Vec::new(), "", 1);
                Self { client: Some(client), id, peer: peer(&http.address, config)?, plan, made: Vec::new() }
            }
            Protocol::Kmip => {
                if http.identity.client.is_none() {
                    let text = "KMIP asks for a client certificate: set KEYREEVE_CLIENT_CERT and KEYREEVE_CLIENT_KEY";
                    return Err(Failure::usage(text));
                }
                let plan = Plan::new(Protocol::Kmip, Vec::new(), "", 1);
                let peer = peer(&kmip_address(bench)?, config)?;
                Self { client: Some(client), id, peer, plan, made: Vec::new() }
            }
        };
        match run.planned(bench, &http, &name, &key) {
            Ok(plan) => run.plan = plan,
            Err(failure) => {
                run.clean()?;
                return Err(failure);
            }
        }
        Ok(run)
    }

    fn planned(&mut self, bench: &Bench, server: &Server, name: &str, object: &str) -> Result<Plan> {
        let prefix = format!("{name}-");
        let data: Vec<u8> = (0..bench.size).map(|at| at as u8).collect();
        let usual = |text: String| Failure::new(Kind::Remote, text);
        match bench.protocol {
            Protocol::Rest => {
                let algorithm = bench.algorithm();
                let mut subject = rest::Subject {
                    server,
                    key: name,
                    prefix: &prefix,
                    tag: (TAG, &self.id),
                    algorithm,
                    data: &data,
                };
                let ciphertext;
                if bench.operation == Operation::Decrypt {
                    let sealed = self.once(&rest::plan(Operation::Encrypt, &subject))?;
                    ciphertext = rest::bytes_of(&sealed, "ciphertext").map_err(usual)?;
                    subject.data = &ciphertext;
                }
                Ok(rest::plan(bench.operation, &subject))
            }
            Protocol::Kmip => {
                let algorithm = bench.algorithm();
                let mut subject = kmip::Subject {
                    object,
                    key: name,
                    prefix: &prefix,
                    algorithm,
                    data: &data,
                    encrypted: None,
                    batch: 1,
                };
                let encrypted;
                if bench.operation == Operation::Decrypt {
                    let sealed = self.once(&kmip::plan(Operation::Encrypt, &subject).map_err(usual)?)?;
                    encrypted = kmip::encrypted(&sealed).map_err(usual)?;
                    subject.encrypted = Some(&encrypted);
                }
                let gotten;
                if bench.operation == Operation::Get {
                    // Keys that are made over REST are sensitive: their material does not leave.
                    let made = self.once(&kmip::plan(Operation::Create, &subject).map_err(usual)?)?;
                    gotten = kmip::identifiers(&made);
                    self.made.extend(gotten.iter().cloned());
                    subject.object = gotten.first().map_or("", String::as_str);
                }
                subject.batch = bench.batch.into();
                kmip::plan(bench.operation, &subject).map_err(Failure::usage)
            }
        }
    }

    /// The answer to one request of the plan, on a connection of its own.
    fn once(&self, plan: &Plan) -> Result<Vec<u8>> {
        let mut connection = self.peer.connect().map_err(|cause| self.peer.lost(&cause))?;
        let answer = connection.exchange(plan, &plan.request).map_err(|cause| self.peer.lost(&cause))?;
        plan.look_at(&answer).map_err(|complaint| Failure::new(Kind::Remote, complaint))?;
        Ok(answer)
    }

    /// Measures, where asked for in turn with a bare server that gives the same answer.
    ///
    /// # Errors
    /// A connection broke; the bare server does not start.
    pub(super) fn measure(&mut self, bench: &Bench) -> Result<Measured> {
        // The first number of all, so that no later request makes a key of this name.
        let answer = self.once(&self.plan)?;
        if self.plan.collects {
            self.plan.collect(&answer, &mut self.made);
        }
        // Before there is a second process of this program.
        let process =
            self.peer.address.ip().is_loopback().then(|| Process::listening_on(self.peer.address)).flatten();
        let ceiling = bench.ceiling.then(|| ceiling(&self.plan, &answer)).transpose()?;
        let bare = ceiling.as_ref().map(|ceiling| Peer {
            address: ceiling.address,
            tls: Arc::clone(&ceiling.tls),
            name: ServerName::from(ceiling.address.ip()),
        });
        let slices = if bare.is_some() { SLICES } else { 1 };
        let length = bench.measured() / slices;
        let (mut server, mut beside) = (Side::open(&self.peer, bench)?, None);
        if let Some(bare) = &bare {
            beside = Some(Side::open(bare, bench)?);
        }
        let bare_plan = self.plan.for_ceiling();
        let mut cpu_us = process.as_ref().map(|_| 0);
        for _ in 0..slices {
            let mut told = Vec::new();
            let sample = || told.push(process.as_ref().and_then(Process::cpu_us));
            let slice = server.slice(&self.plan, bench, length, sample);
            self.made.append(&mut server.tally.made);
            slice.map_err(|cause| self.peer.lost(&cause))?;
            cpu_us = match told[..] {
                [Some(begin), Some(end)] => cpu_us.map(|sum| sum + end.saturating_sub(begin)),
                _ => None,
            };
            if let (Some(side), Some(bare)) = (&mut beside, &bare) {
                side.slice(&bare_plan, bench, length, || {}).map_err(|cause| bare.lost(&cause))?;
            }
        }
        let operations = server.tally.operations.max(1) as f64;
        let server_cpu_us = cpu_us.map(|sum| sum as f64 / operations);
        Ok(Measured { server: server.tally, server_cpu_us, ceiling: beside.map(|side| side.tally) })
    }

    /// Destroys all keys that were made.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn clean(&mut self) -> Result<()> {
        let Some(client) = &mut self.client else { return Ok(()) };
        let tag = format!("{TAG}={}", self.id);
        let body = json!({ "tag": tag, "confirm": format!("tag {tag}") });
        while client.post("/v1/erasures", &body)?.get("destroyed").and_then(Value::as_u64).unwrap_or(0) > 0 {}
        if self.made.is_empty() {
            return Ok(());
        }
        let mut connection = self.peer.connect().map_err(|cause| self.peer.lost(&cause))?;
        for objects in self.made.chunks(DESTROYED_MAX) {
            let request = kmip::destroy(objects).map_err(|text| Failure::new(Kind::Remote, text))?;
            let answer = connection.exchange(&self.plan, &request).map_err(|cause| self.peer.lost(&cause))?;
            self.plan.look_at(&answer).map_err(|text| Failure::new(Kind::Remote, text))?;
        }
        self.made.clear();
        Ok(())
    }
}

/// One side of a comparison: its connections, by thread, and what they have reached.
struct Side {
    threads: Vec<Vec<Connection>>,
    number: u64,
    tally: Tally,
}

impl Side {
    fn open(peer: &Peer, bench: &Bench) -> Result<Self> {
        let connections = usize::from(bench.connections);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(connections);
        let mut dealt: Vec<Vec<Connection>> = (0..threads).map(|_| Vec::new()).collect();
        for at in 0..connections {
            dealt[at % threads].push(peer.connect().map_err(|cause| peer.lost(&cause))?);
        }
        Ok(Self { threads: dealt, number: 1, tally: Tally::default() })
    }

    fn slice(&mut self, plan: &Plan, bench: &Bench, length: Duration, at: impl FnMut()) -> io::Result<()> {
        let slice =
            load::slice(&mut self.threads, plan, bench.pipeline.into(), length, &mut self.number, at)?;
        self.tally.add(slice);
        Ok(())
    }
}

impl Peer {
    fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address, &self.tls, &self.name)
    }

    fn lost(&self, cause: &io::Error) -> Failure {
        Failure::new(Kind::Remote, format!("the connection to {} broke: {cause}", self.address))
    }
}

fn peer(address: &Address, tls: Arc<ClientConfig>) -> Result<Peer> {
    let wrong = || Failure::new(Kind::Remote, format!("{address} cannot be found"));
    let mut found = (address.host.as_str(), address.port).to_socket_addrs().map_err(|_| wrong())?;
    let name = ServerName::try_from(address.host.clone());
    let name = name.map_err(|_| Failure::usage(format!("{:?} is no host name", address.host)))?;
    Ok(Peer { address: found.next().ok_or_else(wrong)?, tls, name })
}

fn kmip_address(bench: &Bench) -> Result<Address> {
    let named = bench.kmip_addr.clone().or_else(|| std::env::var("KEYREEVE_KMIP_ADDR").ok());
    let text = "no KMIP address is named: give --kmip-addr, or set KEYREEVE_KMIP_ADDR (`. DIR/env` does)";
    Address::parse(&format!("https://{}", named.ok_or_else(|| Failure::usage(text))?))
}

fn ceiling(plan: &Plan, answer: &[u8]) -> Result<Ceiling> {
    match plan.protocol {
        Protocol::Kmip => Ceiling::start(answer, None),
        Protocol::Rest => {
            let content_type = rest::content_type(answer).unwrap_or("application/octet-stream");
            Ceiling::start(rest::body(answer), Some(content_type))
        }
    }
}

/// Makes the key that is used, and gives the identifier of its object.
fn make_key(client: &mut Client, bench: &Bench, name: &str, id: &str) -> Result<String> {
    let body = json!({
        "name": name,
        "algorithm": bench.algorithm(),
        "tags": { TAG: id },
    });
    let key = client.post("/v1/keys", &body)?;
    let version = key.pointer("/versions/0").ok_or_else(|| Failure::answer("a key without versions"))?;
    Ok(required(version, "object_id")?.to_owned())
}

/// The request in a file, which is sent as it is.
fn from_file(file: &Path) -> Result<Plan> {
    let request = std::fs::read(file).map_err(|cause| Failure::file("read", file, cause))?;
    Ok(Plan::new(Protocol::Rest, request, "\0", 1))
}
