//! Sinks: what other tools are told of the journal, also where they fail, are slow or begin again.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use keyreeve_server::config::{Sink, SinkFormat, SinkKind};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Proof, Server, vouched_for};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn sink(name: &str, to: SinkKind) -> Sink {
    Sink {
        name: name.to_owned(),
        to,
        format: SinkFormat::Json,
        file: None,
        address: None,
        tls_name: None,
        ca_file: None,
        except: Vec::new(),
    }
}

fn to_file(name: &str, path: PathBuf) -> Sink {
    Sink { file: Some(path), ..sink(name, SinkKind::File) }
}

async fn make(server: &Server, name: &str) {
    server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": "aes-256" })).await;
}

/// What a file holds in whole lines.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether an entry tells of this key being made.
fn makes(entry: &Value, name: &str) -> bool {
    entry["action"] == "create" && entry["target"] == name && entry["outcome"] == "success"
}

/// Waits until the file says that this key was made so many times.
async fn told(path: &Path, name: &str, times: usize) -> Vec<Value> {
    let begin = Instant::now();
    loop {
        let lines = lines(path);
        if lines.iter().filter(|entry| makes(entry, name)).count() >= times {
            return lines;
        }
        assert!(begin.elapsed() < PATIENCE, "{name} is not told {times} times: {lines:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn positions(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["lsn"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_file_has_every_entry_once_over_a_restart_and_again_where_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let mut server = Server::start_with(|config| config.audit.sinks = vec![to_file("siem", path.clone())]);
    make(&server, "one").await;
    told(&path, "one", 1).await;
    server.restart();
    make(&server, "two").await;
    let entries = told(&path, "two", 1).await;
    let seen = positions(&entries);
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seen:?}");
    assert!(
        entries.iter().any(|entry| entry["action"] == "stop"),
        "the end of the first run is told by the second"
    );

    server.admin("POST", "/v1/sinks/siem/replay", json!({ "after": 0 })).await;
    let entries = told(&path, "two", 2).await;
    let again = &positions(&entries)[..];
    let begin = again.iter().position(|lsn| *lsn == 1).expect("it begins with the first entry of all");
    assert!(again[begin..].windows(2).all(|pair| pair[1] == pair[0] + 1), "{again:?}");
    assert!(entries.iter().any(|entry| entry["action"] == "replay-sink" && entry["target"] == "sink/siem"));
    server.restart();
    make(&server, "three").await;
    let entries = told(&path, "three", 1).await;
    assert_eq!(
        entries.iter().filter(|entry| makes(entry, "two")).count(),
        2,
        "a replay is over when it is over"
    );
}

#[tokio::test]
async fn who_may_not_moves_no_sink_and_learns_of_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let server = Server::start_with(|config| config.audit.sinks = vec![to_file("siem", path.clone())]);
    let mut expected = vec![];
    for (role, listed) in [("user", 403), ("operator", 403), ("auditor", 200)] {
        let made = server
            .admin("POST", "/v1/clients", json!({ "name": role, "roles": [role], "token": true }))
            .await;
        expected.push((made["token"].as_str().unwrap().to_owned(), listed));
    }
    for (token, listed) in &expected {
        let (status, _) = server.json(Proof::Token(token), "GET", "/v1/sinks", Value::Null).await;
        assert_eq!(status.as_u16(), *listed);
        for name in ["siem", "nobody"] {
            let path = format!("/v1/sinks/{name}/replay");
            let (status, _) = server.json(Proof::Token(token), "POST", &path, json!({ "after": 0 })).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{name}");
        }
    }
    let admin = server.admin_token();
    for (name, after, wanted) in
        [("nobody", 0_u64, StatusCode::NOT_FOUND), ("siem", 1_u64 << 40, StatusCode::BAD_REQUEST)]
    {
        let path = format!("/v1/sinks/{name}/replay");
        let (status, answer) =
            server.json(Proof::Token(&admin), "POST", &path, json!({ "after": after })).await;
        assert_eq!(status, wanted, "{answer}");
    }
    make(&server, "one").await;
    let entries = told(&path, "one", 1).await;
    assert!(positions(&entries).windows(2).all(|pair| pair[1] > pair[0]), "nothing was told twice");
}

