//! `keyreeve verify` on real data folders, as a server left them and as somebody changed them since. Not here: every kind of
//! change at random (keyreeve-store's tests).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::clients::python;
use crate::floods::until;
use crate::http::Http;
use crate::recovery::copy_dir;
use crate::server::{Folder, KEYREEVE, Server, folder, root};

/// Exit code and answer of `keyreeve verify`.
fn verify(dir: &Path, further: &[&str]) -> (i32, Value) {
    let mut command = Command::new(KEYREEVE);
    command.arg("verify").arg(dir).args(["-o", "json"]).args(further).env_remove("KEYREEVE_ANCHOR");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let told = serde_json::from_slice(&output.stdout);
    let told = told.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), told)
}

fn segment(dir: &Path) -> PathBuf {
    let mut files: Vec<_> =
        fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.pop().unwrap()
}

/// A stopped server's folder with some life behind it; a copy from half way, and the checkpoint that was kept elsewhere.
struct Scene {
    data: Folder,
    earlier: Folder,
    anchor: String,
    checkpoint: Folder,
}

impl Scene {
    fn play() -> Self {
        let (data, earlier, checkpoint) = (folder(), folder(), folder());
        let server = Server::dev(data.path());
        for name in ["one", "two", "three"] {
            server.keyreeve(&["key", "create", name, "--algorithm", "aes-256"]);
        }
        server.keyreeve(&["key", "destroy", "two", "--yes", "--now", "--wait"]);
        let anchor = server.variable("KEYREEVE_ANCHOR").to_owned();
        // While the server runs.
        until("a checkpoint covers the destruction", || {
            let (code, told) = verify(data.path(), &["--anchor", &anchor]);
            assert!(told["good"] == true && code == 0, "{told}");
            told["unwitnessed"] == 0 && told["certificates"] == 1
        });
        assert_eq!(server.stop(), Some(0));
        copy_dir(data.path(), earlier.path());
        let server = Server::dev(data.path());
        server.keyreeve(&["key", "create", "four", "--algorithm", "aes-256"]);
        assert_eq!(server.stop(), Some(0));
        fs::copy(data.path().join("tree/checkpoint"), checkpoint.path().join("checkpoint")).unwrap();
        Self { data, earlier, anchor, checkpoint }
    }

    fn outside(&self) -> String {
        self.checkpoint.path().join("checkpoint").to_string_lossy().into_owned()
    }

    /// What is told of a copy that was changed so: it must not be good.
    fn changed(&self, change: impl FnOnce(&Path)) -> Value {
        let changed = folder();
        copy_dir(self.data.path(), changed.path());
        change(changed.path());
        let (code, told) =
            verify(changed.path(), &["--anchor", &self.anchor, "--checkpoint", &self.outside()]);
        assert!(code == 5 && told["good"] == false && told["wrong_count"] != 0, "{told}");
        told
    }
}

