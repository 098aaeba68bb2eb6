//! The load: many connections, a few threads with an epoll each, requests that were encoded beforehand. It shares the
//! machine with the server, so it does as little as it can for an answer. Not here: what requests and answers say.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::histogram::Histogram;
use super::interrupt::Interrupt;
use super::plan::{Plan, Seen};

/// Time before what is measured, so that caches are warm and all connections are busy.
const WARM_UP: Duration = Duration::from_millis(300);
/// After this long without any answer the server counts as gone.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest wait for events, to look at the clock.
const WAIT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
const EVENTS_MAX: usize = 256;

/// What one side of a comparison reached. Slices add up.
#[derive(Default)]
pub(super) struct Tally {
    /// Operations that were answered within what was measured.
    pub(super) operations: u64,
    /// Those of them, and of the warm-up, that failed.
    pub(super) errors: u64,
    /// What the first failure said.
    pub(super) complaint: Option<String>,
    /// Time from sending a request to its answer.
    pub(super) latencies: Histogram,
    /// Length of what was measured.
    pub(super) seconds: f64,
    /// What the answers named, where the plan wants it.
    pub(super) made: Vec<String>,
}

/// One TLS connection.
pub(super) struct Connection {
    tls: ClientConnection,
    socket: TcpStream,
    /// Plaintext that is no whole answer yet.
    received: Vec<u8>,
    /// When the requests that are open were sent.
    open: VecDeque<Instant>,
    /// An answer was looked at in full.
    looked: bool,
    /// The socket took no more.
    blocked: bool,
}

/// When a slice begins and ends to count.
#[derive(Clone, Copy)]
struct Window {
    begin: Instant,
    end: Instant,
}

impl Tally {
    pub(super) fn add(&mut self, other: Tally) {
        self.operations += other.operations;
        self.errors += other.errors;
        self.complaint = self.complaint.take().or(other.complaint);
        self.latencies.add(&other.latencies);
        self.seconds += other.seconds;
        self.made.extend(other.made);
    }

    /// Operations a second.
    pub(super) fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.operations as f64 / self.seconds } else { 0.0 }
    }
}

impl Connection {
    /// Connects and shakes hands.
    ///
    /// # Errors
    /// The system's, and TLS's.
    pub(super) fn open(
        address: SocketAddr,
        config: &Arc<ClientConfig>,
        name: &ServerName<'static>,
    ) -> io::Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        let mut tls = ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        tls.set_buffer_limit(None);
        Ok(Self { tls, socket, received: Vec::new(), open: VecDeque::new(), looked: false, blocked: false })
    }

    /// One request and its whole answer, waiting for it.
    ///
    /// # Errors
    /// The connection broke; the answer is none.
    pub(super) fn exchange(&mut self, plan: &Plan, request: &[u8]) -> io::Result<Vec<u8>> {
        self.socket.set_nonblocking(false)?;
        self.tls.writer().write_all(request)?;
        loop {
            self.tls.complete_io(&mut self.socket)?;
            self.take_plaintext()?;
            if let Some(Seen { length, .. }) = plan.seen(&self.received)? {
                return Ok(self.received.drain(..length).collect());
            }
        }
    }

    /// Sends these bytes, the requests of `count` that are now open.
    fn send(&mut self, bytes: &[u8], count: usize) -> io::Result<()> {
        let now = Instant::now();
        self.open.extend(std::iter::repeat_n(now, count));
        self.tls.writer().write_all(bytes)?;
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.blocked = false;
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what the socket has.
    fn receive(&mut self) -> io::Result<()> {
        match self.tls.read_tls(&mut self.socket) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        self.tls.process_new_packets().map_err(io::Error::other)?;
        self.take_plaintext()
    }

    fn take_plaintext(&mut self) -> io::Result<()> {
        let mut reader = self.tls.reader();
        loop {
            let taken = match reader.fill_buf() {
                Ok([]) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                Ok(plaintext) => {
                    self.received.extend_from_slice(plaintext);
                    plaintext.len()
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            reader.consume(taken);
        }
    }
}

/// How connections are kept busy.
pub(super) struct Load<'a> {
    /// What is sent.
    pub(super) plan: &'a Plan,
    /// Requests that a connection has open.
    pub(super) pipeline: usize,
    /// How long it is measured.
    pub(super) measured: Duration,
    /// What ends it before.
    pub(super) interrupt: &'a Interrupt,
}

/// Keeps every connection busy, first for the warm-up and then for what is measured, which is added to the tally, also where
/// it fails; `at` is called at the beginning and at the end of what is measured. Requests are numbered from `number` on,
/// which goes on.
///
/// # Errors
/// A connection broke, or the server fell silent.
pub(super) fn slice(
    threads: &mut [Vec<Connection>],
    load: &Load<'_>,
    number: &mut u64,
    tally: &mut Tally,
    mut at: impl FnMut(),
) -> io::Result<()> {
    let begin = Instant::now() + WARM_UP;
    let window = Window { begin, end: begin + load.measured };
    let step = threads.len() as u64;
    let (mut last, mut failed) = (*number, None);
    std::thread::scope(|scope| {
        let drivers: Vec<_> = (*number..)
            .zip(threads)
            .map(|(first, connections)| {
                let mut driver = Driver::new(load, window, (first, step));
                scope.spawn(move || (driver.drive(connections), driver.tally, driver.number))
            })
            .collect();
        load.interrupt.wait_until(window.begin);
        at();
        load.interrupt.wait_until(window.end);
        at();
        for driver in drivers {
            let Ok((driven, part, reached)) = driver.join() else {
                failed = Some(io::Error::other("a thread of the load failed"));
                continue;
            };
            failed = failed.take().or(driven.err());
            tally.add(part);
            last = last.max(reached);
        }
    });
    *number = last + step;
    tally.seconds += load.measured.as_secs_f64();
    failed.map_or(Ok(()), Err)
}

/// One thread's part.
struct Driver<'a> {
    load: &'a Load<'a>,
    window: Window,
    /// The number of the next request, and how far it is to the one after.
    number: u64,
    step: u64,
    request: Vec<u8>,
    batch: Vec<u8>,
    tally: Tally,
}

