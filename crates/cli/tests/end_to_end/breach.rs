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
    assert!(!is_breached(&server));

    // A disk that was mounted there is not any more.
    fs::rename(file("target"), file("away")).unwrap();
    server.keyreeve(&["key", "create", "orders", "--algorithm", "aes-256"]);
    server.wait_for_line("the recovery point objective is not met");
    assert!(is_breached(&server));
    let (code, said) = run(&server, &["status"]);
    assert!(code == Some(0) && said.contains("more than its objective: "), "{code:?}: {said}");
    let (code, said) = run(&server, &["doctor"]);
    assert!(code == Some(6) && said.contains("more than its objective: "), "{code:?}: {said}");

    fs::rename(file("away"), file("target")).unwrap();
    let begin = Instant::now();
    while is_breached(&server) {
        assert!(begin.elapsed() < Duration::from_secs(60), "{}", server.printed());
        std::thread::sleep(Duration::from_millis(20));
    }
    server.wait_for_line("archiving goes on");
    let (_, said) = run(&server, &["doctor"]);
    assert!(!said.contains("more than its objective"), "{said}");
}
