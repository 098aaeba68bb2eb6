//! Clients that are slow, many, or never stop: the server stays up, serves the others, and recovers. Not here: messages that
//! are none (garbage).

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use tokio::net::TcpSocket;

use crate::bad_input::{real_server, real_server_with};
use crate::garbage::{bad_ttlv, connect, connect_to, read_answer, tls};
use crate::server::Server;

/// Time in which what must happen happens.
const SOON: Duration = Duration::from_secs(60);

/// Waits until it holds, which must be soon.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < SOON, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count()
}

fn http(server: &Server) -> String {
    server.variable("KEYREEVE_ADDR").trim_start_matches("https://").to_owned()
}

/// Opens connections that say nothing, in turn from 40 addresses.
async fn silent(address: &str, count: usize) -> Vec<tokio::net::TcpStream> {
    let address: SocketAddr = address.parse().unwrap();
    let mut open = Vec::new();
    for number in 0..count {
        let socket = TcpSocket::new_v4().unwrap();
        let source = [127, 0, 1, u8::try_from(number % 40).unwrap()];
        socket.bind(SocketAddr::from((source, 0))).unwrap();
        open.push(socket.connect(address).await.unwrap());
    }
    open
}

#[test]
fn ten_thousand_silent_connections_keep_nobody_away() {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < 14_000) {
        println!("NOT TESTED: this system grants {limit:?} open files, and 14000 are needed");
        return;
    }
    // The server is started with a few, and raises that by itself.
    setrlimit(Resource::Nofile, Rlimit { current: Some(256), ..limit }).unwrap();
    let limits = "[limits]\nconnections_max = 5000\nhandshake_seconds_max = 600\n";
    let (_place, server) = real_server_with(limits);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    server.wait_for_line("limit of open files raised");
    let before = descriptors(&server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (http, kmip) = (http(&server), server.variable("KEYREEVE_KMIP_ADDR").to_owned());
    let mut open = runtime.block_on(silent(&http, 5000));
    open.extend(runtime.block_on(silent(&kmip, 4990)));
    until("9,990 connections are open", || descriptors(&server) >= before + 9_990);
    // A place is free for KMIP, and none for REST: after a moment one that is quiet makes room.
    let mut other = connect(&server, &tls(&server));
    other.write_all(&bad_ttlv(0)).and_then(|()| read_answer(&mut other)).unwrap();
    let status = || server.command(crate::server::KEYREEVE).arg("status").output().unwrap().status.success();
    until("another source gets a place", status);
    server.keyreeve(&["key", "create", "meanwhile", "--algorithm", "aes-256"]);
    drop(open);
    until("all are closed", || descriptors(&server) < before + 50);
    server.keyreeve(&["key", "show", "meanwhile"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn without_file_descriptors_open_connections_go_on_and_new_ones_wait() {
    let (_place, server) = real_server();
    let mut open = connect(&server, &tls(&server));
    let mut goes_on = || open.write_all(&bad_ttlv(0)).and_then(|()| read_answer(&mut open)).unwrap();
    goes_on();
    let process = Pid::from_raw(i32::try_from(server.id()).unwrap());
    let limit = getrlimit(Resource::Nofile);
    let none = Rlimit { current: Some(3), maximum: limit.maximum };
    let granted = prlimit(process, Resource::Nofile, none).unwrap();
    let mut waiting = TcpStream::connect(http(&server)).unwrap();
    server.wait_for_line("cannot accept connections");
    goes_on();
    prlimit(process, Resource::Nofile, granted).unwrap();
    server.wait_for_line("accepting connections again");
    waiting.write_all(b"no TLS").unwrap();
    waiting.read_to_end(&mut Vec::new()).unwrap();
    server.keyreeve(&["key", "create", "after", "--algorithm", "aes-256"]);
    let told = server.printed().matches("cannot accept connections").count();
    assert!(told <= 2, "{told} lines for one lack of descriptors");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn who_is_slow_is_cut_at_every_stage() {
    let limits = "[limits]\nhandshake_seconds_max = 1\nmessage_seconds_max = 2\n";
    let (_place, server) = real_server_with(limits);
    let (config, http) = (tls(&server), http(&server));
    let kmip = server.variable("KEYREEVE_KMIP_ADDR").to_owned();
    let token = server.variable("KEYREEVE_TOKEN").to_owned();
    let body = format!(
        "POST /v1/keys HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 100000\r\n\r\n"
    );
    let message = bad_ttlv(0);
    let handshake = |address: &str| Box::new(TcpStream::connect(address).unwrap()) as Box<dyn ReadWrite>;
    let over_tls = |address: &str| Box::new(connect_to(address, &config)) as Box<dyn ReadWrite>;
    let mut slow: [(&str, Box<dyn ReadWrite>, &[u8]); 6] = [
        ("a handshake of REST", handshake(&http), &b"\x16\x03\x01\x00"[..]),
        ("a handshake of KMIP", handshake(&kmip), b"\x16\x03\x01\x00"),
        ("a head", over_tls(&http), b"GET /health/live HTTP/1.1\r\nHost: a\r\nX: "),
        ("a body", over_tls(&http), body.as_bytes()),
        ("the header of a message", over_tls(&kmip), &message[..3]),
        ("a message", over_tls(&kmip), &message[..20]),
    ];
    for (_, stream, first) in &mut slow {
        stream.write_all(first).unwrap();
        stream.flush().unwrap();
    }
    server.keyreeve(&["key", "create", "meanwhile", "--algorithm", "aes-256"]);
    let begin = Instant::now();
    let mut drips: Vec<_> = slow.into_iter().collect();
    while !drips.is_empty() {
        let left: Vec<_> = drips.iter().map(|(what, ..)| *what).collect();
        assert!(begin.elapsed() < SOON, "these drip on: {left:?}");
        std::thread::sleep(Duration::from_millis(300));
        // A byte now and then, so that no connection is idle.
        drips.retain_mut(|(_, stream, _)| stream.write_all(b"\0").and_then(|()| stream.flush()).is_ok());
    }
    server.keyreeve(&["key", "show", "meanwhile"]);
    assert_eq!(server.stop(), Some(0));
}

/// A connection of any kind.
trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

#[test]
fn who_pipelines_without_reading_is_cut_and_costs_little() {
    let (_place, server) = real_server_with("[limits]\nmessage_seconds_max = 2\n");
    let config = tls(&server);
    let get = b"GET /v1/journal?limit=1000 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(16);
    let message = (0..512).flat_map(bad_ttlv).collect::<Vec<u8>>();
    let before = server.resident_kib();
    for (address, flood) in
        [(http(&server), get), (server.variable("KEYREEVE_KMIP_ADDR").to_owned(), message)]
    {
        let mut flooder = connect_to(&address, &config);
        flooder.sock.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let begin = Instant::now();
        let mut cut = false;
        while !cut {
            assert!(begin.elapsed() < SOON, "nobody stops the flood to {address}");
            let written = flooder.write_all(&flood).and_then(|()| flooder.flush());
            cut = written.is_err_and(|error| {
                !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
            });
        }
        server.keyreeve(&["status"]);
    }
    let after = server.resident_kib();
    assert!(after < before + 64 * 1024, "memory went from {before} to {after} KiB");
    assert_eq!(server.stop(), Some(0));
}
