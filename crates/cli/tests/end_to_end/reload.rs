//! A configuration and a certificate that are exchanged under a running server.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::bad_input::real_server;
use crate::garbage::{bad_ttlv, connect, read_answer, tls};
use crate::server::{KEYREEVE, Server};

/// Another CA, and a certificate of it for this server: `other-ca.pem`, `server.pem`, `server.key`.
const OTHER_CA: &str = "
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other \
  -keyout other-ca.key -out other-ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -keyout server.key -out server.csr
echo 'subjectAltName = IP:127.0.0.1' > names
openssl x509 -req -in server.csr -CA other-ca.pem -CAkey other-ca.key -CAcreateserial -days 1 -extfile names \
  -out server.pem
";

fn keyreeve(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        server.command(KEYREEVE).args(arguments).stdin(Stdio::null()).output().unwrap();
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_certificate_and_limits_change_while_connections_go_on() {
    let (place, mut server) = real_server();
    let config = place.path().join("keyreeve.toml");
    let first = fs::read_to_string(&config).unwrap();
    let made = Command::new("sh").args(["-ec", OTHER_CA]).current_dir(place.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut old = connect(&server, &tls(&server));
    let mut goes_on = || old.write_all(&bad_ttlv(0)).and_then(|()| read_answer(&mut old)).unwrap();
    goes_on();
    assert_eq!(keyreeve(&server, &["reload"]), (Some(0), "changed  nothing\n".into()));

    let file = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let (certificate, key) = (file("server.pem"), file("server.key"));
    let other = format!(
        "{}[tls]\ncertificate_file = {certificate:?}\nkey_file = {key:?}\n[destroy]\nwaiting_days = 3\n[log]\nlevel = \"debug\"\n",
        first.replace("127.0.0.1:", "127.0.0.2:")
    );
    fs::write(&config, other).unwrap();
    let (code, said) = keyreeve(&server, &["reload"]);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "destroy.waiting_days: 7 -> 3",
        "log.level: \"info\" -> \"debug\"",
        "needs a restart  listen.http: \"127.0.0.1:",
        "the server's certificate, by CN=other",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    goes_on();
    server.wait_for_line("destroy.waiting_days: 7 -> 3");
    assert_eq!(keyreeve(&server, &["status"]).0, Some(2), "the former CA has not issued this certificate");
    server.variables.insert("KEYREEVE_CA".into(), file("other-ca.pem"));
    server.keyreeve(&["key", "create", "kept", "--algorithm", "aes-256"]);
    drop(TcpStream::connect(server.variable("KEYREEVE_KMIP_ADDR")).unwrap());
    server.wait_for_line("DEBUG");
    goes_on();

    // The house's CA again, and a limit that leaves no place for another connection.
    let tight = first.replace("[data]", "[limits]\nconnections_per_source_max = 1\n[data]");
    fs::write(&config, &tight).unwrap();
    server.signal("HUP");
    server.wait_for_line("limits.connections_per_source_max: 1024 -> 1");
    server.variables.insert("KEYREEVE_CA".into(), file("ca.pem"));
    goes_on();
    let mut refused = connect(&server, &tls(&server));
    assert!(refused.write_all(&bad_ttlv(0)).and_then(|()| read_answer(&mut refused)).is_err());
    server.wait_for_line("its source has 1 open");
    server.keyreeve(&["journal", "verify"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_is_wrong_changes_nothing_and_is_told() {
    let (place, server) = real_server();
    let config = place.path().join("keyreeve.toml");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(place.path().join("other.key"), "no key").unwrap();
    make_pipe(&place.path().join("pipe"));
    let mut refused = 0;
    let before = "[limits]\nfeeds_max = 1\n";
    for (wrong, told) in [
        ("[backup]\nwindow = \"noon\"\n", "line 11, column 10: two hours"),
        ("[backup]\nwindov = \"1-2\"\n", "line 11, column 1: unknown field"),
        ("[tls]\ncertificate_file = \"client.pem\"\n", "set both, or none"),
        ("[tls]\ncertificate_file = \"ca.pem\"\nkey_file = \"other.key\"\n", "holds no private key"),
        ("[tls]\ncertificate_file = \"missing.pem\"\nkey_file = \"client.key\"\n", "missing.pem"),
        ("[tls]\ncertificate_file = \"ca.pem\"\nkey_file = \"client.key\"\n", "cannot be used"),
        ("[tls]\ncertificate_file = \"ca.pem\"\nkey_file = \"pipe\"\n", "no regular file"),
        ("[tls]\ncertificate_file = \"pipe\"\nkey_file = \"client.key\"\n", "no regular file"),
    ] {
        let wrong = wrong.replace(" = \"", &format!(" = \"{}/", place.path().display()));
        let wrong = if wrong.contains("[tls]") {
            wrong
        } else {
            wrong.replace(&format!("{}/", place.path().display()), "")
        };
        fs::write(&config, format!("{good}{before}{wrong}")).unwrap();
        let (code, said) = keyreeve(&server, &["reload"]);
        assert_eq!(code, Some(4), "{said}");
        assert!(said.contains(told) && said.contains("nothing was changed"), "{said}");
        server.signal("HUP");
        refused += 1;
        let told = || server.printed().matches("the configuration was not taken over").count();
        let begin = Instant::now();
        while told() < refused {
            assert!(begin.elapsed() < Duration::from_secs(20), "{}", server.printed());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    fs::write(&config, format!("{good}{before}")).unwrap();
    let (_, said) = keyreeve(&server, &["reload"]);
    assert_eq!(said, "changed  limits.feeds_max: 64 -> 1\n", "none of it had changed before");
    let journal = String::from_utf8(server.keyreeve(&["journal", "show", "--limit", "1000"])).unwrap();
    let reloads = |outcome: &str| {
        journal.lines().filter(|line| line.contains(" reload ") && line.contains(outcome)).count()
    };
    assert_eq!((reloads("success"), reloads("failed")), (1, 2 * refused), "{journal}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_file_that_cannot_be_read_holds_up_neither_reloads_nor_the_stop() {
    let (place, server) = real_server();
    let config = place.path().join("keyreeve.toml");
    fs::remove_file(&config).unwrap();
    make_pipe(&config);
    server.signal("HUP");
    // Opens once the server reads it, which it then does for ever.
    let _pipe = fs::OpenOptions::new().write(true).open(&config).unwrap();
    let (code, said) = keyreeve(&server, &["reload"]);
    assert!(code != Some(0) && said.contains("another reload is under way"), "{said}");
    server.keyreeve(&["status"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn only_an_administrator_reloads() {
    let (place, server) = real_server();
    let token = place.path().join("auditor.token").to_string_lossy().into_owned();
    server.keyreeve(&["token", "create", "auditor", "--role", "auditor", "--out", &token]);
    assert_eq!(keyreeve(&server, &["--token-file", &token, "reload"]).0, Some(3));
    assert_eq!(server.stop(), Some(0));
}