impl<'a> Driver<'a> {
    fn new(load: &'a Load<'a>, window: Window, (number, step): (u64, u64)) -> Self {
        let (request, tally) = (load.plan.request.clone(), Tally::default());
        Self { load, window, number, step, request, batch: Vec::new(), tally }
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.window.end && !self.load.interrupt.is_raised()
    }

    fn drive(&mut self, connections: &mut [Connection]) -> io::Result<()> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, connection) in (0..).zip(&mut *connections) {
            connection.socket.set_nonblocking(true)?;
            epoll::add(&poll, &connection.socket, epoll::EventData::new_u64(index), epoll::EventFlags::IN)?;
            self.ask(connection, self.load.pipeline)?;
        }
        let mut open = connections.len();
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut heard = Instant::now();
        while open > 0 {
            epoll::wait(&poll, spare_capacity(&mut events), Some(&WAIT))?;
            let now = Instant::now();
            if !events.is_empty() {
                heard = now;
            } else if now - heard > SILENCE {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            for event in events.drain(..) {
                let index = event.data.u64();
                let Some(connection) = connections.get_mut(index as usize) else { continue };
                let blocked = connection.blocked;
                // Copied: the system's form of it is packed.
                let flags = event.flags;
                if flags.contains(epoll::EventFlags::OUT) {
                    connection.flush()?;
                }
                connection.receive()?;
                let answered = self.take_answers(connection)?;
                if answered > 0 && self.goes_on() {
                    self.ask(connection, answered)?;
                } else if connection.open.is_empty() && answered > 0 {
                    open -= 1;
                }
                if connection.blocked != blocked {
                    let out =
                        if connection.blocked { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
                    let wanted = epoll::EventFlags::IN | out;
                    epoll::modify(&poll, &connection.socket, epoll::EventData::new_u64(index), wanted)?;
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, connection: &mut Connection, count: usize) -> io::Result<()> {
        if count == 1 && self.load.plan.counters.is_empty() {
            return connection.send(&self.request, 1);
        }
        self.batch.clear();
        for _ in 0..count {
            self.load.plan.number(self.number, &mut self.request);
            self.number += self.step;
            self.batch.extend_from_slice(&self.request);
        }
        connection.send(&self.batch, count)
    }

    /// Counts the whole answers that have come, and how many they were.
    fn take_answers(&mut self, connection: &mut Connection) -> io::Result<usize> {
        let (mut at, mut answers) = (0, 0);
        while let Some(Seen { length, failed }) = self.load.plan.seen(&connection.received[at..])? {
            let answer = &connection.received[at..at + length];
            let now = Instant::now();
            let Some(sent) = connection.open.pop_front() else {
                return Err(io::Error::other("an answer to no request"));
            };
            if !connection.looked || failed > 0 {
                connection.looked = true;
                if let Err(complaint) = self.load.plan.look_at(answer) {
                    self.tally.errors += u64::from(failed.max(1));
                    self.tally.complaint.get_or_insert(complaint);
                }
            }
            if self.load.plan.collects {
                self.load.plan.collect(answer, &mut self.tally.made);
            }
            if now >= self.window.begin && now < self.window.end {
                self.tally.operations += u64::from(self.load.plan.operations);
                self.tally.latencies.note(now - sent);
            }
            (at, answers) = (at + length, answers + 1);
        }
        connection.received.drain(..at);
        Ok(answers)
    }
}
