//! Files that are encrypted while this program is killed: nothing half-written is left.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::server::{Server, folder};

/// Long enough for a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_killed_encryption_leaves_no_file() {
    let (data, place) = (folder(), folder());
    let server = Server::dev(data.path());
    let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
    run(server
        .command("keyreeve")
        .args(["key", "create", "data", "--algorithm", "aes-256"])
        .stdout(Stdio::null()));
    let mut child = server
        .command("keyreeve")
        .args(["encrypt", "data", "--out", "sealed"])
        .current_dir(place.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than is sent to the server, and more than a pipe holds: it is being encrypted once this is taken.
    stdin.write_all(&vec![7; 8 << 20]).unwrap();
    let pid = child.id();
    let begun = Instant::now();
    let has_file = || {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        open.filter_map(|file| fs::read_link(file.path()).ok()).any(|to| to.starts_with(place.path()))
    };
    while !has_file() {
        assert!(begun.elapsed() < PATIENCE, "it writes nothing");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_stream_is_opened_while_it_is_still_being_made() {
    let data = folder();
    let server = Server::dev(data.path());
    let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
    run(server
        .command("keyreeve")
        .args(["key", "create", "data", "--algorithm", "aes-256"])
        .stdout(Stdio::null()));
    let piped = |arguments: &[&str]| {
        let mut command = server.command("keyreeve");
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let (mut sealing, mut opening) = (piped(&["encrypt", "data"]), piped(&["decrypt", "data"]));
    let (mut plain, mut opened) = (sealing.stdin.take().unwrap(), opening.stdout.take().unwrap());
    let (mut from, mut to) = (sealing.stdout.take().unwrap(), opening.stdin.take().unwrap());
    let copying = std::thread::spawn(move || std::io::copy(&mut from, &mut to).map(drop));
    let (told, some_came) = mpsc::channel();
    // Reads from the beginning on: pipes hold little, and whoever writes would wait for ever.
    let reading = std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 20];
        opened.read_exact(&mut bytes)?;
        told.send(()).map_err(std::io::Error::other)?;
        opened.read_to_end(&mut bytes).map(|_| bytes)
    });
    plain.write_all(&vec![1; 4 << 20]).unwrap();
    some_came.recv_timeout(PATIENCE).unwrap();
    plain.write_all(&vec![1; 1 << 20]).unwrap();
    drop(plain);
    let bytes = reading.join().unwrap().unwrap();
    assert!(bytes.len() == 5 << 20 && bytes.iter().all(|byte| *byte == 1));
    copying.join().unwrap().unwrap();
    assert!(sealing.wait().unwrap().success() && opening.wait().unwrap().success());
}
