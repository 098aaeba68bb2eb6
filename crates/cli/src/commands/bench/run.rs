//! One run of a bench: what is checked before anything is made, and the slices it measures in. Not here: its keys (keys), and
//! what is printed.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::super::Session;
use super::Bench;
use super::ceiling::Ceiling;
use super::cpu::Process;
use super::interrupt::Interrupt;
use super::keys::{Keys, TAG, Used};
use super::kinds::Kind;
use super::load::{self, Connection, Load, Tally};
use super::plan::{Operation, Plan, Protocol};
use super::{kmip, rest};
use crate::client::{Client, tls};
use crate::errors::{self, Failure, Result};
use crate::settings::{Address, Server};

/// Slices of a comparison, of each side.
const SLICES: u32 = 2;
/// Objects that one request destroys.
const DESTROYED_MAX: usize = 128;

/// A server, the keys that were made there, and what to send.
pub(super) struct Run {
    /// None where an unknown server is sent a request from a file.
    keys: Option<Keys>,
    peer: Peer,
    plan: Plan,
    interrupt: Interrupt,
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
    /// Checks whatever can be checked while there is nothing to clean away, then makes a key and what is sent about it.
    ///
    /// # Errors
    /// As every request; `Usage` where no KMIP address is named, no TLS spoken, or the algorithm cannot be had so.
    pub(super) fn prepare(bench: &Bench, session: &Session) -> Result<Self> {
        let server = session.server()?;
        if !server.address.tls {
            return Err(Failure::usage("a bench is over TLS: give an https address"));
        }
        let config = Arc::new(tls(&server)?);
        let interrupt = Interrupt::watch().map_err(|cause| remote(format!("cannot start: {cause}")))?;
        if let Some(file) = &bench.request {
            let peer = peer(&server.address, config)?;
            return Ok(Self { keys: None, peer, plan: from_file(file)?, interrupt });
        }
        let peer = match bench.protocol {
            Protocol::Rest => peer(&server.address, config)?,
            Protocol::Kmip => {
                if bench.operation == Operation::Create || bench.operation == Operation::Get {
                    Kind::named(bench.algorithm()).map_err(Failure::usage)?;
                }
                peer(&kmip_address(bench, &server)?, config)?
            }
        };
        drop(peer.connect().map_err(|cause| peer.lost(&cause))?);
        let keys = Keys::new(Client::new(session.server()?)?);
        let plan = Plan::new(bench.protocol, Vec::new(), "", 1);
        let mut run = Self { keys: Some(keys), peer, plan, interrupt };
        match run.planned(bench, &server) {
            Ok(plan) => run.plan = plan,
            Err(failure) => {
                run.clean(false)?;
                return Err(failure);
            }
        }
        Ok(run)
    }

    /// Makes the key, and what is sent about it.
    fn planned(&mut self, bench: &Bench, server: &Server) -> Result<Plan> {
        let Some(keys) = &mut self.keys else {
            return Err(Failure::usage("a request from a file needs no key"));
        };
        let used = keys.make(bench)?;
        let data: Vec<u8> = (0..bench.size).map(|at| at as u8).collect();
        match bench.protocol {
            Protocol::Rest => self.planned_rest(bench, server, &data),
            Protocol::Kmip => self.planned_kmip(bench, &used, &data),
        }
    }

    fn planned_rest(&self, bench: &Bench, server: &Server, data: &[u8]) -> Result<Plan> {
        let (name, id) = self.names();
        let prefix = format!("{name}-");
        let algorithm = bench.algorithm();
        let mut subject = rest::Subject {
            server,
            key: name,
            prefix: &prefix,
            tag: (TAG, id),
            algorithm,
            data,
            encrypted: None,
        };
        let encrypted;
        if bench.operation == Operation::Decrypt {
            encrypted =
                rest::json_of(&self.once(&rest::plan(Operation::Encrypt, &subject))?).map_err(remote)?;
            subject.encrypted = Some(&encrypted);
        }
        Ok(rest::plan(bench.operation, &subject))
    }

    fn planned_kmip(&mut self, bench: &Bench, used: &Used, data: &[u8]) -> Result<Plan> {
        let name = self.names().0.to_owned();
        let prefix = format!("{name}-");
        let algorithm = bench.algorithm();
        let mut subject = kmip::Subject {
            object: &used.object,
            public: used.public.as_deref(),
            key: &name,
            prefix: &prefix,
            algorithm,
            data,
            encrypted: None,
            batch: 1,
        };
        let encrypted;
        if bench.operation == Operation::Decrypt {
            let sealed = self.once(&kmip::plan(Operation::Encrypt, &subject).map_err(remote)?)?;
            encrypted = kmip::encrypted(&sealed).map_err(remote)?;
            subject.encrypted = Some(&encrypted);
        }
        let gotten;
        if bench.operation == Operation::Get {
            // Keys that are made over REST are sensitive: their material does not leave.
            let made = self.once(&kmip::plan(Operation::Create, &subject).map_err(remote)?)?;
            gotten = kmip::identifiers(&made);
            self.collect(&mut gotten.clone());
            subject.object = gotten.first().map_or("", String::as_str);
        }
        subject.batch = bench.batch.into();
        kmip::plan(bench.operation, &subject).map_err(Failure::usage)
    }

    /// The name of the key that is used, and what marks all keys of the run.
    fn names(&self) -> (&str, &str) {
        self.keys.as_ref().map_or(("", ""), |keys| (&keys.name, &keys.id))
    }

