//! The commands of docs/runbooks, as an administrator would type them: the `sh` blocks of each page, in order, in one
//! shell. What went wrong before, and what must hold after, is told here.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::disk::faulty_disk;
use crate::readme::blocks_of;
use crate::server::{Folder, KEYREEVE, fixed_port, folder, root};

/// A machine with a server on it, a backup target, and an administrator who types.
struct Scene {
    folder: Folder,
    variables: Vec<(String, String)>,
}

const CONFIG: &str = "\
[listen]
http = \"127.0.0.1:PORT\"
kmip = \"127.0.0.1:0\"
[data]
dir = \"FOLDER/data\"
[unlock]
key_file = \"FOLDER/unlock.key\"
";

/// What starts and stops a server elsewhere.
const START: &str = "\
: > server.log    # what a server before it said counts no more, whoever comes first below
LD_PRELOAD=\"$PRELOAD\" keyreeve server --config \"$CONFIG\" >> server.log 2>&1 < /dev/null &
echo $! > server.pid
for _ in $(seq 600); do
    grep -qx 'keyreeve ready' server.log && exit 0
    kill -0 \"$(cat server.pid)\" || break
    sleep 0.1
done
cat server.log
exit 1
";
const STOP: &str = "\
kill \"$(cat server.pid)\"
while kill -0 \"$(cat server.pid)\" 2> /dev/null; do sleep 0.1; done
rm server.pid
";

impl Scene {
    /// A running server with one key, `orders`, a ciphertext under it, and a backup.
    fn new() -> Self {
        let folder = folder();
        let place = folder.path().to_str().unwrap().to_owned();
        let port = fixed_port();
        let config = CONFIG.replace("PORT", &port.to_string()).replace("FOLDER", &place);
        let at = |name: &str| format!("{place}/{name}");
        let path = std::env::var("PATH").unwrap_or_default();
        fs::create_dir(at("bin")).unwrap();
        fs::copy(KEYREEVE, at("bin/keyreeve")).unwrap();
        fs::write(at("keyreeve.toml"), config).unwrap();
        fs::write(at("start"), START).unwrap();
        fs::write(at("stop"), STOP).unwrap();
        let variables = [
            ("PATH", format!("{place}/bin:{path}")),
            ("HOME", "/nonexistent".into()),
            ("TARGET", at("target")),
            ("CONFIG", at("keyreeve.toml")),
            ("DATA", at("data")),
            ("KEY_FILE", at("unlock.key")),
            ("START", "sh start".into()),
            ("STOP", "sh stop".into()),
            ("KEYREEVE_ADDR", format!("https://127.0.0.1:{port}")),
            ("KEYREEVE_CA", at("admin/ca.pem")),
            ("KEYREEVE_ANCHOR", at("admin/anchor.json")),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        let mut scene = Self { folder, variables };
        let object = faulty_disk(scene.folder.path());
        scene.set("PRELOAD", object.to_str().unwrap());
        scene.set("FAULT_FULL", &at("full"));
        scene.run(
            "keyreeve init --config \"$CONFIG\" --out-dir admin --shares 5 --threshold 3 --shares-dir shares\n\
             $START",
        );
        scene.set("KEYREEVE_TOKEN", fs::read_to_string(scene.path("admin/token")).unwrap().trim());
        scene.run(
            "keyreeve key create orders --algorithm aes-256\n\
             echo paper | keyreeve encrypt orders > orders.enc\n\
             keyreeve backup create --to \"$TARGET\"",
        );
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.into(), value.into()));
    }

    /// Runs shell commands, all of which must succeed; gives what they print.
    fn run(&self, script: &str) -> String {
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYREEVE_")) {
            command.env_remove(name);
        }
        command.args(["-euc", script]).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = command.envs(self.variables.iter().cloned()).output().unwrap();
        let [said, told] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert!(output.status.success(), "{script}\n{said}\n{told}");
        said.into_owned()
    }

    /// Does what a runbook says.
    fn follow(&self, page: &str) -> String {
        let text = fs::read_to_string(root().join("docs/runbooks").join(page)).unwrap();
        let mut script = String::new();
        for block in blocks_of(&text, "sh") {
            writeln!(script, "{block}").unwrap();
        }
        assert!(script.lines().count() > 5, "{page} shows hardly any command");
        self.run(&script)
    }

    /// The key that was there before still opens what was encrypted before.
    fn serves(&self) {
        assert_eq!(self.run("keyreeve decrypt orders < orders.enc"), "paper\n");
    }

    /// Destroys a new key for good: no place is pending.
    fn destroys(&self) -> String {
        self.run(
            "keyreeve key create doomed --algorithm aes-256 > made\n\
             keyreeve key destroy doomed --now --yes --wait -o json > doomed.json\n\
             keyreeve certificate verify doomed.json > verified\n\
             cat doomed.json",
        )
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Ok(pid) = fs::read_to_string(self.path("server.pid")) {
            let _ = Command::new("kill").args(["-9", pid.trim()]).status();
        }
    }
}

