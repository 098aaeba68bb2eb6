//! `journal tail`: what there is, and what comes.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::server::{KEYREEVE, Server, folder};

fn entry(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn a_tail_shows_what_there_is_and_goes_on_with_what_comes() {
    let data = folder();
    let server = Server::dev(data.path());
    server.keyreeve(&["key", "create", "first", "--algorithm", "aes-256"]);
    let printed = server.keyreeve(&["journal", "tail", "--after", "0", "--kind", "create", "-o", "json"]);
    let printed = String::from_utf8(printed).unwrap();
    assert_eq!(printed.lines().map(|line| entry(line)["target"].clone()).collect::<Vec<_>>(), ["first"]);

    let mut tail = server.command(KEYREEVE);
    tail.args([
        "journal",
        "tail",
        "--follow",
        "--kind",
        "create",
        "--kind",
        "encrypt",
        "--changes",
        "-o",
        "json",
    ]);
    let mut tail = tail.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    server.keyreeve(&["key", "create", "second", "--algorithm", "aes-256"]);
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut created =
        lines.map(|line| entry(&line.unwrap())).inspect(|entry| assert_eq!(entry["action"], "create"));
    assert!(created.any(|entry| entry["target"] == "second"));
    tail.kill().unwrap();
    tail.wait().unwrap();
    assert_eq!(server.stop(), Some(0));
}
