//! What only somebody at a terminal sees: names that the Tab key completes, and how far long work has come.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::bad_input::real_server_with;
use crate::server::{KEYREEVE, Server, folder};

/// A program on a terminal of its own, which `script` makes.
struct Terminal {
    script: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn open(server: &Server, command: &str) -> Self {
        let mut script = server.command("script");
        script.args(["-qfec", command, "/dev/null"]).env("TERM", "xterm");
        let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keys, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let read = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                read.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { script, keys, shown }
    }

    fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).and_then(|()| self.keys.flush()).unwrap();
    }

    fn waits_for(&self, text: &str) {
        assert!(self.shows(text, Duration::from_secs(60)), "no {text:?} in {:?}", self.shown());
    }

    /// Types it again and again: what it asks for may give up where the machine is busy.
    fn types_until(&mut self, keys: &str, text: &str) {
        let begin = Instant::now();
        self.types(keys);
        while !self.shows(text, Duration::from_secs(6)) {
            assert!(begin.elapsed() < Duration::from_secs(60), "no {text:?} in {:?}", self.shown());
            self.types(keys);
        }
    }

    /// Whether the terminal shows it within this time.
    fn shows(&self, text: &str, time: Duration) -> bool {
        let begin = Instant::now();
        while !self.shown().contains(text) {
            if begin.elapsed() > time {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // With it goes the terminal, which ends what runs on it.
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

#[test]
fn the_tab_key_completes_the_names_of_keys_in_bash() {
    let data = folder();
    let server = Server::dev(data.path());
    server.keyreeve(&["key", "create", "files-of-accounting", "--algorithm", "aes-192"]);
    let mut bash = Terminal::open(&server, "bash --norc --noprofile -i");
    // The prompt is not what is typed, which the terminal shows, too.
    bash.types("PS1='com''pleted> '; eval \"$(keyreeve completions bash)\"\n");
    bash.waits_for("completed> ");
    bash.types("keyreeve key sh\t");
    bash.waits_for("keyreeve key show ");
    bash.types("files");
    bash.types_until("\t", "keyreeve key show files-of-accounting ");
    bash.types("\n");
    bash.waits_for("aes-192");
    bash.types("exit\n");
    bash.script.wait().unwrap();
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_password_is_asked_for_at_a_terminal_unseen_and_counts_in_its_own_realm() {
    const PASSWORD: &str = "correct horse battery staple";
    let (data, place) = (folder(), folder());
    let server = Server::dev(data.path());
    let file = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    std::fs::write(file("password"), PASSWORD).unwrap();
    let realm = ["realm", "create", "shop", "--admin", "owner", "--token", "--out-dir"];
    server.keyreeve(&[&realm[..], &[&*place.path().to_string_lossy()]].concat());
    let set = ["client", "password", "clerk", "--role", "user", "--password-file", &file("password")];
    server.keyreeve(&[&["--token-file", &file("owner.token")], &set[..]].concat());

    let log_in = |realm: &str| {
        let out = file("clerk");
        let command = format!("{KEYREEVE} login {realm} --name clerk --out {out}; echo ended $?");
        let mut terminal = Terminal::open(&server, &command);
        terminal.waits_for("Password: ");
        terminal.types(&format!("{PASSWORD}\n"));
        terminal.waits_for("One-time code");
        terminal.types("\n");
        terminal.waits_for("ended ");
        let shown = terminal.shown();
        assert!(!shown.contains(PASSWORD), "the terminal shows what is typed: {shown}");
        shown
    };
    for elsewhere in ["", "--realm nowhere"] {
        let shown = log_in(elsewhere);
        assert!(shown.contains("nobody logs in with this") && shown.contains("ended 3"), "{shown}");
    }
    // Failures under a name in one realm keep nobody of its namesakes waiting; those from one place do, for a while.
    let begin = Instant::now();
    while !log_in("--realm shop").contains("ended 0") {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody logs in");
    }
    let whoami = String::from_utf8(server.keyreeve(&["--token-file", &file("clerk"), "whoami"])).unwrap();
    assert!(whoami.contains("clerk"), "{whoami}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_long_backup_shows_at_a_terminal_and_nowhere_else_how_far_it_is() {
    // So slow that it is under way for as long as anybody looks.
    let (place, server) = real_server_with("[backup]\nbytes_per_second_max = 20\n");
    for name in 0..8 {
        server.keyreeve(&["key", "create", &format!("key{name}"), "--algorithm", "rsa-2048"]);
    }
    let target = place.path().join("target").to_string_lossy().into_owned();
    let backup = ["backup", "create", "--to", &target];
    let mut elsewhere = server.command(KEYREEVE);
    elsewhere.args(backup).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let elsewhere = elsewhere.spawn().unwrap();
    let terminal = Terminal::open(&server, &format!("keyreeve {}", backup.join(" ")));
    terminal.waits_for("writing records, ");
    terminal.waits_for(" so far");
    server.kill();
    let said = elsewhere.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(!said.contains("so far") && !said.contains("at work"), "{said}");
}