#[tokio::test]
async fn a_sink_that_fails_holds_up_nobody_and_catches_up() {
    let dir = tempfile::tempdir().unwrap();
    let (good, folder) = (dir.path().join("good"), dir.path().join("later"));
    let bad = folder.join("audit.jsonl");
    let quiet = Sink {
        except: vec![keyreeve_core::access::Action::Create],
        ..to_file("quiet", dir.path().join("quiet"))
    };
    let sinks = vec![to_file("good", good.clone()), to_file("bad", bad.clone()), quiet];
    let server = Server::start_with(|config| config.audit.sinks = sinks);
    make(&server, "one").await;
    told(&good, "one", 1).await;
    let begin = Instant::now();
    let trouble = loop {
        let doctor = server.admin("GET", "/v1/doctor", Value::Null).await.to_string();
        if doctor.contains("sink/bad cannot be told") {
            break doctor;
        }
        assert!(begin.elapsed() < PATIENCE, "{doctor}");
    };
    assert!(trouble.contains("No such file"), "{trouble}");
    std::fs::create_dir(&folder).unwrap();
    told(&bad, "one", 1).await;
    make(&server, "two").await;
    told(&bad, "two", 1).await;
    let begin = Instant::now();
    while server.admin("GET", "/v1/sinks", Value::Null).await["sinks"][1]["trouble"] != Value::Null {
        assert!(begin.elapsed() < PATIENCE);
    }
    let begin = Instant::now();
    loop {
        let sinks = server.admin("GET", "/v1/sinks", Value::Null).await;
        if sinks["sinks"][2]["withheld"].as_u64().unwrap() >= 2 {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{sinks}");
    }
    let quiet = lines(&dir.path().join("quiet"));
    assert!(!quiet.is_empty() && !quiet.iter().any(|entry| entry["action"] == "create"), "{quiet:?}");
}

#[test]
fn a_file_among_the_servers_own_is_refused() {
    let mut server = Server::start();
    server.stop().unwrap();
    let mut config = server.config.clone();
    config.audit.sinks = vec![to_file("bad", config.data.dir.join("journal").join("audit"))];
    let (_trigger, shutdown) = keyreeve_server::listen::shutdown_signal();
    let stop = keyreeve_server::start::StopOn::Shutdown(shutdown);
    let refused = keyreeve_server::start::serve(&config, stop, |_| Ok(())).unwrap_err().to_string();
    assert!(refused.contains("the sink bad") && refused.contains("data.dir"), "{refused}");
}

/// A collector of syslog.
struct Collector {
    socket: TcpListener,
    tls: Arc<ServerConfig>,
    dir: TempDir,
}

/// A connection that came to it.
struct Line(StreamOwned<ServerConnection, TcpStream>);

impl Collector {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tls = vouched_for(dir.path());
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, tls, dir }
    }

    fn sink(&self, name: &str, format: SinkFormat) -> Sink {
        Sink {
            format,
            address: Some(self.address().to_string()),
            tls_name: Some("localhost".to_owned()),
            ca_file: Some(self.dir.path().join("ca.pem")),
            ..sink(name, SinkKind::Syslog)
        }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn accept(&self) -> Line {
        let begin = Instant::now();
        loop {
            match self.socket.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(false).unwrap();
                    socket.set_read_timeout(Some(PATIENCE)).unwrap();
                    return Line(StreamOwned::new(ServerConnection::new(self.tls.clone()).unwrap(), socket));
                }
                Err(_) if begin.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => panic!("nobody connects: {error}"),
            }
        }
    }
}

