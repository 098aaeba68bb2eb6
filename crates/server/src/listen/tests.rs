//! Listeners against a rustls client and raw sockets over loopback.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use keyreeve_pki::{CertificateAuthority, ClientSubject, Issued, Validity};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as ClientStream;
use uuid::Uuid;

use super::*;

const PRINCIPAL: Uuid = Uuid::from_u128(7);
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

struct House {
    authority: CertificateAuthority,
    server: Issued,
}

fn days_from_now(days: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.checked_add_signed(days * 86_400).unwrap()
}

fn house() -> House {
    let made = CertificateAuthority::create(days_from_now(-30)).unwrap();
    let authority = CertificateAuthority::load(made.certificate, &made.key).unwrap();
    let validity = Validity { from_seconds: days_from_now(0), days: 1 };
    let server = authority.issue_server(&[ServerName::try_from("localhost").unwrap()], validity).unwrap();
    House { authority, server }
}

fn key(issued: &Issued) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(issued.key.pkcs8_der().to_vec()).into()
}

impl House {
    fn settings(&self, client_certificate: ClientCertificate) -> TlsSettings<'_> {
        TlsSettings {
            chain: vec![self.server.certificate.clone()],
            key: PrivatePkcs8KeyDer::from(self.server.key.pkcs8_der()).into(),
            client_authority: self.authority.certificate(),
            client_certificate,
            application_protocols: &[],
            appliances: None,
            organisations: None,
        }
    }

    fn endpoint(&self, client_certificate: ClientCertificate) -> Arc<TlsEndpoint> {
        Arc::new(TlsEndpoint::new(self.settings(client_certificate)).unwrap())
    }

    fn client_certificate(&self, begin_days: i64) -> Issued {
        let validity = Validity { from_seconds: days_from_now(begin_days), days: 2 };
        self.authority.issue_client(&ClientSubject { principal: PRINCIPAL, name: "alice" }, validity).unwrap()
    }

    fn client(
        &self,
        identity: Option<&Issued>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate().clone()).unwrap();
        client(roots, identity, versions)
    }
}