#[test]
fn a_folder_is_verified_offline_and_whatever_was_changed_since_is_told() {
    let scene = Scene::play();
    let dir = scene.data.path();
    let (code, told) = verify(dir, &["--anchor", &scene.anchor, "--checkpoint", &scene.outside()]);
    assert_eq!((code, &told["good"], &told["unwitnessed"]), (0, &true.into(), &0.into()), "{told}");
    let last = told["last"].as_u64().unwrap();
    assert!(told["covered"] == last && told["certificates"] == 1 && told["torn"].is_null(), "{told}");
    let (code, told) = verify(dir, &[]);
    assert_eq!((code, &told["good"], &told["signer_known"]), (5, &true.into(), &false.into()), "{told}");

    // Bytes, the newest entries, all of what came after a copy, the tree, the checkpoint.
    let told = scene.changed(|dir| {
        let mut bytes = fs::read(segment(dir)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(segment(dir), bytes).unwrap();
    });
    assert!(told["wrong"][0]["lsn"].as_u64().is_some_and(|lsn| lsn < last), "{told}");
    let told = scene.changed(|dir| {
        let bytes = fs::read(segment(dir)).unwrap();
        fs::write(segment(dir), &bytes[..bytes.len() - 200]).unwrap();
    });
    assert!(told["wrong"].to_string().contains("the journal ends here"), "{told}");
    let told = scene.changed(|dir| {
        fs::remove_dir_all(dir).unwrap();
        fs::create_dir(dir).unwrap();
        copy_dir(scene.earlier.path(), dir);
    });
    assert!(told["wrong"].to_string().contains("the journal ends here"), "{told}");
    scene.changed(|dir| fs::write(dir.join("tree/checkpoint"), "keyreeve\n").unwrap());
    scene.changed(|dir| fs::remove_file(dir.join("tree/keys.json")).unwrap());
    // Without what was kept elsewhere, an older copy is a good one.
    assert_eq!(verify(scene.earlier.path(), &["--anchor", &scene.anchor]).0, 0);
}

#[test]
fn a_backup_target_has_a_checkpoint_that_shows_an_older_folder() {
    let (data, target, earlier) = (folder(), folder(), folder());
    let server = Server::dev(data.path());
    let anchor = server.variable("KEYREEVE_ANCHOR").to_owned();
    server.keyreeve(&["backup", "create", "--to", target.path().to_str().unwrap()]);
    assert_eq!(server.stop(), Some(0));
    copy_dir(data.path(), earlier.path());
    let server = Server::dev(data.path());
    server.keyreeve(&["key", "create", "later", "--algorithm", "aes-256"]);
    let shown: Value = serde_json::from_slice(&server.keyreeve(&["status", "-o", "json"])).unwrap();
    let lsn = shown["lsn"].as_u64().unwrap();
    let kept = target.path().join("checkpoint.txt");
    until("the target's checkpoint covers the new key", || {
        let text = fs::read_to_string(&kept).unwrap_or_default();
        text.lines().nth(1).is_some_and(|size| size.parse::<u64>().unwrap() >= lsn)
    });
    assert_eq!(server.stop(), Some(0));
    let kept = kept.to_str().unwrap();
    assert_eq!(verify(data.path(), &["--anchor", &anchor, "--checkpoint", kept]).0, 0);
    let (code, told) = verify(earlier.path(), &["--anchor", &anchor, "--checkpoint", kept]);
    assert!(code == 5 && told["wrong"].to_string().contains("the journal ends here"), "{told}");
}

#[test]
fn what_is_no_folder_of_a_store_is_told() {
    let empty = folder();
    for (dir, said) in
        [(empty.path().to_owned(), "holds no store"), (empty.path().join("none"), "is no folder")]
    {
        let output = Command::new(KEYREEVE).arg("verify").arg(dir).stdin(Stdio::null()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains(said), "{}: {told}", output.status);
    }
}

/// What the reader of tests/independent tells of a log in this folder: it must find it good.
fn read_by_specification(python: &str, log: &Path, keys: &Path, index: u64) -> Value {
    let mut command = Command::new(python);
    command.arg(root().join("tests/independent/tiles.py")).arg(log).arg(keys).arg(index.to_string());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_target_is_a_log_that_is_read_by_its_specification_alone() {
    let Some(python) = python() else { return };
    let (data, target, scratch) = (folder(), folder(), folder());
    let server = Server::try_dev(data.path(), &["--plain-http", "127.0.0.1:0"]).unwrap();
    server.keyreeve(&["backup", "create", "--to", target.path().to_str().unwrap()]);
    let mut http = Http::connect(&server).unwrap();
    for _ in 0..600 {
        assert_eq!(http.ask("GET", "/v1/keys", &Value::Null).unwrap().0, 200);
    }
    let keys = scratch.path().join("keys");
    fs::write(&keys, server.keyreeve(&["audit", "keys"])).unwrap();
    let log = target.path().join("t1/tree");
    let size = |log: &Path| {
        let text = fs::read_to_string(log.join("checkpoint")).unwrap_or_default();
        text.lines().nth(1).map_or(0, |size| size.parse::<u64>().unwrap())
    };
    until("the target's tree covers the requests", || size(&log) > 600);
    let listed: Value = serde_json::from_slice(&server.keyreeve(&["audit", "proof", "300"])).unwrap();
    assert_eq!(server.stop(), Some(0));
    for log in [log, data.path().join("tree")] {
        let told = read_by_specification(&python, &log, &keys, 299);
        assert_eq!((&told["leaf"], &told["size"]), (&listed["leaf"], &size(&log).into()), "{told}");
    }
    // A hash that was changed, and a tile that is missing.
    let tile = target.path().join("t1/tree/tile/0/001");
    let whole = fs::read(&tile).unwrap();
    let changed =
        whole.iter().enumerate().map(|(at, byte)| if at == 40 { byte ^ 1 } else { *byte }).collect();
    for bytes in [changed, whole[..32].to_vec()] {
        fs::write(&tile, bytes).unwrap();
        let mut command = Command::new(&python);
        command.arg(root().join("tests/independent/tiles.py")).arg(target.path().join("t1/tree"));
        let output = command.arg(&keys).arg("1").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn a_backup_target_is_verified_without_a_secret_and_its_entries_with_one() {
    let (data, target, earlier, scratch) = (folder(), folder(), folder(), folder());
    let server = Server::dev(data.path());
    let anchor = server.variable("KEYREEVE_ANCHOR").to_owned();
    let root_key = server.variable("KEYREEVE_ROOT_KEY").to_owned();
    let place = target.path().to_str().unwrap();
    server.keyreeve(&["backup", "create", "--to", place]);
    server.keyreeve(&["key", "create", "one", "--algorithm", "aes-256"]);
    let settled = |what: &str, lsn_min: u64| {
        until(what, || {
            let (code, told) = verify(target.path(), &["--anchor", &anchor]);
            assert!(code == 0 && told["good"] == true, "{told}");
            told["unwitnessed"] == 0 && told["last"].as_u64().unwrap() >= lsn_min
        });
    };
    settled("the tree at the target covers all", 1);
    copy_dir(target.path(), earlier.path());
    server.keyreeve(&["key", "destroy", "one", "--yes", "--now", "--wait"]);
    let shown: Value = serde_json::from_slice(&server.keyreeve(&["status", "-o", "json"])).unwrap();
    settled("the tree at the target covers the destruction", shown["lsn"].as_u64().unwrap());
    let kept = scratch.path().join("checkpoint");
    fs::copy(target.path().join("checkpoint.txt"), &kept).unwrap();
    let outside = ["--anchor", &anchor, "--checkpoint", kept.to_str().unwrap()];
    assert_eq!(server.stop(), Some(0));
    let (code, told) = verify(target.path(), &outside);
    assert!(code == 0 && told["opened"] == false && told["certificates"].is_null(), "{told}");
    let (code, told) = verify(target.path(), &[]);
    assert!(code == 5 && told["good"] == true && told["signer_known"] == false, "{told}");
    let deep = |dir: &Path| {
        let mut command = Command::new(KEYREEVE);
        command.arg("verify").arg(dir).args(outside).args(["--deep", "-o", "json"]);
        let output = command.env("KEYREEVE_ROOT_KEY", &root_key).stdin(Stdio::null()).output().unwrap();
        let told = serde_json::from_slice::<Value>(&output.stdout);
        let told =
            told.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), told)
    };
    let (code, told) = deep(target.path());
    assert!(code == 0 && told["opened"] == true && told["certificates"] == 1, "{told}");

    // A copy from before, with all that fits it.
    assert_eq!(verify(earlier.path(), &["--anchor", &anchor]).0, 0);
    let (code, told) = verify(earlier.path(), &outside);
    assert!(code == 5 && told["wrong"].to_string().contains("the archive ends here"), "{told}");
    // Without the newest piece, and with another leaf in the tree.
    let pieces = target.path().join("t1/pieces");
    let mut names: Vec<_> = fs::read_dir(&pieces).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let last = names.pop().unwrap();
    let aside = scratch.path().join("piece");
    fs::rename(&last, &aside).unwrap();
    assert_eq!(verify(target.path(), &outside).0, 5);
    fs::rename(&aside, &last).unwrap();
    for tile in fs::read_dir(target.path().join("t1/tree/tile/0/000.p")).unwrap() {
        let tile = tile.unwrap().path();
        let mut leaves = fs::read(&tile).unwrap();
        leaves[40] ^= 1;
        fs::write(tile, leaves).unwrap();
    }
    let (code, told) = verify(target.path(), &outside);
    assert!(code == 5 && told["wrong"].to_string().contains("the leaves up to this entry"), "{told}");
    let (code, told) = deep(target.path());
    assert!(code == 5 && told["wrong"].to_string().contains("\"lsn\":2"), "{told}");
}
