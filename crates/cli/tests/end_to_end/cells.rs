//! Cells as their users meet them: where the machine's is, what is pending at each place, and the certificates that come of
//! it, with and without an anchor. Not here: machines that are lost (recovery).

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::server::{KEYREEVE, Server, folder};

fn run(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// A client's command.
fn client(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = server.command(KEYREEVE);
    command.args(arguments);
    run(command)
}

fn json(server: &Server, arguments: &[&str]) -> Value {
    serde_json::from_slice(&server.keyreeve(&[arguments, &["-o", "json"]].concat())).unwrap()
}

fn holds_a_key(cell: &Path) -> bool {
    fs::read(cell).is_ok_and(|bytes| bytes.len() == 8192 && bytes.iter().any(|byte| *byte != 0))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_cell_of_dev_lies_where_it_is_told_and_nowhere_else() {
    let place = folder();
    let (data, cell) = (place.path().join("first"), place.path().join("elsewhere"));
    let inside = data.join("cell");
    let refused = Server::try_dev(&data, &["--cell", text(&inside)]).err().expect("a cell in the folder");
    assert!(refused.contains("choose a place outside"), "{refused}");
    let server = Server::try_dev(&data, &["--cell", text(&cell)]).unwrap();
    server.keyreeve(&["key", "create", "kept", "--algorithm", "aes-256"]);
    let ciphertext = place.path().join("ciphertext");
    fs::write(place.path().join("plain"), "what is kept").unwrap();
    let plain = place.path().join("plain");
    server.keyreeve(&["encrypt", "kept", "--in", text(&plain), "--out", text(&ciphertext)]);
    assert!(holds_a_key(&cell) && !place.path().join("first.cell").exists());
    assert_eq!(server.stop(), Some(0));
    let refused = Server::try_dev(&data, &[]).err().expect("nothing lies beside the folder");
    assert!(refused.contains("first.cell does not hold the epoch key"), "{refused}");
    let server = Server::try_dev(&data, &["--cell", text(&cell)]).unwrap();
    assert_eq!(server.keyreeve(&["decrypt", "kept", "--in", text(&ciphertext)]), b"what is kept");
}

#[test]
fn init_puts_the_cell_where_it_is_told_and_server_finds_it_there() {
    let place = folder();
    let file = |name: &str| place.path().join(name);
    fs::write(file("passphrase"), "correct horse battery staple\n").unwrap();
    let command = |name: &str, cell: Option<&Path>| {
        let mut command = Command::new(KEYREEVE);
        command.arg(name).arg("--dir").arg(file("data")).arg("--passphrase-file").arg(file("passphrase"));
        command.args(["--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0"]);
        if let Some(cell) = cell {
            command.arg("--cell").arg(cell);
        }
        command
    };
    let init = |cell: &Path| {
        let mut init = command("init", Some(cell));
        init.arg("--out-dir").arg(file("admin"));
        run(init)
    };
    let (code, said) = init(&file("data/cell"));
    assert!(code != Some(0) && said.contains("choose a place outside"), "{code:?}: {said}");
    let (code, said) = init(&file("elsewhere"));
    assert_eq!(code, Some(0), "{said}");
    assert!(holds_a_key(&file("elsewhere")) && !file("data.cell").exists());
    let refused = Server::start(command("server", None)).err().expect("nothing lies beside the folder");
    assert!(refused.contains("data.cell does not hold the epoch key"), "{refused}");
    let server = Server::start(command("server", Some(&file("elsewhere")))).unwrap();
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_is_pending_at_a_place_is_named_until_it_is_reached_and_what_comes_is_verified_by_an_anchor() {
    let place = folder();
    let file = |name: &str| place.path().join(name);
    let server = Server::dev(&file("first"));
    server.keyreeve(&["key", "create", "doomed", "--algorithm", "aes-256"]);
    server.keyreeve(&["backup", "create", "--to", text(&file("target"))]);
    let target = || {
        let listed = json(&server, &["cell", "list"]);
        let places = listed["places"].as_array().unwrap();
        assert_eq!(places.len(), 2, "{listed}");
        let is_it = |place: &&Value| place["kind"] == "target";
        places.iter().find(is_it).expect("a target").clone()
    };
    let quiet = target();
    assert!(quiet["pending"] == Value::Array(vec![]) && quiet["trouble"].is_null(), "{quiet}");
    fs::rename(file("target"), file("away")).unwrap();
    let destroy = ["key", "destroy", "doomed", "--yes", "--wait"];
    let (code, said) = client(&server, &[&destroy[..], &["--timeout", "1"]].concat());
    assert!(code == Some(4) && said.contains("/target"), "{code:?}: {said}");
    assert_eq!(target()["pending"], serde_json::json!(["key doomed"]));
    assert_eq!(target()["pending_count"], 1);
    // The server may not have tried yet.
    let begin = Instant::now();
    while target()["trouble"].is_null() && begin.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pending = target();
    let what = pending["trouble"]["what"].as_str().expect("what the server met").to_owned();
    let (_, table) = client(&server, &["cell", "list"]);
    let line = table.lines().find(|line| line.contains("/target")).expect("the target");
    assert!(line.contains("key doomed") && line.contains(&what), "{table}");
    fs::rename(file("away"), file("target")).unwrap();
    let certificate = server.keyreeve(&[&destroy[..], &["-o", "json"]].concat());
    let done = target();
    assert!(done["pending_count"] == 0 && done["trouble"].is_null(), "{done}");

    fs::write(file("doomed.json"), &certificate).unwrap();
    let anchor = server.variable("KEYREEVE_ANCHOR").to_owned();
    let verify = |certificate: &str, anchor: Option<&str>| {
        let mut command = server.command(KEYREEVE);
        command.env_remove("KEYREEVE_ANCHOR").args(["certificate", "verify", certificate]);
        if let Some(anchor) = anchor {
            command.args(["--anchor", anchor]);
        }
        run(command)
    };
    let path = file("doomed.json");
    let (code, said) = verify(text(&path), Some(&anchor));
    assert!(code == Some(0) && said.starts_with("valid\n"), "{code:?}: {said}");
    let (code, said) = verify(text(&path), None);
    assert!(code == Some(5) && said.starts_with("consistent, signer unknown\n"), "{code:?}: {said}");
    let altered = String::from_utf8(certificate).unwrap().replace("key doomed", "key others");
    fs::write(&path, altered).unwrap();
    for anchor in [None, Some(&*anchor)] {
        let (code, said) = verify(text(&path), anchor);
        assert!(code == Some(1) && said.contains("not valid"), "{code:?}: {said}");
    }
}
