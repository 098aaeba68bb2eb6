//! A store that recovery shares alone unlock, from `init` to `server`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::{KEYREEVE, Server, folder};

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
