//! Notifications: what becomes of messages to receivers that are fine, refuse, lead elsewhere, or are where nobody may be called.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyreeve_server::config::{Destination, DestinationEvent, DestinationKind, LeastSeverity, MailTls};
use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Proof, Server, vouched_for};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who takes posts over TLS, and answers as he is told.
struct Receiver {
    address: SocketAddr,
    dir: TempDir,
    /// Requests as they came, head and body.
    taken: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// Who answers this, the last for ever.
    fn new(answers: &[&'static str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tls = vouched_for(dir.path());
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let taken: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, mut answers) = (Arc::clone(&taken), answers.to_vec());
        // Ends with the process: it waits for connections, and nothing else.
        std::thread::spawn(move || {
            for socket in socket.incoming().flatten() {
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                let stream = StreamOwned::new(ServerConnection::new(tls.clone()).unwrap(), socket);
                let mut stream = BufReader::new(stream);
                let Some(request) = request(&mut stream) else { continue };
                kept.lock().unwrap().push(request);
                let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
                let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.get_mut().write_all(answer.as_bytes());
                let _ = stream.get_mut().flush();
            }
        });
        Self { address, dir, taken }
    }

    fn webhook(&self, name: &str) -> Destination {
        let secret = self.dir.path().join("secret");
        std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        Destination {
            url: Some(format!("https://localhost:{}/hook?token=hunter2", self.address.port())),
            secret_file: Some(secret),
            ca_file: Some(self.dir.path().join("ca.pem")),
            private_addresses: true,
            ..destination(name, DestinationKind::Webhook)
        }
    }

