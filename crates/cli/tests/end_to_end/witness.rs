//! A witness as a process of its own: it cosigns a server's checkpoints, and does not where the server's folder is not the one
//! that it has seen. Not here: its answers one by one (keyreeve-store's tests).

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::bad_input::real_server_with;
use crate::floods::until;
use crate::recovery::copy_dir;
use crate::server::{Folder, KEYREEVE, Server, fixed_port, folder};

/// A witness, ended with the test.
struct Witness {
    child: Child,
    folder: Folder,
    port: u16,
}

impl Witness {
    fn start(at: (Folder, u16)) -> Self {
        Self::start_named("w.example", at)
    }

    fn named(name: &str, port: u16) -> Self {
        Self::start_named(name, (folder(), port))
    }

    fn start_named(name: &str, (folder, port): (Folder, u16)) -> Self {
        let path = |name: &str| folder.path().join(name);
        fs::OpenOptions::new().append(true).create(true).open(path("logs")).unwrap();
        let mut command = Command::new(KEYREEVE);
        command.args(["witness", "--name", name, "--listen", &format!("127.0.0.1:{port}")]);
        command.arg("--dir").arg(path("witness")).arg("--logs").arg(path("logs"));
        let said = fs::File::create(path("said")).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("ready on"), "{line}{}", fs::read_to_string(path("said")).unwrap());
        Self { child, folder, port }
    }

    fn verifier(&self) -> String {
        fs::read_to_string(self.folder.path().join("witness/verifier")).unwrap().trim().to_owned()
    }

    fn table(&self) -> String {
        let (port, key, ca) = (self.port, self.verifier(), self.folder.path().join("witness/ca.pem"));
        format!(
            "[[audit.witnesses]]\nurl = \"https://127.0.0.1:{port}/\"\nkey = \"{key}\"\nca_file = {ca:?}\n"
        )
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Killed and started again: what it knows is on its disk.
    fn again(mut self) -> Self {
        self.stop();
        let folder = std::mem::replace(&mut self.folder, folder());
        Self::start((folder, self.port))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop();
    }
}

fn told(server: &Server) -> Value {
    let told: Value =
        serde_json::from_slice(&server.keyreeve(&["audit", "witnesses", "-o", "json"])).unwrap();
    told["witnesses"][0].clone()
}

