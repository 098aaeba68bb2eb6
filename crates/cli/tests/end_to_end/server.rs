//! A `keyreeve dev` of a test's own: started on free ports, ended with the test, however that ends.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The program under test.
pub(crate) const KEYREEVE: &str = env!("CARGO_BIN_EXE_keyreeve");

/// Time from start to `keyreeve ready`, and to whatever else is waited for.
const START: Duration = Duration::from_secs(60);

/// A folder that vanishes with the test, and with it what lies beside it: a data folder's cell.
pub(crate) struct Folder {
    path: PathBuf,
    _around: TempDir,
}

impl Folder {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes an empty folder.
pub(crate) fn folder() -> Folder {
    let around = tempfile::Builder::new().prefix("keyreeve-test-").tempdir().unwrap();
    let path = around.path().join("data");
    fs::create_dir(&path).unwrap();
    Folder { path, _around: around }
}

/// Repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// A port for a server of this test that must be known before it starts, or be the same when it starts again.
///
/// Not one that the operating system gives out: it would give it to another test's connection as soon as nobody listens.
pub(crate) fn fixed_port() -> u16 {
    const FIRST: u16 = 20_000;
    const PORTS: u32 = 12_000;
    const OF_A_PROCESS: u32 = 8;
    // Held as long as the test lives: other tests that ask for one pass over it, and TCP is left free.
    static HELD: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let first = std::process::id().wrapping_mul(OF_A_PROCESS);
    for offset in 0..PORTS {
        let port = FIRST + (first.wrapping_add(offset) % PORTS) as u16;
        if let Ok(held) = UdpSocket::bind(("127.0.0.1", port)) {
            HELD.lock().unwrap().push(held);
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    }
    panic!("no port is free");
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// What it has printed so far, on both streams.
    printed: Arc<Mutex<String>>,
    /// What `env` in its folder exports, where there is one.
    pub(crate) variables: BTreeMap<String, String>,
}

impl Server {
    /// Starts `keyreeve dev` on free ports with its data in `folder`.
    pub(crate) fn dev(folder: &Path) -> Self {
        Self::try_dev(folder, &[]).unwrap()
    }

    /// The same with further arguments; where it ends before it is ready: what it printed.
    pub(crate) fn try_dev(folder: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(KEYREEVE);
        command.arg("dev").arg("--dir").arg(folder);
        command.args(["--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0"]).args(arguments);
        let mut server = Self::start(command)?;
        server.read_exports(folder);
        Ok(server)
    }

    /// Takes on what `env` in a `dev` folder exports.
    pub(crate) fn read_exports(&mut self, folder: &Path) {
        self.variables = exports(&folder.join("env"));
    }

    /// Starts a server and waits until it is ready.
    pub(crate) fn start(command: Command) -> Result<Self, String> {
        Self::start_at(command, Stdio::null())
    }

    /// The same with this as its standard input.
    pub(crate) fn start_at(mut command: Command, stdin: Stdio) -> Result<Self, String> {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYREEVE_")) {
            command.env_remove(name);
        }
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(command);
        let printed = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let printed = Arc::clone(&printed);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut printed = printed.lock().unwrap();
                    printed.push_str(&line);
                    printed.push('\n');
                }
            });
        }
        let mut server = Self { child, printed, variables: BTreeMap::new() };
        let begin = Instant::now();
        while !server.printed().lines().any(|line| line == "keyreeve ready") {
            if let Some(status) = server.child.try_wait().unwrap() {
                // The readers may be a moment behind.
                std::thread::sleep(Duration::from_millis(50));
                return Err(format!("{status}\n{}", server.printed()));
            }
            assert!(begin.elapsed() < START, "not ready in time:\n{}", server.printed());
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(server)
    }

    /// What it has printed so far.
    pub(crate) fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// The last lines of it.
    pub(crate) fn printed_last(&self) -> String {
        let printed = self.printed();
        let lines: Vec<&str> = printed.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Waits for a line that contains `text`.
    pub(crate) fn wait_for_line(&self, text: &str) {
        let begin = Instant::now();
        while !self.printed().contains(text) {
            assert!(begin.elapsed() < START, "no {text:?} in:\n{}", self.printed());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A variable that `env` exports.
    pub(crate) fn variable(&self, name: &str) -> &str {
        self.variables.get(name).unwrap_or_else(|| panic!("env does not export {name}: {:?}", self.variables))
    }

    /// A command with the environment of this server's clients, and of no other.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYREEVE_")) {
            command.env_remove(name);
        }
        let programs = Path::new(KEYREEVE).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", programs.display()));
        command.env("HOME", "/nonexistent").envs(&self.variables);
        command
    }

    /// Runs `keyreeve` and returns what it wrote to stdout; it must succeed.
    pub(crate) fn keyreeve(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.command(KEYREEVE).args(arguments).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "keyreeve {arguments:?}: {}\n{said}", output.status);
        output.stdout
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Asks it to stop and waits; its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.wait_mut()
    }

    /// Waits until it has stopped by itself; its exit code.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.wait_mut()
    }

    fn wait_mut(&mut self) -> Option<i32> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begin.elapsed() < Duration::from_secs(40), "does not stop:\n{}", self.printed());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads `export NAME=VALUE` lines by letting a shell read them, as users do.
fn exports(file: &Path) -> BTreeMap<String, String> {
    let script = format!(". '{}' && env -0", file.display());
    let output = Command::new("sh").args(["-c", &script]).env_clear().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    let ours = pairs.filter(|(name, _)| name.starts_with("KEYREEVE_"));
    ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
