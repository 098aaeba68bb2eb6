//! A store that recovery shares alone unlock, from `init` to `server`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::server::{KEYREEVE, Server, fixed_port, folder};

fn init(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(KEYREEVE);
    command.arg("init").arg("--dir").arg(folder.join("data")).arg("--out-dir").arg(folder.join("admin"));
    let output = command.args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.success(), text)
}

/// Starts a server, or gives what it said.
fn serve(folder: &Path, shares: &[&PathBuf]) -> Result<Server, String> {
    let mut command = Command::new(KEYREEVE);
    command.arg("server").arg("--dir").arg(folder.join("data"));
    command.args(["--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0"]);
    for share in shares {
        command.arg("--share-file").arg(share);
    }
    Server::start(command)
}

#[test]
fn enough_shares_start_a_server_and_fewer_do_not() {
    let folder = folder();
    let shares = folder.path().join("shares");
    let arguments = ["--shares", "3", "--threshold", "2", "--shares-dir", shares.to_str().unwrap()];
    let (made, text) = init(folder.path(), &arguments);
    assert!(made, "{text}");
    let mut files: Vec<PathBuf> = shares.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 3);
    let refused = serve(folder.path(), &[&files[1]]).err().unwrap();
    assert!(refused.contains("2 different shares are needed, and 1 given"), "{refused}");
    let refused = serve(folder.path(), &[]).err().unwrap();
    assert!(
        refused.contains("none of unlock.passphrase_file, unlock.key_file and unlock.share_files"),
        "{refused}"
    );
    drop(serve(folder.path(), &[&files[2], &files[0]]).unwrap());
}

/// Runs a command of recovery by these shares.
fn recover(folder: &Path, arguments: &[&str], shares: &[&PathBuf]) -> (bool, String) {
    let mut command = Command::new(KEYREEVE);
    command.arg("recover").args(arguments).arg("--dir").arg(folder.join("data"));
    command.arg("--out-dir").arg(folder.join("recovered")).stdin(Stdio::null());
    for share in shares {
        command.arg("--share-file").arg(share);
    }
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.success(), text)
}

#[test]
fn a_quorum_of_shares_replaces_a_lost_administrator_and_gives_access_that_ends_and_fewer_do_not() {
    let folder = folder();
    let shares = folder.path().join("shares");
    let arguments = ["--shares", "3", "--threshold", "2", "--shares-dir", shares.to_str().unwrap()];
    let (made, text) = init(folder.path(), &arguments);
    assert!(made, "{text}");
    let mut files: Vec<PathBuf> = shares.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let both = [&files[0], &files[2]];
    let (done, text) = recover(folder.path(), &["administrator", "carol"], &both[..1]);
    assert!(!done && text.contains("2 different shares are needed, and 1 given"), "{text}");
    let (done, text) = recover(folder.path(), &["administrator", "carol", "--realm", "nowhere"], &both);
    assert!(!done && text.contains("no such realm"), "{text}");
    let server = serve(folder.path(), &both).unwrap();
    let (done, text) = recover(folder.path(), &["administrator", "carol"], &both);
    assert!(!done && text.contains("one process at a time"), "the server has the store open: {text}");
    drop(server);
    let (done, text) = recover(folder.path(), &["administrator", "carol", "--replaces", "admin"], &both);
    assert!(done, "{text}");
    let (done, text) = recover(folder.path(), &["administrator", "carol"], &both);
    assert!(!done && text.contains("is there already"), "{text}");
    let (done, text) = recover(folder.path(), &["break-glass", "night", "--hours", "25"], &both);
    assert!(!done && text.contains("25"), "{text}");
    let (done, text) = recover(folder.path(), &["break-glass", "night", "--hours", "2"], &both);
    assert!(done && text.contains("in 2 h"), "{text}");

    let port = fixed_port();
    let mut command = Command::new(KEYREEVE);
    command.arg("server").arg("--dir").arg(folder.path().join("data")).args(["--kmip", "127.0.0.1:0"]);
    command.args(["--http", &format!("127.0.0.1:{port}")]);
    command.arg("--share-file").arg(both[0]).arg("--share-file").arg(both[1]);
    let mut server = Server::start(command).unwrap();
    let ca = folder.path().join("admin/ca.pem").to_str().unwrap().to_owned();
    let address = format!("https://localhost:{port}");
    server.variables.extend([("KEYREEVE_ADDR".to_owned(), address), ("KEYREEVE_CA".to_owned(), ca)]);
    let ask = |token: &str, arguments: &[&str]| {
        let token = folder.path().join(token);
        let output =
            server.command(KEYREEVE).arg("--token-file").arg(token).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(ask("admin/token", &["client", "list"]).0, Some(3));
    for token in ["recovered/carol.token", "recovered/night.token"] {
        let (code, listed) = ask(token, &["client", "list"]);
        assert!(code == Some(0) && listed.contains("carol"), "{listed}");
    }
    let search =
        |action| ask("recovered/carol.token", &["audit", "search", "--action", action, "-o", "json"]);
    let (code, found) = search("recover-administrator");
    assert!(code == Some(0) && found.contains("admin is shut out"), "{found}");
    let (code, found) = search("break-glass");
    assert!(code == Some(0) && found.contains("the administrator night until "), "{found}");
    let (_, told) = ask("recovered/carol.token", &["doctor"]);
    assert!(told.contains("An access for an emergency is open until"), "{told}");
    assert_eq!(ask("recovered/carol.token", &["client", "revoke", "night", "--yes"]).0, Some(0));
    assert_eq!(ask("recovered/night.token", &["client", "list"]).0, Some(3));
}

#[test]
fn shares_are_printed_where_no_folder_is_named_and_must_make_sense() {
    let place = folder();
    let (made, text) = init(place.path(), &["--shares", "2", "--threshold", "3"]);
    assert!(!made && text.contains("3 of 2 is no threshold"), "{text}");
    let (made, text) = init(place.path(), &["--shares", "2"]);
    assert!(!made && text.contains("--threshold"), "{text}");
    let (made, text) = init(place.path(), &["--shares", "2", "--threshold", "2"]);
    assert!(made, "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("krs1.")).count(), 2, "{text}");
}
