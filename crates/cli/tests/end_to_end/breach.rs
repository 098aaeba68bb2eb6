//! A backup target that falls behind for longer than the recovery point objective allows, as it is told: log, status, doctor.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::server::{KEYREEVE, Server, folder};

fn run(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    let output = server.command(KEYREEVE).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat();
    (output.status.code(), said)
}

fn is_breached(server: &Server) -> bool {
    let status: Value = serde_json::from_slice(&server.keyreeve(&["status", "-o", "json"])).unwrap();
    status["archives"][0]["breached"].as_bool().unwrap_or_else(|| panic!("{status}"))
}

/// Waits for what comes in its own time, however busy the machine is.
fn until(server: &Server, what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}: not in time:\n{}", server.printed());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_breach_of_the_recovery_point_objective_is_logged_and_told_until_it_is_over() {
    let folder = folder();
    let file = |name: &str| folder.path().join(name);
    let mut command = Command::new(KEYREEVE);
    command.args(["dev", "--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0", "--dir"]).arg(file("first"));
    command.env("KEYREEVE_BACKUP_RPO_SECONDS_MAX", "1");
    let mut server = Server::start(command).unwrap();
    server.read_exports(&file("first"));
    server.keyreeve(&["backup", "create", "--to", file("target").to_str().unwrap()]);
    // A busy machine may breach it before: what is logged for what comes now is logged behind this.
    let mut before = 0;
    until(&server, "no breach", || {
        before = server.printed().len();
        !is_breached(&server)
    });

    // A disk that was mounted there is not any more.
    fs::rename(file("target"), file("away")).unwrap();
    server.keyreeve(&["key", "create", "orders", "--algorithm", "aes-256"]);
    for line in ["the recovery point objective is not met", "archiving has stopped"] {
        until(&server, line, || server.printed()[before..].contains(line));
    }
    until(&server, "status tells it", || {
        let (code, said) = run(&server, &["status"]);
        is_breached(&server) && code == Some(0) && said.contains("more than its objective: ")
    });
    until(&server, "doctor tells it", || {
        let (code, said) = run(&server, &["doctor"]);
        code == Some(6) && said.contains("more than its objective: ")
    });

    let before = server.printed().len();
    fs::rename(file("away"), file("target")).unwrap();
    let line = "archiving goes on";
    until(&server, line, || server.printed()[before..].contains(line));
    until(&server, "status tells no breach", || !is_breached(&server));
    until(&server, "doctor tells no breach", || {
        !run(&server, &["doctor"]).1.contains("more than its objective")
    });
}