/// Exit code and answer of `keyreeve verify`.
fn verify(dir: &Path, anchor: &Path, further: &[&Path]) -> (i32, Value) {
    let mut command = Command::new(KEYREEVE);
    command.arg("verify").arg(dir).args(["-o", "json", "--anchor"]).arg(anchor).args(further);
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

fn again(place: &Folder, variables: &BTreeMap<String, String>) -> Server {
    let mut command = Command::new(KEYREEVE);
    command.args(["server", "--config"]).arg(place.path().join("keyreeve.toml"));
    let mut started = Server::start(command).unwrap();
    started.variables.clone_from(variables);
    started
}

#[test]
fn a_witness_cosigns_what_only_grew_and_nothing_else() {
    let mut witness = Witness::start((folder(), fixed_port()));
    let (place, server) = real_server_with(&witness.table());
    let variables = server.variables.clone();
    let (data, anchor) = (place.path().join("data"), place.path().join("anchor.json"));
    until("the witness says that it does not know the log", || {
        told(&server)["trouble"].as_str().is_some_and(|trouble| trouble.contains("knows no such log"))
    });
    let doctor = server.command(KEYREEVE).arg("doctor").output().unwrap();
    let doctor = String::from_utf8([doctor.stdout, doctor.stderr].concat()).unwrap();
    assert!(doctor.contains("the witness w.example does not cosign"), "{doctor}");
    fs::write(witness.folder.path().join("logs"), server.keyreeve(&["audit", "keys"])).unwrap();
    until("it cosigns", || told(&server)["trouble"].is_null() && told(&server)["size"] != 0);
    assert_eq!(server.stop(), Some(0));
    let earlier = folder();
    copy_dir(&data, earlier.path());

    // Both go on after a stop, and a kill.
    witness = witness.again();
    let server = again(&place, &variables);
    server.keyreeve(&["key", "create", "later", "--algorithm", "aes-256"]);
    let shown: Value = serde_json::from_slice(&server.keyreeve(&["status", "-o", "json"])).unwrap();
    let lsn = shown["lsn"].as_u64().unwrap();
    until("it has cosigned the new entry", || told(&server)["size"].as_u64().unwrap() >= lsn);
    let kept = place.path().join("witnessed.txt");
    until("a checkpoint that covers it is kept", || {
        server.keyreeve(&["audit", "checkpoint", "--witnessed", "--out", kept.to_str().unwrap()]);
        let text = fs::read_to_string(&kept).unwrap();
        text.lines().nth(1).unwrap().parse::<u64>().unwrap() >= lsn && text.contains("w.example")
    });
    let last = server.keyreeve(&["key", "create", "latest", "--algorithm", "aes-256"]);
    assert!(!last.is_empty() && server.stop() == Some(0));
    let named = witness.folder.path().join("witness/verifier");
    let flags = [Path::new("--checkpoint"), &kept, Path::new("--witness"), &named];
    let (code, good) = verify(&data, &anchor, &flags);
    assert_eq!((code, &good["good"]), (0, &true.into()), "{good}");
    assert!(good["witnessed_at"].is_string() && good["unwitnessed"].as_u64().unwrap() > 0, "{good}");

    // Another witness is not this one, and a folder from before is caught by what was witnessed.
    let other = Witness::start((folder(), fixed_port()));
    let of_other = other.folder.path().join("witness/verifier");
    let renamed = fs::read_to_string(&of_other).unwrap();
    assert_ne!(renamed.trim(), witness.verifier());
    let (code, bad) =
        verify(&data, &anchor, &[Path::new("--checkpoint"), &kept, Path::new("--witness"), &of_other]);
    assert!(code == 5 && bad["wrong"].to_string().contains("w.example"), "{bad}");
    // A file without a key asks for no witness, and so is none.
    let mut nobody = Command::new(KEYREEVE);
    nobody.arg("verify").arg(&data).args(["--witness", "/dev/null", "--anchor"]).arg(&anchor);
    let nobody = nobody.stdin(Stdio::null()).output().unwrap();
    assert!(!nobody.status.success() && String::from_utf8_lossy(&nobody.stderr).contains("no verifier key"));
    let (code, bad) = verify(earlier.path(), &anchor, &flags);
    assert!(code == 5 && bad["wrong"].to_string().contains("the journal ends here"), "{bad}");

    // The server itself goes on with the older copy, and signs another history with its own keys: nobody cosigns that.
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    copy_dir(earlier.path(), &data);
    let server = again(&place, &variables);
    for name in ["forged", "forged-more"] {
        server.keyreeve(&["key", "create", name, "--algorithm", "aes-256"]);
    }
    until("the witness says that it has seen another journal", || {
        let trouble = told(&server)["trouble"].clone();
        trouble.as_str().is_some_and(|trouble| {
            trouble.contains("older copy") || trouble.contains("no beginning of this journal")
        })
    });
    let before = told(&server)["size"].clone();
    for number in 0..8 {
        server.keyreeve(&["key", "create", &format!("more-{number}"), "--algorithm", "aes-256"]);
    }
    until("it says so of a longer one too", || {
        told(&server)["trouble"]
            .as_str()
            .is_some_and(|trouble| trouble.contains("no beginning of this journal"))
    });
    assert_eq!(told(&server)["size"], before, "nothing was cosigned meanwhile");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn as_many_witnesses_as_are_needed_make_a_checkpoint_a_witnessed_one() {
    let (mut away, there) =
        (Witness::named("away.example", fixed_port()), Witness::named("w.example", fixed_port()));
    let tables = format!("[audit]\nwitnesses_needed = 1\n{}{}", away.table(), there.table());
    let (place, server) = real_server_with(&tables);
    away.stop();
    fs::write(there.folder.path().join("logs"), server.keyreeve(&["audit", "keys"])).unwrap();
    let kept = place.path().join("witnessed.txt");
    until("one of two has cosigned", || {
        let mut asked = server.command(KEYREEVE);
        asked
            .args(["audit", "checkpoint", "--witnessed", "--out"])
            .arg(&kept)
            .output()
            .unwrap()
            .status
            .success()
    });
    assert_eq!(server.stop(), Some(0));
    let (data, anchor) = (place.path().join("data"), place.path().join("anchor.json"));
    let [one, other] = [&away, &there].map(|witness| witness.folder.path().join("witness/verifier"));
    let flag = Path::new;
    let named = [flag("--checkpoint"), &kept, flag("--witness"), &one, flag("--witness"), &other];
    let (code, bad) = verify(&data, &anchor, &named);
    assert!(code == 5 && bad["wrong"].to_string().contains("away.example"), "{bad}");
    let enough = [&named[..], &[flag("--witnesses-needed"), flag("1")]].concat();
    let (code, good) = verify(&data, &anchor, &enough);
    assert_eq!((code, &good["good"]), (0, &true.into()), "{good}");
    assert!(good["witnessed_at"].is_string(), "{good}");
    let twice = [flag("--checkpoint"), &kept, flag("--witness"), &other, flag("--witness"), &other];
    let output = Command::new(KEYREEVE).arg("verify").arg(&data).args(twice).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("is named twice"), "{output:?}");
    let too_few = [&named[..], &[flag("--witnesses-needed"), flag("2")]].concat();
    let (code, bad) = verify(&data, &anchor, &too_few);
    assert!(code == 5 && bad["witnessed_at"].is_null(), "{bad}");
}

/// What a further witness on the folder says, which must not start.
fn refused(folder: &Folder, name: &str) -> String {
    let path = |name: &str| folder.path().join(name);
    let mut command = Command::new(KEYREEVE);
    command.args(["witness", "--name", name, "--listen", "127.0.0.1:0", "--dir"]).arg(path("witness"));
    let output = command.arg("--logs").arg(path("logs")).stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_witness_keeps_its_name_and_its_folder_to_itself() {
    let mut witness = Witness::start((folder(), fixed_port()));
    assert!(refused(&witness.folder, "w.example").contains("another witness runs on"));
    witness.stop();
    fs::remove_dir_all(witness.folder.path().join("witness/checkpoints")).unwrap();
    assert!(refused(&witness.folder, "w.example").contains("no longer knows what it has cosigned"));
    fs::create_dir(witness.folder.path().join("witness/checkpoints")).unwrap();
    assert!(refused(&witness.folder, "v.example").contains("a witness keeps its name"));
    assert!(refused(&witness.folder, "two words").contains("no spaces"));
}
