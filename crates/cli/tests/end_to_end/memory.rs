//! A server that may have little memory, and clients that want more: what is too much is refused, and where even that does
//! not fit, the process ends and comes back with all that it acknowledged. Not here: connections and descriptors (floods).

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::floods::until;
use crate::garbage::{connect_to, tls};
use crate::http::Http;
use crate::server::{KEYREEVE, Server, folder};

/// Bytes of one body, below the limit of a message.
const BODY_BYTES: usize = 7 << 20;
/// So many together go far beyond `limits.in_flight_bytes_max`.
const CLIENTS: usize = 48;

/// A server that asks the system for what it needs when it does, and has nothing put by: its limit is what it meets.
fn frugal(data: &Path) -> Server {
    let mut command = Command::new(KEYREEVE);
    command.args(["dev", "--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0", "--plain-http", "127.0.0.1:0"]);
    command.arg("--dir").arg(data).env("MIMALLOC_DISALLOW_ARENA_ALLOC", "1");
    let mut server = Server::start(command).unwrap();
    server.read_exports(data);
    server
}

/// Allows the server so many bytes of address space beyond what it has.
fn allow_more(server: &Server, bytes: u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmSize:")).unwrap();
    let has: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let limit = Rlimit { current: Some((has << 10) + bytes), maximum: None };
    prlimit(Pid::from_raw(i32::try_from(server.id()).unwrap()), Resource::As, limit).unwrap();
}

/// All clients have half of their body on the way before any of them sends the rest. Gives the status of each answer; 0
/// where none came, since who is refused in the middle of its body may see the connection break.
fn large_bodies_at_once(server: &Server) -> Vec<u16> {
    let half = Barrier::new(CLIENTS);
    let client = || {
        let Ok(mut http) = Http::connect(server) else {
            half.wait();
            return 0;
        };
        http.send_in_halves("/v1/keys/before/encrypt", &vec![7; BODY_BYTES], || {
            half.wait();
        })
        .unwrap_or(0)
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn bodies_beyond_the_room_for_them_are_refused_and_the_server_goes_on() {
    let data = folder();
    let server = frugal(data.path());
    server.keyreeve(&["key", "create", "before", "--algorithm", "aes-256"]);
    // A client has a quarter of 256 MiB; the rest is for what is made of the bodies, and for threads.
    allow_more(&server, 768 << 20);
    for _ in 0..2 {
        let answers = large_bodies_at_once(&server);
        let count = |status: u16| answers.iter().filter(|answer| **answer == status).count();
        assert!(count(200) > 0 && count(200) + count(503) + count(0) == CLIENTS, "{answers:?}");
        assert!(count(503) > 0, "{answers:?}");
        server.keyreeve(&["key", "list"]);
    }
    server.keyreeve(&["journal", "verify"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn long_messages_of_kmip_have_their_room_beside_the_bodies() {
    use std::io::Write as _;
    let (_place, server) = crate::bad_input::real_server_with(
        "[limits]\nmessage_bytes_max = 1048576\nin_flight_bytes_max = 2097152\nmessage_seconds_max = 600\n",
    );
    let (config, address) = (tls(&server), server.variable("KEYREEVE_KMIP_ADDR").to_owned());
    // The header of a message that never comes whole, and just enough of it.
    let begun = [&[0x42, 0x00, 0x78, 0x01, 0x00, 0x0F, 0x00, 0x00][..], &[0; 64]].concat();
    let mut first = connect_to(&address, &config);
    first.write_all(&begun).and_then(|()| first.flush()).unwrap();
    let mut second = connect_to(&address, &config);
    second.write_all(&begun).and_then(|()| second.flush()).unwrap();
    for stream in [&mut first, &mut second] {
        stream.sock.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    }
    let mut refused = Vec::new();
    until("one of them is told to try again", || {
        [&mut first, &mut second].map(|stream| stream.read_to_end(&mut refused).is_ok()).contains(&true)
    });
    assert!(String::from_utf8_lossy(&refused).contains("limits.in_flight_bytes_max"), "{refused:?}");
    drop((first, second));
    server.keyreeve(&["key", "create", "after", "--algorithm", "aes-256"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_server_that_gets_no_memory_ends_and_loses_nothing() {
    let data = folder();
    let server = frugal(data.path());
    server.keyreeve(&["key", "create", "before", "--algorithm", "aes-256"]);
    allow_more(&server, 16 << 20);
    let acknowledged = std::thread::scope(|scope| {
        let load = scope.spawn(|| large_bodies_at_once(&server));
        let mut acknowledged = Vec::new();
        while !load.is_finished() {
            let name = format!("meanwhile{}", acknowledged.len());
            let mut create = server.command(KEYREEVE);
            let made = create.args(["key", "create", &name, "--algorithm", "aes-256"]).output().unwrap();
            if !made.status.success() {
                break;
            }
            acknowledged.push(name);
        }
        acknowledged
    });
    // By a signal, on the spot.
    assert_eq!(server.wait(), None);
    let server = Server::dev(data.path());
    for name in acknowledged.iter().map(String::as_str).chain(["before"]) {
        server.keyreeve(&["key", "show", name]);
    }
    server.keyreeve(&["journal", "verify"]);
    assert_eq!(server.stop(), Some(0));
}