impl Line {
    /// The next message; `None` where the other end closed in good order.
    fn message(&mut self) -> Option<String> {
        let mut length = String::new();
        loop {
            let mut byte = [0];
            if self.0.read(&mut byte).unwrap() == 0 {
                assert!(length.is_empty(), "no message breaks off");
                return None;
            }
            match byte[0] {
                b' ' => break,
                digit => length.push(digit.into()),
            }
        }
        let mut message = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut message).unwrap();
        Some(String::from_utf8(message).unwrap())
    }

    /// The entry of the next message.
    fn entry(&mut self) -> Option<Value> {
        let message = self.message()?;
        let (header, text) = message.split_once("] ").unwrap();
        let entry: Value = serde_json::from_str(text).unwrap();
        let fields: Vec<&str> = header.split(' ').collect();
        let priority = if entry["outcome"] == "success" { "<110>1" } else { "<108>1" };
        assert_eq!((fields[0], fields[1]), (priority, entry["time"].as_str().unwrap()), "{header}");
        assert_eq!((fields[3], fields[5]), ("keyreeve", entry["action"].as_str().unwrap()), "{header}");
        assert_eq!(fields[7], format!("sequenceId=\"{}\"", entry["lsn"]), "{header}");
        Some(entry)
    }

    fn entries_until(&mut self, name: &str) -> Vec<Value> {
        let mut entries = Vec::new();
        loop {
            entries.push(self.entry().unwrap_or_else(|| panic!("{name} is not told: {entries:?}")));
            if entries.last().is_some_and(|entry| makes(entry, name)) {
                return entries;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_tells_again_what_a_broken_connection_may_have_lost_and_nothing_after_a_good_end() {
    let collector = Collector::new();
    let configured = collector.sink("siem", SinkFormat::Json);
    let mut server = Server::start_with(|config| config.audit.sinks = vec![configured]);
    make(&server, "one").await;
    let mut line = collector.accept();
    let first = line.entries_until("one");
    drop(line);
    make(&server, "two").await;
    let mut line = collector.accept();
    let second = line.entries_until("two");
    assert_eq!(positions(&second)[0], positions(&first)[0], "nobody knows what the first connection brought");

    let rest = std::thread::spawn(move || {
        let mut rest = Vec::new();
        while let Some(entry) = line.entry() {
            rest.push(entry);
        }
        rest
    });
    server.stop().unwrap();
    let mut seen = positions(&second);
    seen.extend(positions(&rest.join().unwrap()));
    server.restart_stopped();
    make(&server, "three").await;
    let mut line = collector.accept();
    seen.extend(positions(&line.entries_until("three")));
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seen:?}");
    std::thread::spawn(move || while line.entry().is_some() {});
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_reads_nothing_holds_up_neither_requests_nor_the_stop() {
    let collector = Collector::new();
    let configured = vec![collector.sink("deaf", SinkFormat::Ecs), collector.sink("dumb", SinkFormat::Cef)];
    let server = Server::start_with(|config| config.audit.sinks = configured);
    make(&server, "one").await;
    let _lines = (collector.accept(), collector.accept());
    for number in 0..50 {
        make(&server, &format!("k{number}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_under_another_name_or_authority_is_told_nothing() {
    let (collector, other) = (Collector::new(), Collector::new());
    let wrong_name =
        Sink { tls_name: Some("siem.example".to_owned()), ..collector.sink("name", SinkFormat::Json) };
    let wrong_authority = Sink {
        ca_file: Some(other.dir.path().join("ca.pem")),
        ..collector.sink("authority", SinkFormat::Json)
    };
    let server = Server::start_with(|config| config.audit.sinks = vec![wrong_name, wrong_authority]);
    make(&server, "one").await;
    for _ in 0..2 {
        let mut line = collector.accept();
        assert!(line.0.read(&mut [0]).is_err(), "the handshake is refused");
    }
    let begin = Instant::now();
    loop {
        let sinks = server.admin("GET", "/v1/sinks", Value::Null).await;
        let is_told = |index: usize| sinks["sinks"][index]["trouble"].to_string().contains("certificate");
        if is_told(0) && is_told(1) {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{sinks}");
    }
}
