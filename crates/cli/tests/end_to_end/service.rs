//! Under a service manager: what it is told, and the unit for systemd. Not here: a running systemd, which no test has.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::server::{KEYREEVE, Server, folder, root};

#[test]
fn whatever_started_the_server_is_told_when_it_is_ready_and_when_it_stops() {
    let place = folder();
    let socket = place.path().join("notify");
    let told = UnixDatagram::bind(&socket).unwrap();
    told.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let next = || {
        let mut bytes = [0; 256];
        let count = told.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let mut command = Command::new(KEYREEVE);
    command.arg("dev").arg("--dir").arg(place.path().join("dev"));
    command.args(["--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0"]).env("NOTIFY_SOCKET", &socket);
    let server = Server::start(command).unwrap();
    assert_eq!(next(), "READY=1\n");
    assert_eq!(server.stop(), Some(0));
    assert_eq!(next(), "STOPPING=1\n");

    // Nobody listens: it says so, and serves all the same.
    drop(told);
    let mut command = Command::new(KEYREEVE);
    command.arg("dev").arg("--dir").arg(place.path().join("dev"));
    command.args(["--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0"]).env("NOTIFY_SOCKET", &socket);
    let server = Server::start(command).unwrap();
    server.wait_for_line("whatever started the server could not be told how it is");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit_and_little_in_reach() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("NOT TESTED: there is no systemd-analyze");
        return;
    }
    let place = folder();
    let unit = fs::read_to_string(root().join("packaging/systemd/keyreeve.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/keyreeve server --config "));
    let path = place.path().join("keyreeve.service");
    fs::write(&path, unit.replace("/usr/bin/keyreeve", KEYREEVE)).unwrap();
    for arguments in [&["verify", "--man=no"][..], &["security", "--offline=yes", "--threshold=20"]] {
        let output = Command::new("systemd-analyze").args(arguments).arg(&path).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}