    /// Adds identifiers of objects that were made.
    fn collect(&mut self, made: &mut Vec<String>) {
        if let Some(keys) = &mut self.keys {
            keys.made.append(made);
        }
    }

    /// The answer to one request of the plan, on a connection of its own.
    fn once(&self, plan: &Plan) -> Result<Vec<u8>> {
        let mut connection = self.peer.connect().map_err(|cause| self.peer.lost(&cause))?;
        let mut request = plan.request.clone();
        plan.number(0, &mut request);
        let answer = connection.exchange(plan, &request).map_err(|cause| self.peer.lost(&cause))?;
        plan.look_at(&answer).map_err(remote)?;
        Ok(answer)
    }

    /// Measures, where asked for in turn with a bare server that gives the same answer.
    ///
    /// # Errors
    /// A connection broke; the bare server does not start; it was interrupted.
    pub(super) fn measure(&mut self, bench: &Bench) -> Result<Measured> {
        // The first number of all, so that no later request makes a key of this name.
        let answer = self.once(&self.plan)?;
        if self.plan.collects {
            let mut made = Vec::new();
            self.plan.collect(&answer, &mut made);
            self.collect(&mut made);
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
        let (mut server, mut beside) = (Side::open(&self.peer, bench)?, None);
        if let Some(bare) = &bare {
            beside = Some(Side::open(bare, bench)?);
        }
        let bare_plan = self.plan.for_ceiling();
        let mut cpu_us = process.as_ref().map(|_| 0);
        for _ in 0..slices {
            let mut told = Vec::new();
            let sample = || told.push(process.as_ref().and_then(Process::cpu_us));
            let slice = server.slice(&bench.load(&self.plan, &self.interrupt, slices), sample);
            self.collect(&mut server.tally.made);
            slice.map_err(|cause| self.peer.lost(&cause))?;
            cpu_us = match told[..] {
                [Some(begin), Some(end)] => cpu_us.map(|sum| sum + end.saturating_sub(begin)),
                _ => None,
            };
            if let (Some(side), Some(bare)) = (&mut beside, &bare) {
                side.slice(&bench.load(&bare_plan, &self.interrupt, slices), || {})
                    .map_err(|cause| bare.lost(&cause))?;
            }
            if self.interrupt.is_raised() {
                return Err(remote("interrupted: nothing was measured".into()));
            }
        }
        let operations = server.tally.operations.max(1) as f64;
        let server_cpu_us = cpu_us.map(|sum| sum as f64 / operations);
        Ok(Measured { server: server.tally, server_cpu_us, ceiling: beside.map(|side| side.tally) })
    }

    /// Destroys all keys that were made; `keep`: but for those that bear no tag.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn clean(&mut self, keep: bool) -> Result<()> {
        let Some(keys) = &mut self.keys else { return Ok(()) };
        keys.destroy_tagged()?;
        if keep {
            return Ok(());
        }
        let destroyed = Self::destroy_made(&self.peer, &self.plan, &keys.made);
        keys.made.clear();
        // What KMIP did not destroy goes by its name.
        keys.destroy_named()?;
        destroyed
    }

    fn destroy_made(peer: &Peer, plan: &Plan, made: &[String]) -> Result<()> {
        if made.is_empty() {
            return Ok(());
        }
        let mut connection = peer.connect().map_err(|cause| peer.lost(&cause))?;
        for objects in made.chunks(DESTROYED_MAX) {
            let request = kmip::destroy(objects).map_err(remote)?;
            let answer = connection.exchange(plan, &request).map_err(|cause| peer.lost(&cause))?;
            plan.look_at(&answer).map_err(remote)?;
        }
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

    fn slice(&mut self, load: &Load<'_>, at: impl FnMut()) -> io::Result<()> {
        load::slice(&mut self.threads, load, &mut self.number, &mut self.tally, at)
    }
}

impl Peer {
    fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address, &self.tls, &self.name)
    }

    fn lost(&self, cause: &io::Error) -> Failure {
        remote(format!("the connection to {} broke: {cause}", self.address))
    }
}

fn peer(address: &Address, tls: Arc<ClientConfig>) -> Result<Peer> {
    let wrong = || remote(format!("{address} cannot be found"));
    let mut found = (address.host.as_str(), address.port).to_socket_addrs().map_err(|_| wrong())?;
    let name = ServerName::try_from(address.host.clone());
    let name = name.map_err(|_| Failure::usage(format!("{:?} is no host name", address.host)))?;
    Ok(Peer { address: found.next().ok_or_else(wrong)?, tls, name })
}

/// Where KMIP is, for a caller who can speak it.
fn kmip_address(bench: &Bench, server: &Server) -> Result<Address> {
    if server.identity.client.is_none() {
        let text = "KMIP asks for a client certificate: set KEYREEVE_CLIENT_CERT and KEYREEVE_CLIENT_KEY";
        return Err(Failure::usage(text));
    }
    let text = "no KMIP address is named: give --kmip-addr, or set KEYREEVE_KMIP_ADDR (`. DIR/env` does)";
    let named = bench.kmip_addr.as_ref().or(server.kmip.as_ref()).ok_or_else(|| Failure::usage(text))?;
    Address::parse_kmip(named)
}

fn remote(text: String) -> Failure {
    Failure::new(errors::Kind::Remote, text)
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

/// The request in a file, which is sent as it is.
fn from_file(file: &Path) -> Result<Plan> {
    let request = std::fs::read(file).map_err(|cause| Failure::file("read", file, cause))?;
    Ok(Plan::new(Protocol::Rest, request, "\0", 1))
}
