//! What people type at a terminal: the passphrase of the root key, where nothing else unlocks it. Each test has a terminal of
//! its own, which the program gets as its controlling one.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::server::{KEYREEVE, Server, folder};

const PROMPT: &str = "Passphrase of the root key: ";
const PASSPHRASE: &str = "correct horse battery staple";
const WRONG: &str = "incorrect horse battery staple";

/// A terminal, and somebody at it.
struct Terminal {
    screen: File,
    /// The program's end.
    path: PathBuf,
}

impl Terminal {
    fn new() -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap();
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())).to_owned();
        Self { screen: File::from(screen), path }
    }

    /// `keyreeve`, to be run at this terminal: its standard input, and where it asks.
    fn command(&self, arguments: &[&str]) -> (Command, Stdio) {
        let end = File::options()
            .read(true)
            .write(true)
            .custom_flags(OpenptFlags::NOCTTY.bits() as i32)
            .open(&self.path)
            .unwrap();
        let mut command = Command::new("setsid");
        command.args(["--ctty", KEYREEVE]).args(arguments);
        (command, end.into())
    }

    /// Types a line once it is asked for, and no sooner than nothing is echoed; gives all that was shown in the end.
    fn types(mut self, line: &str) -> JoinHandle<String> {
        let line = format!("{line}\n");
        std::thread::spawn(move || {
            let (mut shown, mut typed) = (Vec::new(), false);
            let mut bytes = [0; 4096];
            // It fails once nobody has the other end any more.
            while let Ok(len @ 1..) = self.screen.read(&mut bytes) {
                shown.extend_from_slice(&bytes[..len]);
                if !typed && String::from_utf8_lossy(&shown).contains(PROMPT) {
                    let begin = Instant::now();
                    while tcgetattr(&self.screen).unwrap().local_modes.contains(LocalModes::ECHO) {
                        assert!(begin.elapsed() < Duration::from_secs(60), "what is typed would be shown");
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    self.screen.write_all(line.as_bytes()).unwrap();
                    typed = true;
                }
            }
            String::from_utf8(shown).unwrap()
        })
    }
}

/// Starts a server over a folder whose passphrase is typed; gives what the terminal has shown once it has ended.
fn serve(dir: &str, typed: &str) -> (Result<Server, String>, JoinHandle<String>) {
    let terminal = Terminal::new();
    let arguments = ["server", "--dir", dir, "--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0"];
    let (command, end) = terminal.command(&arguments);
    let typist = terminal.types(typed);
    (Server::start_at(command, end), typist)
}

/// Runs a command at a terminal to its end; also what was shown there.
fn run(arguments: &[&str], typed: &str) -> (Output, String) {
    let terminal = Terminal::new();
    let (mut command, end) = terminal.command(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYREEVE_")) {
        command.env_remove(name);
    }
    let typist = terminal.types(typed);
    let output = command.stdin(end).output().unwrap();
    // With it goes the last that has the terminal's other end.
    drop(command);
    (output, typist.join().unwrap())
}

fn assert_unseen(shown: &str) {
    assert!(shown.contains(PROMPT), "{shown:?}");
    assert!(!shown.contains(PASSPHRASE) && !shown.contains(WRONG), "what is typed is shown: {shown:?}");
}

#[test]
fn a_passphrase_that_is_typed_starts_a_server_and_restores_and_a_wrong_one_does_neither() {
    let folder = folder();
    let text = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, second, target) = (text("first"), text("second"), text("target"));
    let server = Server::dev(Path::new(&first));
    server.keyreeve(&["key", "create", "orders", "--algorithm", "aes-256"]);
    server.keyreeve(&["backup", "create", "--to", &target]);
    assert_eq!(server.stop(), Some(0));
    std::fs::write(text("passphrase"), PASSPHRASE).unwrap();
    let (key_file, passphrase) = (text("first/root.key"), text("passphrase"));
    let unlock = ["--key-file", &key_file, "--new-passphrase-file", &passphrase];
    let (changed, _) = run(&[&["root", "change-unlock", "--dir", &first][..], &unlock].concat(), "");
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));

    let (refused, typist) = serve(&first, WRONG);
    let told = refused.err().expect("it started by a wrong passphrase");
    assert!(told.contains("passphrase"), "{told}");
    assert_unseen(&typist.join().unwrap());
    let (started, typist) = serve(&first, PASSPHRASE);
    let server = started.unwrap();
    assert!(!server.printed().contains(PASSPHRASE));
    // By then the target has the root key as it is locked now.
    assert_eq!(server.stop(), Some(0));
    assert_unseen(&typist.join().unwrap());

    let restore = ["restore", "--from", &target, "--into", &second];
    let (refused, shown) = run(&restore, WRONG);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("passphrase"), "{told}");
    assert!(!Path::new(&second).join("store.json").exists(), "something was restored");
    assert_unseen(&shown);
    let (restored, shown) = run(&restore, PASSPHRASE);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert!(Path::new(&second).join("store.json").exists());
    assert_unseen(&shown);
}
