//! A full disk and a failed sync: the server refuses or stops, says why, and loses nothing that it acknowledged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::server::{KEYREEVE, Server, folder};

/// Tags of a key, and bytes in each: twenty such keys are more than the journal allocates ahead.
const TAGS: (usize, usize) = (60, 1000);

/// The shared object that makes the disk faulty, built for this test.
pub(crate) fn faulty_disk(into: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/faulty_disk.c");
    let object = into.join("faulty_disk.so");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&object).arg(source).arg("-ldl").status();
    assert!(built.unwrap().success(), "the C compiler builds the faulty disk");
    object
}

fn start(data: &Path, tools: &Path, object: &Path) -> Server {
    let mut command = Command::new(KEYREEVE);
    command.args(["dev", "--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0", "--dir"]).arg(data);
    command.env("LD_PRELOAD", object);
    command.env("FAULT_FULL", tools.join("full")).env("FAULT_SYNC", tools.join("sync"));
    let mut server = Server::start(command).unwrap();
    server.read_exports(data);
    server
}

/// Makes keys until the server refuses or stops; how many it acknowledged.
fn create_until_refused(server: &Server, prefix: &str) -> usize {
    let tags = (0..TAGS.0).map(|tag| format!("--tag=filler{tag}={}", "x".repeat(TAGS.1)));
    let tags: Vec<String> = tags.collect();
    for made in 0..100 {
        let mut command = server.command(KEYREEVE);
        command.args(["key", "create", &format!("{prefix}{made}"), "--algorithm", "aes-128"]);
        let output = command.args(&tags).stdin(Stdio::null()).output().unwrap();
        if !output.status.success() {
            assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
            return made;
        }
    }
    panic!("the disk never failed");
}

/// Starts on a disk that works again: what was acknowledged is there, and the journal is whole.
fn is_whole(data: &Path, prefix: &str, acknowledged: usize) {
    let server = Server::dev(data);
    for made in 0..acknowledged {
        server.keyreeve(&["key", "show", &format!("{prefix}{made}")]);
    }
    server.keyreeve(&["journal", "verify"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn on_a_full_disk_the_server_destroys_and_goes_on_once_there_is_space() {
    let (data, tools) = (folder(), folder());
    let object = faulty_disk(tools.path());
    let server = start(data.path(), tools.path(), &object);
    server.keyreeve(&["key", "create", "doomed", "--algorithm", "aes-128"]);
    fs::write(tools.path().join("full"), "").unwrap();
    let acknowledged = create_until_refused(&server, "until-full-");
    assert!(acknowledged > 0, "some room had been allocated ahead");
    server.wait_for_line("disk is full");
    let mut refused = server.command(KEYREEVE);
    let refused = refused.args(["key", "create", "refused", "--algorithm", "aes-128"]).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && told.contains("the disk is full"), "{told}");
    // Who has to make space is told how the server is, without an entry.
    let status: serde_json::Value =
        serde_json::from_slice(&server.keyreeve(&["status", "-o", "json"])).unwrap();
    assert_eq!(status["disk_full"], true, "{status}");
    let metrics = server
        .command("curl")
        .args(["-sS", "--cacert", server.variable("KEYREEVE_CA"), "-H"])
        .arg(format!("Authorization: Bearer {}", server.variable("KEYREEVE_TOKEN")))
        .arg(format!("{}/metrics", server.variable("KEYREEVE_ADDR")))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&metrics.stdout).into_owned();
    assert!(told.contains("\nkeyreeve_disk_full 1.0\n"), "{told}");
    let doctor = server.command(KEYREEVE).arg("doctor").output().unwrap();
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.code() == Some(6) && told.contains("disk of the journal is full"), "{told}");
    server.keyreeve(&["key", "revoke", "doomed", "--reason", "superseded"]);
    server.keyreeve(&["key", "destroy", "doomed", "--yes"]);

    fs::remove_file(tools.path().join("full")).unwrap();
    server.keyreeve(&["key", "create", "with-space", "--algorithm", "aes-128"]);
    server.keyreeve(&["journal", "verify"]);
    assert_eq!(server.stop(), Some(0));
    is_whole(data.path(), "until-full-", acknowledged);
}

#[test]
fn a_failed_sync_stops_the_server_at_once() {
    let (data, tools) = (folder(), folder());
    let object = faulty_disk(tools.path());
    let server = start(data.path(), tools.path(), &object);
    server.keyreeve(&["key", "create", "synced-0", "--algorithm", "aes-128"]);
    fs::write(tools.path().join("sync"), "").unwrap();
    assert_eq!(
        create_until_refused(&server, "unsynced-"),
        0,
        "a key was acknowledged that no sync had made durable"
    );
    server.wait_for_line("sync");
    assert_eq!(server.wait(), Some(2));
    is_whole(data.path(), "synced-", 1);
}