fn client(
    roots: RootCertStore,
    identity: Option<&Issued>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsConnector {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(issued) => builder.with_client_auth_cert(vec![issued.certificate.clone()], key(issued)).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::in_memory_sessions(8);
    TlsConnector::from(Arc::new(config))
}

async fn connect(client: &TlsConnector, address: SocketAddr) -> io::Result<ClientStream<TcpStream>> {
    let socket = TcpStream::connect(address).await?;
    client.connect(ServerName::try_from("localhost").unwrap(), socket).await
}

/// Runs one handshake and gives what the server's side came to.
async fn server_side(
    endpoint: &TlsEndpoint,
    client: impl AsyncFnOnce(SocketAddr) + Send,
) -> Result<Option<CertificateInfo>, Refusal> {
    let socket = TcpListener::bind(LOOPBACK).await.unwrap();
    let address = socket.local_addr().unwrap();
    let server = async {
        let (socket, _) = socket.accept().await.unwrap();
        endpoint.handshake(socket, Duration::from_secs(1)).await.map(|(_, shown)| shown.certificate)
    };
    tokio::join!(server, client(address)).0
}

async fn refusal(
    house: &House,
    identity: Option<&Issued>,
    versions: &[&'static SupportedProtocolVersion],
) -> String {
    let client = house.client(identity, versions);
    let attempt = async |address| {
        // With TLS 1.3 the client learns of the refusal only when it reads.
        if let Ok(mut stream) = connect(&client, address).await {
            assert!(stream.read_u8().await.is_err());
        }
    };
    let outcome = server_side(&house.endpoint(ClientCertificate::Required), attempt).await;
    outcome.expect_err("the handshake is refused").to_string()
}

#[tokio::test]
async fn refusals_name_their_cause() {
    let house = house();
    let stranger = self::house().client_certificate(0);
    let cases: [(Option<Issued>, &str); 4] = [
        (None, "client sent no certificate"),
        (Some(stranger), "unknown issuer"),
        (Some(house.client_certificate(-20)), "client's certificate expired"),
        (Some(house.client_certificate(20)), "check the clocks"),
    ];
    for (identity, expected) in &cases {
        for version in BOTH {
            let cause = refusal(&house, identity.as_ref(), &[version]).await;
            assert!(cause.contains(expected), "{cause:?} does not say {expected:?}");
        }
    }
}

#[tokio::test]
async fn refusals_before_any_certificate_name_their_cause() {
    let house = house();
    let endpoint = house.endpoint(ClientCertificate::Optional);
    let send = |bytes: Vec<u8>| {
        async move |address: SocketAddr| {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(&bytes).await.unwrap();
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    };
    let outcome = server_side(&endpoint, send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec())).await;
    assert!(matches!(outcome, Err(Refusal::NotTls)), "{outcome:?}");
    let outcome = server_side(&endpoint, send(b"\x16\x03\x01".to_vec())).await;
    assert!(matches!(outcome, Err(Refusal::TooSlow { seconds: 1 })), "{outcome:?}");
    let outcome = server_side(&endpoint, async |address| drop(TcpStream::connect(address).await)).await;
    assert!(matches!(outcome, Err(Refusal::Closed)), "{outcome:?}");

    let mut strangers = RootCertStore::empty();
    strangers.add(self::house().authority.certificate().clone()).unwrap();
    let distrustful = client(strangers, None, BOTH);
    let attempt = async |address| assert!(connect(&distrustful, address).await.is_err());
    let outcome = server_side(&endpoint, attempt).await;
    assert!(matches!(outcome, Err(Refusal::ServerCertificateRefused(_))), "{outcome:?}");

    let signature_algorithms = [0, 13, 0, 4, 0, 2, 4, 3];
    for (extensions, offered) in
        [(&[][..], "TLS 1.1 or older"), (&signature_algorithms, "cipher suites TLS_RSA_WITH_AES_128_CBC_SHA")]
    {
        let outcome = server_side(&endpoint, send(tls_1_1_hello(extensions))).await;
        let cause = outcome.expect_err("TLS 1.1 is refused").to_string();
        assert!(cause.contains("no shared TLS version") && cause.contains(offered), "{cause}");
    }
}

/// RFC 4346 section 7.4.1.2: version 3.2, 32 random bytes, no session, one suite, null compression, extensions.
fn tls_1_1_hello(extensions: &[u8]) -> Vec<u8> {
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
    if !extensions.is_empty() {
        hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
        hello.extend(extensions);
    }
    let length = u8::try_from(hello.len()).unwrap();
    [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length], &hello[..]].concat()
}

#[tokio::test]
async fn good_certificate_is_read_and_the_best_exchange_taken() {
    let house = house();
    let alice = house.client_certificate(0);
    for (version, expected) in BOTH.iter().zip([ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2]) {
        let client = house.client(Some(&alice), &[version]);
        let attempt = async |address| {
            let stream = connect(&client, address).await.unwrap();
            let session = stream.get_ref().1;
            assert_eq!(session.protocol_version(), Some(expected));
            if expected == ProtocolVersion::TLSv1_3 {
                let group = session.negotiated_key_exchange_group().unwrap().name();
                assert_eq!(group, NamedGroup::X25519MLKEM768);
            }
        };
        let certificate =
            server_side(&house.endpoint(ClientCertificate::Required), attempt).await.unwrap().unwrap();
        assert_eq!(certificate.principal(), Some(PRINCIPAL));
    }
}

/// Echoes until the peer or a shutdown ends it, and counts who came.
#[derive(Default)]
struct Echo {
    served: AtomicUsize,
    named: AtomicUsize,
    idle: AtomicUsize,
}

impl Handler for Echo {
    async fn serve(&self, mut connection: Connection) {
        self.served.fetch_add(1, Ordering::SeqCst);
        if connection.peer.certificate.and_then(|certificate| certificate.principal()) == Some(PRINCIPAL) {
            self.named.fetch_add(1, Ordering::SeqCst);
        }
        loop {
            let byte = tokio::select! {
                () = connection.shutdown.requested() => break,
                byte = connection.stream.read_u8() => byte,
            };
            match byte {
                // A request takes a while, and is answered even when a shutdown comes meanwhile.
                Ok(byte) => {
                    sleep(Duration::from_millis(u64::from(byte))).await;
                    connection.stream.write_all(&[byte]).await.unwrap();
                    connection.stream.flush().await.unwrap();
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    self.idle.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                Err(_) => break,
            }
        }
        let _ = connection.stream.shutdown().await;
    }
}

struct Running {
    address: SocketAddr,
    echo: Arc<Echo>,
    limits: Limits,
    trigger: ShutdownTrigger,
    task: tokio::task::JoinHandle<()>,
}

const SETTINGS: LimitSettings = LimitSettings {
    connections_max: 64,
    connections_per_source_max: 64,
    handshake_seconds_max: 1,
    idle_seconds_max: 30,
    answer_seconds_max: 30,
    drain_seconds_max: 1,
};

async fn run(protection: Protection, settings: LimitSettings) -> Running {
    let limits = Limits::new(settings);
    let listener = Listener::bind("test", LOOPBACK, protection, &limits).await.unwrap();
    let (address, echo) = (listener.address(), Arc::new(Echo::default()));
    let (trigger, shutdown) = shutdown_signal();
    let task = tokio::spawn(listener.run(Arc::clone(&echo), shutdown));
    Running { address, echo, limits, trigger, task }
}

async fn echoes(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), byte: u8) -> bool {
    stream.write_all(&[byte]).await.is_ok() && stream.read_u8().await.is_ok_and(|answer| answer == byte)
}

#[tokio::test]
async fn sessions_resume_with_their_certificate_and_end_with_a_replaced_configuration() {
    let house = house();
    let endpoint = house.endpoint(ClientCertificate::Required);
    let alice = house.client_certificate(0);
    for version in BOTH {
        let running = run(Protection::Tls(Arc::clone(&endpoint)), SETTINGS).await;
        let client = house.client(Some(&alice), &[version]);
        let mut kinds = Vec::new();
        for round in 0..3 {
            if round == 2 {
                endpoint.replace(Replacement::new(house.settings(ClientCertificate::Required)).unwrap());
            }
            let mut stream = connect(&client, running.address).await.unwrap();
            assert!(echoes(&mut stream, 1).await);
            kinds.push(stream.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(kinds[1], HandshakeKind::Resumed, "{version:?}");
        assert!(kinds[0] != HandshakeKind::Resumed && kinds[2] != HandshakeKind::Resumed, "{kinds:?}");
        assert_eq!(running.echo.named.load(Ordering::SeqCst), 3);
    }
}

#[tokio::test]
async fn optional_certificate_may_be_missing_but_not_wrong() {
    let house = house();
    let running = run(Protection::Tls(house.endpoint(ClientCertificate::Optional)), SETTINGS).await;
    let mut nameless = connect(&house.client(None, BOTH), running.address).await.unwrap();
    assert!(echoes(&mut nameless, 1).await);
    let alice = house.client_certificate(0);
    let mut named = connect(&house.client(Some(&alice), BOTH), running.address).await.unwrap();
    assert!(echoes(&mut named, 2).await);
    assert_eq!(running.echo.named.load(Ordering::SeqCst), 1);
    let stranger = self::house().client_certificate(0);
    if let Ok(mut stream) = connect(&house.client(Some(&stranger), BOTH), running.address).await {
        assert!(!echoes(&mut stream, 3).await);
    }
    assert_eq!(running.echo.served.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_and_places_come_back() {
    let house = house();
    let settings = LimitSettings { connections_max: 2, ..SETTINGS };
    let running = run(Protection::Tls(house.endpoint(ClientCertificate::Optional)), settings).await;
    let client = house.client(None, BOTH);
    let mut first = connect(&client, running.address).await.unwrap();
    let mut second = connect(&client, running.address).await.unwrap();
    assert!(echoes(&mut first, 1).await && echoes(&mut second, 2).await);
    assert_eq!(running.limits.connections_open(), 2);
    assert!(connect(&client, running.address).await.is_err());
    drop(first);
    for _ in 0..100 {
        if running.limits.connections_open() < 2 {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let mut third = connect(&client, running.address).await.unwrap();
    assert!(echoes(&mut third, 3).await);
}

#[tokio::test]
async fn slow_handshake_and_silence_end() {
    let house = house();
    let settings = LimitSettings { idle_seconds_max: 1, ..SETTINGS };
    let running = run(Protection::Tls(house.endpoint(ClientCertificate::Optional)), settings).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let mut idle = connect(&house.client(None, BOTH), running.address).await.unwrap();
    for byte in [250, 251, 252, 253, 254] {
        assert!(echoes(&mut idle, byte).await, "progress keeps a connection open beyond the idle limit");
    }
    assert_eq!(running.echo.idle.load(Ordering::SeqCst), 0);
    let ended = timeout(Duration::from_secs(5), async { (silent.read_u8().await, idle.read_u8().await) });
    let (silent, idle) = ended.await.expect("both end by themselves");
    assert!(silent.is_err() && idle.is_err());
    assert_eq!(running.echo.idle.load(Ordering::SeqCst), 1);
    assert_eq!(running.echo.served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_idle_limit_that_changes_holds_for_connections_that_are_open() {
    let running = run(Protection::PlainLoopback, LimitSettings { idle_seconds_max: 1, ..SETTINGS }).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert!(echoes(&mut stream, 1).await);
    running.limits.set(LimitSettings { idle_seconds_max: 2, ..SETTINGS });
    sleep(Duration::from_millis(1500)).await;
    assert!(echoes(&mut stream, 1).await, "the new limit holds");
    running.limits.set(LimitSettings { idle_seconds_max: 1, ..SETTINGS });
    assert!(timeout(Duration::from_secs(20), stream.read_u8()).await.expect("ends by itself").is_err());
    assert_eq!(running.echo.idle.load(Ordering::SeqCst), 1);
}

/// A connection from an address of this machine's own.
async fn connect_from(source: [u8; 4], address: SocketAddr) -> io::Result<TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source, 0)))?;
    socket.connect(address).await
}

#[tokio::test]
async fn sources_that_drip_or_come_again_keep_nobody_away() {
    let settings = LimitSettings { connections_max: 8, connections_per_source_max: 4, ..SETTINGS };
    let running = run(Protection::PlainLoopback, settings).await;
    let (dripping, coming_again) = ([127, 0, 0, 2], [127, 0, 0, 3]);
    let mut drips = Vec::new();
    let mut handshakes = Vec::new();
    for _ in 0..4 {
        drips.push(connect_from(dripping, running.address).await.unwrap());
        handshakes.push(connect_from(coming_again, running.address).await.unwrap());
    }
    for drip in &mut drips {
        assert!(echoes(drip, 1).await);
    }
    let mut others = Vec::new();
    for source in 4..6 {
        let mut other = connect_from([127, 0, 0, source], running.address).await.unwrap();
        assert!(echoes(&mut other, 2).await, "a place is made at once");
        for (place, flood) in [dripping, coming_again].into_iter().enumerate() {
            let mut again = connect_from(flood, running.address).await.unwrap();
            assert!(!echoes(&mut again, 3).await, "flood {place} gets no place back");
        }
        others.push(other);
    }
    let mut open = 0;
    for stream in drips.iter_mut().chain(&mut handshakes) {
        open += usize::from(echoes(stream, 4).await);
    }
    assert_eq!(open, 6, "as many made room as came");
    for other in &mut others {
        assert!(echoes(other, 5).await, "and who came stays");
    }
}

#[tokio::test]
async fn who_waits_for_an_answer_is_not_idle() {
    struct Slow;
    impl Handler for Slow {
        async fn serve(&self, mut connection: Connection) {
            let work = connection.stream.working().begin();
            // As HTTP does while an answer is being made: it reads, so as to notice that the other end goes.
            let read = timeout(Duration::from_millis(2500), connection.stream.read_u8()).await;
            assert!(read.is_err(), "the connection was cut: {read:?}");
            drop(work);
            connection.stream.write_all(b"k").await.unwrap();
            let silence = connection.stream.read_u8().await.unwrap_err();
            assert_eq!(silence.kind(), std::io::ErrorKind::TimedOut);
            connection.stream.write_all(b"i").await.unwrap();
        }
    }
    let limits = Limits::new(LimitSettings { idle_seconds_max: 1, ..SETTINGS });
    let listener = Listener::bind("test", LOOPBACK, Protection::PlainLoopback, &limits).await.unwrap();
    let address = listener.address();
    let (_trigger, shutdown) = shutdown_signal();
    tokio::spawn(listener.run(Arc::new(Slow), shutdown));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let answers = async { (stream.read_u8().await.unwrap(), stream.read_u8().await.unwrap()) };
    assert_eq!(timeout(Duration::from_secs(20), answers).await.unwrap(), (b'k', b'i'));
}

#[tokio::test]
async fn who_takes_no_answers_is_cut_and_who_takes_them_slowly_is_not() {
    struct Talker;
    impl Handler for Talker {
        async fn serve(&self, mut connection: Connection) {
            let block = [7; 64 << 10];
            while connection.stream.write_all(&block).await.is_ok() {}
        }
    }
    let limits = Limits::new(LimitSettings { answer_seconds_max: 1, ..SETTINGS });
    let listener = Listener::bind("test", LOOPBACK, Protection::PlainLoopback, &limits).await.unwrap();
    let address = listener.address();
    let (_trigger, shutdown) = shutdown_signal();
    tokio::spawn(listener.run(Arc::new(Talker), shutdown));
    let mut taken = vec![0; 512 << 10];
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.read_exact(&mut taken).await.unwrap();
    let mut deaf = TcpStream::connect(address).await.unwrap();
    deaf.read_exact(&mut [0]).await.unwrap();
    let slowly = async {
        while limits.connections_open() == 2 {
            slow.read_exact(&mut taken).await.unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), slowly).await.expect("who takes nothing is cut");
    assert_eq!(limits.connections_open(), 1);
    slow.read_exact(&mut taken).await.unwrap();
}

#[tokio::test]
async fn shutdown_finishes_open_requests_and_accepts_no_more() {
    let house = house();
    let running = run(Protection::Tls(house.endpoint(ClientCertificate::Optional)), SETTINGS).await;
    let client = house.client(None, BOTH);
    let mut busy = connect(&client, running.address).await.unwrap();
    assert!(echoes(&mut busy, 1).await);
    let mut waiting = connect(&client, running.address).await.unwrap();
    assert!(echoes(&mut waiting, 1).await);
    let _handshaking = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(&[200]).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    running.trigger.request();
    assert_eq!(busy.read_u8().await.unwrap(), 200, "the open request is answered");
    assert!(waiting.read_u8().await.is_err());
    timeout(Duration::from_millis(900), running.task).await.expect("nothing is left to wait for").unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
    assert_eq!(running.limits.connections_open(), 0);
}

#[tokio::test]
async fn drain_limit_cuts_what_does_not_end() {
    struct Stubborn;
    impl Handler for Stubborn {
        async fn serve(&self, _connection: Connection) {
            std::future::pending::<()>().await;
        }
    }
    let limits = Limits::new(SETTINGS);
    let listener = Listener::bind("test", LOOPBACK, Protection::PlainLoopback, &limits).await.unwrap();
    let address = listener.address();
    let (trigger, shutdown) = shutdown_signal();
    let task = tokio::spawn(listener.run(Arc::new(Stubborn), shutdown));
    let mut socket = TcpStream::connect(address).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    drop(trigger);
    timeout(Duration::from_secs(5), task).await.expect("the drain is bounded").unwrap();
    assert!(socket.read_u8().await.is_err());
    assert_eq!(limits.connections_open(), 0);
}

#[tokio::test]
async fn failing_handler_harms_no_other_connection() {
    struct Failing(AtomicUsize);
    impl Handler for Failing {
        async fn serve(&self, mut connection: Connection) {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "the first connection fails on purpose");
            connection.stream.write_all(b"k").await.unwrap();
        }
    }
    let limits = Limits::new(SETTINGS);
    let listener = Listener::bind("test", LOOPBACK, Protection::PlainLoopback, &limits).await.unwrap();
    let address = listener.address();
    let (_trigger, shutdown) = shutdown_signal();
    tokio::spawn(listener.run(Arc::new(Failing(AtomicUsize::new(0))), shutdown));
    assert!(TcpStream::connect(address).await.unwrap().read_u8().await.is_err());
    assert_eq!(TcpStream::connect(address).await.unwrap().read_u8().await.unwrap(), b'k');
}

#[tokio::test]
async fn plain_listener_serves_loopback_only() {
    let running = run(Protection::PlainLoopback, SETTINGS).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert!(echoes(&mut stream, 1).await);
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let refused = Listener::bind("test", everywhere, Protection::PlainLoopback, &running.limits).await;
    assert!(matches!(refused, Err(ListenError::PlainBeyondLoopback { .. })));
    let taken = Listener::bind("test", running.address, Protection::PlainLoopback, &running.limits).await;
    assert!(matches!(taken, Err(ListenError::Bind { .. })));
}

#[test]
fn key_of_another_certificate_is_refused() {
    let house = house();
    let other = house.client_certificate(0);
    let mut settings = house.settings(ClientCertificate::Optional);
    settings.key = key(&other);
    assert!(matches!(TlsEndpoint::new(settings), Err(TlsError::Identity(_))));
    let garbage = CertificateDer::from(b"garbage".to_vec());
    let settings = TlsSettings { client_authority: &garbage, ..house.settings(ClientCertificate::Optional) };
    assert!(matches!(TlsEndpoint::new(settings), Err(TlsError::Authority(_))));
}
