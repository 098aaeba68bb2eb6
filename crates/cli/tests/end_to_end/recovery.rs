//! A machine that is lost and comes back from a backup target and its root key: with its keys, without the destroyed
//! ones, as it was last or at a point in time, and its older self fenced. With the commands that the runbooks name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use keyreeve_testkit::moto::Moto;
use serde_json::Value;

use crate::server::{Folder, KEYREEVE, Server, fixed_port, folder};

/// Folders of a test: machines, a target, and what people keep elsewhere.
struct Places {
    folder: Folder,
    /// Variables of every process, such as credentials of a bucket.
    environment: Vec<(String, String)>,
}

impl Places {
    fn new(environment: Vec<(String, String)>) -> Self {
        Self { folder: folder(), environment }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Starts `dev` over a machine's folder, with the root key that people kept, where they did.
    fn dev(&self, machine: &str, arguments: &[&str]) -> Result<Server, String> {
        let mut command = Command::new("sh");
        // A server of a test gets no variable of ours but this.
        command.args(["-c", "test -z \"$0\" || export KEYREEVE_ROOT_KEY=\"$0\"; exec \"$@\""]);
        command.arg(if self.path("root.key").exists() { self.text("root.key") } else { String::new() });
        command.args([KEYREEVE, "dev", "--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0", "--dir"]);
        command.arg(self.path(machine)).args(arguments).envs(self.environment.iter().cloned());
        let mut server = Server::start(command)?;
        server.read_exports(&self.path(machine));
        server.variables.extend(self.environment.iter().cloned());
        Ok(server)
    }

    /// Runs a command that needs no server, with the root key that people kept.
    fn offline(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(KEYREEVE);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYREEVE_")) {
            command.env_remove(name);
        }
        if self.path("root.key").exists() {
            command.env("KEYREEVE_ROOT_KEY", self.path("root.key"));
        }
        command.envs(self.environment.iter().cloned()).args(arguments).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// The same; it must succeed and print JSON.
    fn offline_json(&self, arguments: &[&str]) -> Value {
        let output = self.offline(&[arguments, &["-o", "json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What nobody brings back: the machine's data folder and its cell.
    fn lose(&self, machine: &str) {
        fs::remove_dir_all(self.path(machine)).unwrap();
        fs::remove_file(self.path(&format!("{machine}.cell"))).unwrap();
    }

    /// Keeps what people keep off the machine.
    fn keep_root_key_of(&self, machine: &str) {
        fs::copy(self.path(machine).join("root.key"), self.path("root.key")).unwrap();
        fs::copy(self.path(machine).join("anchor.json"), self.path("anchor.json")).unwrap();
    }
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

/// Runs a client's command; its exit code and what it said.
fn run(server: &Server, arguments: &[&str]) -> (i32, String) {
    let output = server.command(KEYREEVE).args(arguments).stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), said(&output))
}

fn json(server: &Server, arguments: &[&str]) -> Value {
    serde_json::from_slice(&server.keyreeve(&[arguments, &["-o", "json"]].concat())).unwrap()
}

/// Makes a key and a ciphertext under it, kept as `NAME.ct` off the machine.
fn key_with_ciphertext(places: &Places, server: &Server, name: &str) {
    server.keyreeve(&["key", "create", name, "--algorithm", "aes-256"]);
    let plain = places.path(&format!("{name}.txt"));
    fs::write(&plain, format!("under {name}")).unwrap();
    let ciphertext = places.text(&format!("{name}.ct"));
    server.keyreeve(&["encrypt", name, "--in", plain.to_str().unwrap(), "--out", &ciphertext]);
}

fn decrypts(places: &Places, server: &Server, name: &str) -> bool {
    let (code, said) = run(server, &["decrypt", name, "--in", &places.text(&format!("{name}.ct"))]);
    assert_eq!(code == 0, said == format!("under {name}"), "{said}");
    code == 0
}

/// Destroys a key, keeps the certificate as `NAME.json` off the machine, and verifies that it holds.
fn destroy(places: &Places, server: &Server, name: &str) -> Value {
    let certificate = server.keyreeve(&["key", "destroy", name, "--yes", "--wait", "-o", "json"]);
    let file = places.text(&format!("{name}.json"));
    fs::write(&file, &certificate).unwrap();
    server.keyreeve(&["certificate", "verify", &file]);
    serde_json::from_slice(&certificate).unwrap()
}

/// A machine with a target is lost and brought back, with a destroyed key among its keys.
fn lost_and_brought_back(places: &Places, target: &str) {
    let server = places.dev("first", &[]).unwrap();
    places.keep_root_key_of("first");
    key_with_ciphertext(places, &server, "before");
    let made = json(&server, &["backup", "create", "--to", target]);
    assert_eq!((&made["kind"], &made["registered"]), (&"full".into(), &true.into()), "{made}");
    key_with_ciphertext(places, &server, "after");
    key_with_ciphertext(places, &server, "doomed");
    let made = json(&server, &["backup", "create", "--to", target]);
    assert_eq!((&made["kind"], &made["registered"]), (&"incremental".into(), &false.into()), "{made}");
    let certificate = destroy(places, &server, "doomed");
    let cleared = certificate["certificate"]["places"].as_array().unwrap();
    assert_eq!(cleared.len(), 2, "the machine and the target: {certificate}");
    let drill = json(&server, &["backup", "drill"]);
    assert_eq!((&drill["good"], &drill["drills"][0]["differences"]), (&true.into(), &Value::Array(vec![])));
    server.keyreeve(&["backup", "create", "--to", target]);
    server.kill();

    let list = places.offline_json(&["backup", "list", "--from", target]);
    assert_eq!(list["problems"], Value::Array(vec![]), "{list}");
    assert_eq!(list["backups"][0]["kind"], "full", "{list}");
    let verified = places.offline_json(&["backup", "verify", "--from", target, "--deep"]);
    assert_eq!((&verified["good"], &verified["deep"]), (&true.into(), &true.into()), "{verified}");

    places.lose("first");
    let restored = places.offline_json(&["restore", "--from", target, "--into", &places.text("second")]);
    assert_eq!(restored["timeline"], 2, "{restored}");
    let server = places.dev("second", &[]).unwrap();
    assert!(decrypts(places, &server, "before") && decrypts(places, &server, "after"));
    assert!(!decrypts(places, &server, "doomed"));
    assert_eq!(json(&server, &["key", "show", "doomed"])["state"], "destroyed");
    server.keyreeve(&["journal", "verify"]);
    // The certificate of the first machine holds by the anchor that people kept, and by the second machine's.
    let file = places.text("doomed.json");
    let kept = places.text("anchor.json");
    assert!(places.offline(&["certificate", "verify", &file, "--anchor", &kept]).status.success());
    server.keyreeve(&["certificate", "verify", &file]);

    // The first machine's cell is a place that nobody has erased: a destruction waits until somebody attests.
    key_with_ciphertext(places, &server, "later");
    let (code, told) = run(&server, &["key", "destroy", "later", "--yes", "--wait", "--timeout", "1"]);
    assert!(code == 4 && told.contains("machine-1"), "{code}: {told}");
    server.keyreeve(&["cell", "retire", "machine-1", "--attest", "disk shredded, ticket 17"]);
    let certificate = destroy(places, &server, "later");
    assert!(certificate.to_string().contains("ticket 17"), "{certificate}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_lost_machine_comes_back_from_a_folder_without_its_destroyed_keys() {
    let places = Places::new(Vec::new());
    lost_and_brought_back(&places, &places.text("target"));
}

#[test]
fn a_lost_machine_comes_back_from_a_bucket_without_its_destroyed_keys() {
    let Some(moto) = Moto::start() else { return };
    let places = Places::new(moto.environment());
    lost_and_brought_back(&places, &format!("s3://{}/house/keys", moto.bucket()));
}

#[test]
fn a_bucket_that_keeps_versions_gets_no_epoch_key_and_restores_with_another_place() {
    let Some(moto) = Moto::start() else { return };
    let places = Places::new(moto.environment());
    let bucket = moto.bucket();
    moto.keep_versions(&bucket);
    let target = format!("s3://{bucket}/keys");
    let server = places.dev("first", &[]).unwrap();
    places.keep_root_key_of("first");
    key_with_ciphertext(&places, &server, "kept");
    let (code, told) = run(&server, &["backup", "create", "--to", &target]);
    assert!(code != 0 && told.contains("--no-cell"), "{code}: {told}");
    server.keyreeve(&["backup", "create", "--to", &target, "--no-cell"]);
    server.kill();
    let into = places.text("second");
    let refused = places.offline(&["restore", "--from", &target, "--into", &into]);
    assert!(!refused.status.success(), "it was restored without an epoch key");
    let cell = places.text("first.cell");
    places.offline_json(&["restore", "--from", &target, "--into", &into, "--cell", &cell]);
    assert!(decrypts(&places, &places.dev("second", &[]).unwrap(), "kept"));
}

#[test]
fn the_machine_before_is_fenced_once_the_restored_one_has_started() {
    let places = Places::new(Vec::new());
    let target = places.text("target");
    let server = places.dev("first", &[]).unwrap();
    places.keep_root_key_of("first");
    key_with_ciphertext(&places, &server, "shared");
    server.keyreeve(&["backup", "create", "--to", &target]);
    server.kill();
    places.offline_json(&["restore", "--from", &target, "--into", &places.text("second")]);
    let second = places.dev("second", &[]).unwrap();
    assert!(decrypts(&places, &second, "shared"));
    // By the anchor at the target, or, where that is a second behind, by the claim.
    match places.dev("first", &[]) {
        Err(told) => {
            assert!(told.contains("timeline 2 was begun elsewhere") || told.contains("fenced"), "{told}");
        }
        Ok(first) => {
            first.wait_for_line("fenced");
            assert_eq!(first.wait(), Some(2));
        }
    }
    second.keyreeve(&["key", "create", "goes-on", "--algorithm", "aes-256"]);
    second.keyreeve(&["backup", "create", "--to", &target]);
    assert_eq!(second.stop(), Some(0));
}

#[test]
fn a_machine_that_went_on_is_taken_over_only_where_that_is_asked_for() {
    let places = Places::new(Vec::new());
    let target = places.text("target");
    let first = places.dev("first", &[]).unwrap();
    places.keep_root_key_of("first");
    first.keyreeve(&["backup", "create", "--to", &target]);
    places.offline_json(&["restore", "--from", &target, "--into", &places.text("second")]);
    first.keyreeve(&["key", "create", "made-since", "--algorithm", "aes-256"]);
    first.keyreeve(&["backup", "create", "--to", &target]);
    let told = places.dev("second", &[]).err().expect("it took a living machine's target");
    assert!(told.contains("alive") && told.contains("take over"), "{told}");
    let second = places.dev("second", &["--take-over"]).unwrap();
    // It comes to a shared place once it has something to bring there; until then it knows of nothing.
    run(&first, &["key", "create", "too-late", "--algorithm", "aes-256"]);
    first.wait_for_line("fenced");
    assert_eq!(first.wait(), Some(2));
    assert_eq!(run(&second, &["key", "show", "made-since"]).0, 4);
    assert_eq!(second.stop(), Some(0));
}

/// A store as it was before a rotation, a new key, a revocation and a destruction.
fn point_in_time(keep_new: bool) {
    let places = Places::new(Vec::new());
    let target = places.text("target");
    let server = places.dev("first", &[]).unwrap();
    places.keep_root_key_of("first");
    for name in ["kept", "doomed", "revoked"] {
        key_with_ciphertext(&places, &server, name);
    }
    server.keyreeve(&["backup", "create", "--to", &target]);
    let then = json(&server, &["status"])["lsn"].to_string();
    server.keyreeve(&["key", "rotate", "kept"]);
    key_with_ciphertext(&places, &server, "new");
    server.keyreeve(&["key", "revoke", "revoked", "--reason", "key-compromise"]);
    destroy(&places, &server, "doomed");
    server.keyreeve(&["backup", "create", "--to", &target]);
    server.kill();
    places.lose("first");

    let into = places.text("second");
    let mut restore = vec!["restore", "--from", &target, "--to", &then, "--into", &into];
    restore.extend(keep_new.then_some("--keep-new"));
    let preview = places.offline_json(&[&restore[..], &["--preview"]].concat());
    let named = |list: &str, name: &str| {
        let lines = preview[list]["lines"].as_array().unwrap();
        lines.iter().any(|line| line["name"] == name)
    };
    assert_eq!(named("disappears", "new"), !keep_new, "{preview}");
    assert!(named("stays", "doomed") && named("stays", "revoked"), "{preview}");
    assert!(!places.path("second").join("store.json").exists());
    places.offline_json(&restore);
    let server = places.dev("second", &[]).unwrap();
    // A version that was made since is new, too.
    assert_eq!(json(&server, &["key", "show", "kept"])["version"], if keep_new { 2 } else { 1 });
    assert!(decrypts(&places, &server, "kept") && !decrypts(&places, &server, "doomed"));
    assert_eq!(json(&server, &["key", "show", "revoked"])["state"], "compromised");
    assert_eq!(run(&server, &["key", "show", "new"]).0, if keep_new { 0 } else { 4 });
    if keep_new {
        assert!(decrypts(&places, &server, "new"));
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_point_in_time_comes_back_but_for_what_was_destroyed_and_revoked_since() {
    point_in_time(false);
}

#[test]
fn what_was_made_after_a_point_in_time_is_kept_where_that_is_asked_for() {
    point_in_time(true);
}

#[test]
fn of_two_restores_one_starts() {
    let places = Places::new(Vec::new());
    let target = places.text("target");
    let server = places.dev("first", &[]).unwrap();
    places.keep_root_key_of("first");
    key_with_ciphertext(&places, &server, "kept");
    server.keyreeve(&["backup", "create", "--to", &target]);
    server.kill();
    for into in ["second", "third"] {
        places.offline_json(&["restore", "--from", &target, "--into", &places.text(into)]);
    }
    assert!(decrypts(&places, &places.dev("second", &[]).unwrap(), "kept"));
    for arguments in [&[][..], &["--take-over"]] {
        let told = places.dev("third", arguments).err().expect("two machines have one timeline");
        assert!(told.contains("another restore has begun timeline 2 there"), "{told}");
    }
    places.offline_json(&["restore", "--from", &target, "--into", &places.text("fourth")]);
    assert!(decrypts(&places, &places.dev("fourth", &[]).unwrap(), "kept"));
}

/// Starts `server` over a folder that `init` made, with the administrator's files that came of that. `threshold`: of the
/// shares of the epoch key.
fn serve(admin: &str, dir: &str, unlock: &[&str], threshold: &str) -> Server {
    let port = fixed_port();
    let mut command = Command::new("sh");
    // A server of a test gets no variable of ours but this.
    command.args(["-c", "KEYREEVE_SEALING_CELLS_THRESHOLD=\"$0\" exec \"$@\"", threshold]);
    command.args([KEYREEVE, "server", "--dir", dir, "--kmip", "127.0.0.1:0", "--http"]);
    command.arg(format!("127.0.0.1:{port}")).args(unlock);
    let mut server = Server::start(command).unwrap();
    let admin = |name: &str| Path::new(admin).join(name);
    let token = fs::read_to_string(admin("token")).unwrap();
    server.variables = [
        ("KEYREEVE_ADDR", format!("https://127.0.0.1:{port}")),
        ("KEYREEVE_CA", admin("ca.pem").to_str().unwrap().to_owned()),
        ("KEYREEVE_ANCHOR", admin("anchor.json").to_str().unwrap().to_owned()),
        ("KEYREEVE_TOKEN", token.trim().to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    server
}

#[test]
fn a_split_epoch_key_comes_back_by_enough_of_its_shares() {
    let places = Places::new(Vec::new());
    let [near, far, data, admin] = ["near", "far", "data", "admin"].map(|name| places.text(name));
    let key_file = places.text("unlock.key");
    fs::write(&key_file, "5a".repeat(32)).unwrap();
    fs::set_permissions(&key_file, PermissionsExt::from_mode(0o600)).unwrap();
    let unlock = ["--key-file", &key_file];
    let made = places.offline(&[&["init", "--dir", &data, "--out-dir", &admin][..], &unlock].concat());
    assert!(made.status.success(), "{}", said(&made));
    let server = serve(&admin, &data, &unlock, "2");
    for target in [&near, &far] {
        server.keyreeve(&["backup", "create", "--to", target]);
    }
    key_with_ciphertext(&places, &server, "kept");
    key_with_ciphertext(&places, &server, "doomed");
    let destroyed = server.keyreeve(&["key", "destroy", "doomed", "--now", "--yes", "--wait"]);
    fs::write(places.path("doomed.json"), destroyed).unwrap();
    server.keyreeve(&["certificate", "verify", &places.text("doomed.json")]);
    let drill = json(&server, &["backup", "drill"]);
    assert_eq!(drill["good"], true, "{drill}");
    for target in [&near, &far] {
        server.keyreeve(&["backup", "create", "--to", target]);
    }
    assert_eq!(server.stop(), Some(0));
    places.lose("data");

    // One share is not enough.
    let into = places.text("restored");
    let restore = [&["restore", "--from", &near, "--into", &into][..], &unlock].concat();
    let (cell, away) = (places.path("far.cell"), places.path("away"));
    fs::rename(&cell, &away).unwrap();
    let refused = places.offline(&restore);
    assert!(
        !refused.status.success() && said(&refused).contains("too few of its shares"),
        "{}",
        said(&refused)
    );
    fs::rename(&away, &cell).unwrap();
    places.offline_json(&restore);
    let server = serve(&admin, &into, &unlock, "2");
    assert!(decrypts(&places, &server, "kept") && !decrypts(&places, &server, "doomed"));
    assert_eq!(json(&server, &["backup", "drill"])["good"], true);
    assert_eq!(server.stop(), Some(0));
}

/// Copies a folder of files and folders.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, copy) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        match path.is_dir() {
            true => copy_dir(&path, &copy),
            false => assert!(fs::copy(&path, &copy).is_ok()),
        }
    }
}

#[test]
fn an_older_copy_of_the_data_folder_starts_only_where_that_is_accepted() {
    let places = Places::new(Vec::new());
    let target = places.text("target");
    let server = places.dev("first", &[]).unwrap();
    places.keep_root_key_of("first");
    key_with_ciphertext(&places, &server, "before");
    server.keyreeve(&["backup", "create", "--to", &target]);
    assert_eq!(server.stop(), Some(0));
    copy_dir(&places.path("first"), &places.path("copy"));
    let server = places.dev("first", &[]).unwrap();
    key_with_ciphertext(&places, &server, "since");
    server.keyreeve(&["backup", "create", "--to", &target]);
    let come = json(&server, &["status"])["lsn"].as_u64().unwrap();
    // The anchor follows within seconds of what is shipped.
    let anchored = || {
        let anchor: Value =
            serde_json::from_slice(&fs::read(places.path("target/anchor.json")).unwrap()).unwrap();
        anchor.pointer("/anchor/lsn").or(anchor.get("lsn")).and_then(Value::as_u64)
    };
    while anchored().is_none_or(|lsn| lsn < come) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    server.kill();
    fs::remove_dir_all(places.path("first")).unwrap();
    copy_dir(&places.path("copy"), &places.path("first"));
    let told = places.dev("first", &[]).err().expect("it goes on from an older copy");
    assert!(told.contains("rolled back") && told.contains("--accept-rollback"), "{told}");
    let server = places.dev("first", &["--accept-rollback"]).unwrap();
    assert!(decrypts(&places, &server, "before") && run(&server, &["key", "show", "since"]).0 == 4);
    let tail = ["journal", "tail", "--after", "0", "--kind", "accept-rollback", "-o", "json"];
    let told = String::from_utf8(server.keyreeve(&tail)).unwrap();
    assert!(told.contains("older than its anchor"), "it is not on record: {told}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_store_that_only_shares_unlock_comes_back_by_enough_of_them() {
    let places = Places::new(Vec::new());
    let target = places.text("target");
    let (data, admin, shares) = (places.text("data"), places.text("admin"), places.text("shares"));
    let init = ["init", "--dir", &data, "--out-dir", &admin, "--shares", "5", "--threshold", "3"];
    let made = places.offline(&[&init[..], &["--shares-dir", &shares]].concat());
    assert!(made.status.success(), "{}", said(&made));
    let mut files: Vec<_> = Path::new(&shares).read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let file = |at: usize| files[at].to_str().unwrap();
    let serve = |dir: &str, with: [usize; 3]| {
        let unlock: Vec<_> = with.iter().flat_map(|at| ["--share-file", file(*at)]).collect();
        serve(&admin, dir, &unlock, "1")
    };
    let server = serve(&data, [0, 1, 2]);
    key_with_ciphertext(&places, &server, "kept");
    key_with_ciphertext(&places, &server, "doomed");
    server.keyreeve(&["backup", "create", "--to", &target]);
    let destroyed = server.keyreeve(&["key", "destroy", "doomed", "--now", "--yes", "--wait"]);
    fs::write(places.path("doomed.json"), destroyed).unwrap();
    server.keyreeve(&["certificate", "verify", &places.text("doomed.json")]);
    server.keyreeve(&["backup", "create", "--to", &target]);
    server.kill();
    places.lose("data");

    let restore = ["restore", "--from", &target, "--into", &places.text("restored"), "-o", "json"];
    let too_few = ["--share-file", file(4), "--share-file", file(2)];
    let refused = places.offline(&[&restore[..], &too_few].concat());
    assert!(said(&refused).contains("3 different shares are needed, and 2 given"), "{}", said(&refused));
    let enough = ["--share-file", file(4), "--share-file", file(2), "--share-file", file(1)];
    let restored = places.offline(&[&restore[..], &enough].concat());
    assert!(restored.status.success(), "{}", said(&restored));
    // The administrator's credentials of before still count.
    let server = serve(&places.text("restored"), [3, 0, 4]);
    assert!(decrypts(&places, &server, "kept") && !decrypts(&places, &server, "doomed"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn damage_at_a_target_is_found_and_pruning_leaves_what_restores() {
    let places = Places::new(Vec::new());
    let target = places.text("target");
    let server = places.dev("first", &[]).unwrap();
    places.keep_root_key_of("first");
    for name in ["one", "two", "three"] {
        key_with_ciphertext(&places, &server, name);
        server.keyreeve(&["backup", "create", "--to", &target, "--full"]);
    }
    let prune = ["backup", "prune", "--from", &target, "--keep-full", "1", "--keep-days", "0"];
    let could = json(&server, &[&prune[..], &["--dry-run"]].concat());
    let pruned = json(&server, &prune);
    let removed = |answer: &Value| answer["removed"].as_array().unwrap().clone();
    // Pieces of the journal may have come meanwhile.
    assert!(removed(&could).iter().all(|path| removed(&pruned).contains(path)), "{could} {pruned}");
    assert!(removed(&could).len() > 2, "{could}");
    server.keyreeve(&["backup", "drill", "--from", &target]);
    key_with_ciphertext(&places, &server, "doomed");
    server.keyreeve(&["key", "destroy", "doomed", "--yes", "--wait"]);
    assert_eq!(server.stop(), Some(0));
    places.offline_json(&["backup", "verify", "--from", &target]);
    // All keys open, behind a destruction too; without a cell that is told to be unknown, not good.
    let deep = ["backup", "verify", "--from", &target, "--deep"];
    let verified = places.offline_json(&deep);
    assert!(verified["good"] == true && verified["deep"] == true, "{verified}");
    assert!(verified["opened"].as_u64() >= Some(2) && !verified["opened_from"].is_null(), "{verified}");
    let (cell, away) = (places.path("target.cell"), places.path("away"));
    fs::rename(&cell, &away).unwrap();
    let unknown = places.offline(&[&deep[..], &["-o", "json"]].concat());
    assert_eq!(unknown.status.code(), Some(5), "{}", said(&unknown));
    let told: Value = serde_json::from_slice(&unknown.stdout).unwrap();
    assert!(told["good"] == false && told["deep"] == false && told["opened"].is_null(), "{told}");
    let elsewhere = places.text("away");
    assert_eq!(places.offline_json(&[&deep[..], &["--cell", &elsewhere]].concat())["deep"], true);
    fs::rename(&away, &cell).unwrap();
    // Only the data is lost, and the machine's cell is still there.
    fs::remove_dir_all(places.path("first")).unwrap();
    places.offline_json(&["restore", "--from", &target, "--into", &places.text("first")]);
    let server = places.dev("first", &[]).unwrap();
    assert!(["one", "two", "three"].iter().all(|name| decrypts(&places, &server, name)));
    assert_eq!(server.stop(), Some(0));

    let piece =
        fs::read_dir(places.path("target").join("t1/pieces")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&piece).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&piece, bytes).unwrap();
    let verified = places.offline(&["backup", "verify", "--from", &target]);
    let told = said(&verified);
    assert_eq!(verified.status.code(), Some(5), "{told}");
    assert!(told.contains(piece.file_name().unwrap().to_str().unwrap()), "{told}");
}

#[test]
fn a_piece_that_is_gone_refuses_a_restore_until_what_lies_behind_is_given_up() {
    let places = Places::new(Vec::new());
    let target = places.text("target");
    let server = places.dev("first", &[]).unwrap();
    places.keep_root_key_of("first");
    server.keyreeve(&["backup", "create", "--to", &target]);
    let pieces = || {
        let there = fs::read_dir(places.path("target").join("t1/pieces")).unwrap();
        let mut there: Vec<_> = there.map(|piece| piece.unwrap().path()).collect();
        there.sort();
        there
    };
    key_with_ciphertext(&places, &server, "before");
    server.keyreeve(&["backup", "create", "--to", &target]);
    let before = pieces();
    for name in ["gone", "behind"] {
        key_with_ciphertext(&places, &server, name);
        server.keyreeve(&["backup", "create", "--to", &target]);
    }
    assert_eq!(server.stop(), Some(0));
    fs::remove_file(&pieces()[before.len()]).unwrap();

    let into = places.text("second");
    let restore = ["restore", "--from", &target, "--into", &into];
    let refused = places.offline(&restore);
    let told = said(&refused);
    assert_eq!(refused.status.code(), Some(5), "{told}");
    assert!(told.contains("are missing") && told.contains("of timeline 1"), "{told}");
    let reached = told.split("--to ").nth(1).and_then(|rest| rest.split(',').next()).unwrap().to_owned();
    let list = places.offline_json(&["backup", "list", "--from", &target]);
    assert!(list["problems"].to_string().contains("are missing"), "{list}");
    assert_eq!(places.offline(&["backup", "verify", "--from", &target]).status.code(), Some(5));
    let restored = places.offline_json(&[&restore[..], &["--to", &reached]].concat());
    assert_eq!(restored["head"].to_string(), reached, "{restored}");
    let server = places.dev("second", &["--take-over"]).unwrap();
    assert!(decrypts(&places, &server, "before") && !decrypts(&places, &server, "behind"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn doctor_warns_where_no_target_is_and_says_what_one_saves() {
    let places = Places::new(Vec::new());
    let server = places.dev("first", &[]).unwrap();
    let (code, told) = run(&server, &["doctor"]);
    assert!(code == 6 && told.contains("backup create --to"), "{code}: {told}");
    server.keyreeve(&["backup", "create", "--to", &places.text("target")]);
    let (code, told) = run(&server, &["doctor", "-o", "json"]);
    assert!(code == 6 && told.contains("same file system"), "{code}: {told}");
    assert!(json(&server, &["status"])["archives"][0]["target"].as_str().unwrap().ends_with("target"));
    let listed = json(&server, &["target", "list"]);
    assert_eq!(listed["targets"].as_array().unwrap().len(), 1, "{listed}");
    // Letting it go erases its epoch key.
    let removed = json(&server, &["target", "remove", &places.text("target")]);
    assert!(!removed["lost"].is_null() || removed["generation"] == 0, "{removed}");
    assert_eq!(json(&server, &["target", "list"])["targets"], Value::Array(vec![]));
    let refused = places.offline(&["restore", "--from", &places.text("target"), "--into", &places.text("x")]);
    assert!(!refused.status.success(), "the epoch key was left at the target");
}