#[test]
fn a_lost_machine_comes_back() {
    let mut scene = Scene::new();
    scene.run("keyreeve key create gone --algorithm aes-256; keyreeve key destroy gone --now --yes --wait");
    scene.run("keyreeve backup create --to \"$TARGET\"");
    scene.run("kill -9 \"$(cat server.pid)\"; rm -r data data.cell unlock.key");
    let mut shares: Vec<_> =
        fs::read_dir(scene.path("shares")).unwrap().map(|share| share.unwrap().path()).collect();
    shares.sort();
    for (number, share) in [1, 3, 4].into_iter().enumerate() {
        scene.set(&format!("SHARE_{}", number + 1), shares[share].to_str().unwrap());
    }
    scene.follow("lost-machine.md");
    scene.serves();
    assert!(scene.run("keyreeve key show gone").contains("destroyed"));
    assert!(scene.destroys().contains("disk shredded, ticket 17"));
}

#[test]
fn a_lost_target_is_replaced() {
    let mut scene = Scene::new();
    // A disk that was mounted there is not any more.
    scene.run("rm -r target target.cell; echo > target; echo > target.cell");
    scene.set("LOST", scene.path("target").to_str().unwrap());
    scene.set("NEW", scene.path("target2").to_str().unwrap());
    scene.follow("lost-target.md");
    scene.serves();
    assert!(scene.destroys().contains("disk died and was shredded, ticket 18"));
}

#[test]
fn a_full_disk_gets_space() {
    let mut scene = Scene::new();
    // Keys with 60,000 bytes of labels each, until what is allocated ahead is used up.
    scene.run(
        "touch full
        filler=$(head -c 1000 /dev/zero | tr '\\0' x)
        labels=$(for label in $(seq 60); do echo \"--tag=filler$label=$filler\"; done)
        for number in $(seq 100); do
            keyreeve key create \"filler$number\" --algorithm aes-128 $labels > made 2> refused || break
        done
        grep 'disk is full' refused",
    );
    scene.set("MAKE_SPACE", "rm full");
    let told = scene.follow("full-disk.md");
    let full = told.find("disk full").unwrap_or_else(|| panic!("no full disk in {told}"));
    let mut after = told[full..].lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert!(after.any(|words| words == ["disk_full", "no"]), "{told}");
    scene.serves();
    scene.run("keyreeve key create new --algorithm aes-256");
}

#[test]
fn a_point_in_time_comes_back() {
    let mut scene = Scene::new();
    scene.run("keyreeve client add billing; keyreeve key grant orders --to billing --actions encrypt");
    let status: serde_json::Value = serde_json::from_str(&scene.run("keyreeve status -o json")).unwrap();
    scene.run("keyreeve key rotate orders; keyreeve key create mistake --algorithm aes-256");
    scene.set("TO", &status["lsn"].to_string());
    let told = scene.follow("point-in-time-recovery.md");
    assert!(told.contains("disappears  "), "{told}");
    scene.serves();
    assert!(!scene.run("keyreeve key list").contains("mistake"));
    assert!(!scene.path("data.before.cell").exists());
    scene.destroys();
}

#[test]
fn a_damaged_journal_comes_back_from_the_target() {
    let scene = Scene::new();
    scene.run("sh stop");
    let segment = fs::read_dir(scene.path("data/journal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let told = scene.run("if $START; then exit 1; fi");
    assert!(told.contains(segment.file_name().unwrap().to_str().unwrap()), "{told}");
    assert_eq!(fs::read(&segment).unwrap(), bytes, "nothing was changed");
    scene.follow("damaged-journal.md");
    scene.serves();
    scene.destroys();
}

#[test]
fn what_may_be_compromised_is_replaced() {
    let scene = Scene::new();
    scene.run("keyreeve client add billing");
    let before = fs::read(scene.path("unlock.key")).unwrap();
    scene.follow("suspected-compromise.md");
    assert_ne!(fs::read(scene.path("unlock.key")).unwrap(), before);
    assert!(scene.run("keyreeve root status").contains("version      2"));
    scene.run("$STOP; $START");
    scene.serves();
    assert!(scene.run("keyreeve key show orders").contains("compromised"));
    let refused = scene.run(
        "unset KEYREEVE_TOKEN; keyreeve --client-cert billing.pem --client-key billing.key key list || echo refused",
    );
    assert_eq!(refused, "refused\n");
}

#[test]
fn an_upgrade_goes_on_with_what_is_there() {
    let mut scene = Scene::new();
    scene.set("NEW", KEYREEVE);
    scene.set("PROGRAM", scene.path("bin/keyreeve").to_str().unwrap());
    scene.follow("upgrade.md");
    scene.serves();
    assert!(scene.path("bin/keyreeve.before").exists());
}

#[test]
fn every_runbook_is_tested() {
    let names = fs::read_dir(root().join("docs/runbooks")).unwrap().map(|page| page.unwrap().file_name());
    let here = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/runbooks.rs"));
    let here = here.unwrap();
    for name in names {
        assert!(here.contains(&format!("follow({name:?})")), "no test follows {name:?}");
    }
}