    fn slack(&self, name: &str) -> Destination {
        let file = self.dir.path().join(name);
        std::fs::write(&file, format!("https://localhost:{}/services/hunter2\n", self.address.port()))
            .unwrap();
        let webhook = self.webhook(name);
        Destination {
            to: DestinationKind::Slack,
            url: None,
            secret_file: None,
            url_file: Some(file),
            ..webhook
        }
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

fn request(stream: &mut impl std::io::BufRead) -> Option<String> {
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let before = text.len();
        if stream.read_line(&mut text).ok()? == 0 {
            return None;
        }
        let line = text[before..].trim_end().to_ascii_lowercase();
        if let Some(said) = line.strip_prefix("content-length:") {
            length = said.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(text + std::str::from_utf8(&body).unwrap())
}

fn destination(name: &str, to: DestinationKind) -> Destination {
    Destination {
        name: name.to_owned(),
        to,
        events: vec![DestinationEvent::Rotations],
        severity: LeastSeverity::Warn,
        realms: Vec::new(),
        rules: Vec::new(),
        url: None,
        url_file: None,
        secret_file: None,
        address: None,
        tls: None,
        from: None,
        recipients: Vec::new(),
        ca_file: None,
        private_addresses: false,
    }
}

fn server_with(destinations: Vec<Destination>) -> Server {
    Server::start_with(|config| config.notify.destinations = destinations)
}

async fn test(server: &Server, name: &str) -> Value {
    server.admin("POST", &format!("/v1/notifications/{name}/test"), json!({})).await
}

#[tokio::test]
async fn a_test_goes_out_now_and_the_list_says_how_it_went() {
    let receiver = Receiver::new(&["204 No Content", "500 Oh", "204 No Content"]);
    let server = server_with(vec![receiver.webhook("hook"), receiver.slack("chat")]);
    let listed = server.admin("GET", "/v1/notifications", Value::Null).await;
    assert_eq!(listed["destinations"][0]["last_sent"], Value::Null);
    let told = test(&server, "hook").await;
    assert_eq!(told, json!({ "name": "hook", "sent": true, "said": "it answered 204" }));
    let taken = receiver.taken();
    assert!(taken[0].starts_with("POST /hook?token=hunter2 HTTP/1.1\r\n"), "{}", taken[0]);
    for header in [
        "webhook-id: test-",
        "webhook-timestamp: 1",
        "webhook-signature: v1,",
        "content-type: application/json",
    ] {
        assert!(taken[0].contains(header), "{header}: {}", taken[0]);
    }
    let told = test(&server, "chat").await;
    assert_eq!(
        (&told["sent"], &told["said"]),
        (&json!(false), &json!("it answered 500 Internal Server Error"))
    );
    let listed = server.admin("GET", "/v1/notifications", Value::Null).await;
    let [hook, chat] = [&listed["destinations"][0], &listed["destinations"][1]];
    assert!(hook["last_sent"].is_string() && hook["trouble"].is_null(), "{listed}");
    assert!(chat["last_sent"].is_null() && chat["trouble"].to_string().contains("500"), "{listed}");
    assert!(!listed.to_string().contains("hunter2") && !listed.to_string().contains("whsec"), "{listed}");
    test(&server, "chat").await;
    let listed = server.admin("GET", "/v1/notifications", Value::Null).await;
    assert_eq!(listed["destinations"][1]["trouble"], Value::Null, "what went wrong before is over");
    let entries = server.admin("GET", "/v1/journal?after=0&limit=1000", Value::Null).await.to_string();
    assert!(entries.contains("\"test-notification\"") && entries.contains("notify/hook"), "{entries}");
    assert!(!entries.contains("hunter2"));
}

#[tokio::test]
async fn a_notification_follows_no_redirect() {
    let elsewhere = Receiver::new(&["200 OK"]);
    let answers = ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"];
    let answers: Vec<&'static str> = answers
        .iter()
        .map(|answer| {
            &*format!("{answer}\r\nlocation: https://localhost:{}/", elsewhere.address.port()).leak()
        })
        .collect();
    let receiver = Receiver::new(&answers);
    let server = server_with(vec![receiver.webhook("hook")]);
    for _ in answers {
        let told = test(&server, "hook").await;
        assert!(told["said"].to_string().contains("redirects are not followed"), "{told}");
    }
    assert_eq!((receiver.taken().len(), elsewhere.taken().len()), (5, 0));
}

#[tokio::test]
async fn a_notification_goes_to_no_private_address_unless_that_is_said_and_to_metadata_never() {
    let receiver = Receiver::new(&["204 No Content"]);
    let url = |host: &str| Some(format!("https://{host}:{}/", receiver.address.port()));
    let mut all = Vec::new();
    for (number, host) in
        ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"].iter().enumerate()
    {
        let name = format!("private-{number}");
        all.push(Destination { url: url(host), private_addresses: false, ..receiver.webhook(&name) });
    }
    let metadata = [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "224.0.0.1",
        "0.0.0.0",
    ];
    for (number, host) in metadata.iter().enumerate() {
        all.push(Destination { url: url(host), ..receiver.webhook(&format!("metadata-{number}")) });
    }
    let mail = Destination {
        address: Some("127.0.0.1:25".to_owned()),
        from: Some("kms@example.org".to_owned()),
        recipients: vec!["ops@example.org".to_owned()],
        tls: Some(MailTls::None),
        ..destination("mail", DestinationKind::Email)
    };
    all.push(mail);
    let names: Vec<_> = all.iter().map(|one| one.name.clone()).collect();
    let server = server_with(all);
    for name in names {
        let told = test(&server, &name).await;
        assert!(told["said"].to_string().contains("which is not fetched from"), "{told}");
    }
    assert_eq!(receiver.taken().len(), 0);
}

#[tokio::test]
async fn who_may_not_tests_nothing_and_learns_of_no_destination() {
    let receiver = Receiver::new(&["204 No Content"]);
    let server = server_with(vec![receiver.webhook("hook")]);
    for (role, listed) in [("user", 403), ("operator", 403), ("auditor", 200)] {
        let made = server
            .admin("POST", "/v1/clients", json!({ "name": role, "roles": [role], "token": true }))
            .await;
        let token = made["token"].as_str().unwrap();
        let (status, _) = server.json(Proof::Token(token), "GET", "/v1/notifications", Value::Null).await;
        assert_eq!(status.as_u16(), listed, "{role}");
        for name in ["hook", "nobody"] {
            let path = format!("/v1/notifications/{name}/test");
            let (status, _) = server.json(Proof::Token(token), "POST", &path, json!({})).await;
            assert_eq!(status.as_u16(), 403, "{role} {name}");
        }
    }
    let token = server.admin_token();
    let path = "/v1/notifications/nobody/test";
    let (status, _) = server.json(Proof::Token(&token), "POST", path, json!({})).await;
    assert_eq!(status.as_u16(), 404);
    assert_eq!(receiver.taken().len(), 0);
}

#[tokio::test]
async fn secrets_are_read_anew_for_each_message() {
    let receiver = Receiver::new(&["204 No Content"]);
    let hook = receiver.webhook("hook");
    let file = hook.secret_file.clone().unwrap();
    let server = server_with(vec![hook]);
    let signatures = |request: &str| {
        let line = request.lines().find(|line| line.starts_with("webhook-signature: ")).unwrap().to_owned();
        line.matches("v1,").count()
    };
    test(&server, "hook").await;
    let old = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("# the new one\nwhsec_{}\n{old}", "A".repeat(32))).unwrap();
    test(&server, "hook").await;
    let taken = receiver.taken();
    assert_eq!([signatures(&taken[0]), signatures(&taken[1])], [1, 2]);
    std::fs::write(&file, "hunter2\n").unwrap();
    let told = test(&server, "hook").await;
    assert!(told["said"].to_string().contains("a secret is whsec_"), "{told}");
    assert!(!told.to_string().contains("hunter2"), "{told}");
    assert_eq!(receiver.taken().len(), 2);
}

#[test]
fn a_destination_whose_files_are_wrong_keeps_the_server_from_starting() {
    let receiver = Receiver::new(&["204 No Content"]);
    let mut server = Server::start();
    server.stop().unwrap();
    let good = receiver.webhook("hook");
    let missing = Some(PathBuf::from("/nowhere/at/all"));
    let url = receiver.dir.path().join("url");
    std::fs::write(&url, "http://hunter2.example/\n").unwrap();
    for wrong in [
        Destination { secret_file: missing.clone(), ..good.clone() },
        Destination { ca_file: missing, ..good.clone() },
        Destination { ca_file: good.secret_file.clone(), ..good.clone() },
        Destination { url: None, url_file: Some(url), ..good },
    ] {
        let mut config = server.config.clone();
        config.notify.destinations = vec![wrong];
        let (_trigger, shutdown) = keyreeve_server::listen::shutdown_signal();
        let stop = keyreeve_server::start::StopOn::Shutdown(shutdown);
        let refused = keyreeve_server::start::serve(&config, stop, |_| Ok(())).unwrap_err().to_string();
        assert!(refused.contains("the destination hook: ") && !refused.contains("hunter2"), "{refused}");
    }
}

async fn rotate(server: &Server, name: &str) {
    server.admin("POST", &format!("/v1/keys/{name}/rotate"), json!({})).await;
}

async fn make(server: &Server, name: &str) {
    server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": "aes-256" })).await;
}

impl Receiver {
    /// Waits until so many requests came.
    async fn wait_for(&self, count: usize) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let taken = self.taken();
            if taken.len() >= count {
                return taken;
            }
            assert!(begin.elapsed() < PATIENCE, "{count} requests do not come: {taken:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What a request says that it is.
fn id(request: &str) -> &str {
    request.lines().find_map(|line| line.strip_prefix("webhook-id: ")).unwrap()
}

async fn listed(server: &Server, index: usize) -> Value {
    server.admin("GET", "/v1/notifications", Value::Null).await["destinations"][index].clone()
}

#[tokio::test]
async fn a_destination_that_fails_is_told_again_until_it_takes_it_also_over_a_restart() {
    let receiver = Receiver::new(&["500 Oh", "503 Away", "204 No Content"]);
    let mut server = server_with(vec![receiver.webhook("hook")]);
    make(&server, "orders").await;
    rotate(&server, "orders").await;
    receiver.wait_for(1).await;
    server.restart();
    let taken = receiver.wait_for(3).await;
    assert!(taken.iter().all(|request| id(request) == id(&taken[0])), "{taken:?}");
    let body: Value = serde_json::from_str(taken[2].split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["type"], "key.rotated");
    assert_eq!(body["data"]["fields"]["key"], "orders");
    assert_eq!((&body["data"]["fields"]["version"], &body["data"]["realm"]), (&json!(2), &json!("default")));
    rotate(&server, "orders").await;
    let taken = receiver.wait_for(4).await;
    assert_ne!(id(&taken[3]), id(&taken[2]));
    let begin = Instant::now();
    loop {
        let hook = listed(&server, 0).await;
        if hook["told"] == 2 {
            assert_eq!((&hook["given_up"], &hook["trouble"]), (&json!(0), &Value::Null), "{hook}");
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{hook}");
    }
    server.restart();
    make(&server, "other").await;
    rotate(&server, "other").await;
    let taken = receiver.wait_for(5).await;
    assert!(taken[4].contains("\"other\""), "what was told is not told again: {}", taken[4]);
}

#[tokio::test]
async fn who_wants_nothing_any_more_is_given_up_on_record_and_told_of_the_next() {
    let receiver = Receiver::new(&["410 Gone", "204 No Content"]);
    let server = server_with(vec![receiver.webhook("hook")]);
    make(&server, "orders").await;
    rotate(&server, "orders").await;
    rotate(&server, "orders").await;
    let taken = receiver.wait_for(2).await;
    assert_ne!(id(&taken[0]), id(&taken[1]));
    assert_eq!(listed(&server, 0).await["given_up"], 1);
    let entries = server.admin("GET", "/v1/journal?after=0&limit=1000", Value::Null).await.to_string();
    assert!(entries.contains("hook was not told of ") && entries.contains("410 Gone"), "{entries}");
    let doctor = server.admin("GET", "/v1/doctor", Value::Null).await.to_string();
    assert!(doctor.contains("notify/hook was not told 1 messages"), "{doctor}");
}

#[tokio::test]
async fn who_is_away_holds_up_nobody() {
    let (receiver, away) = (Receiver::new(&["204 No Content"]), loopback_that_refuses());
    let url = Some(format!("https://localhost:{away}/"));
    let nobody = Destination { url, ..receiver.webhook("nobody") };
    let server = server_with(vec![nobody, receiver.webhook("hook")]);
    make(&server, "orders").await;
    rotate(&server, "orders").await;
    receiver.wait_for(1).await;
    let begin = Instant::now();
    loop {
        let nobody = listed(&server, 0).await;
        if nobody["trouble"].to_string().contains("refused") {
            assert!(nobody["lag_entries"].as_u64().unwrap() > 0 && nobody["told"] == 0, "{nobody}");
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{nobody}");
    }
}

/// A port of this machine on which nobody listens.
fn loopback_that_refuses() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
