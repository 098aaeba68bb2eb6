//! `cargo xtask bench`: a server of its own under load, as a table; with `--peer openbao` beside a real OpenBao; with
//! `--sinks N` beside one that tells five sinks; and with many keys (scale). Not here: the load (`keyreeve bench`).

mod openbao;
mod scale;
mod sinks;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::steps::{Steps, succeeds};

/// What the run leaves behind, and removes when it begins; relative to the root.
const FOLDER: &str = "target/bench";

/// Time that a server gets to be ready.
const START_MAX: Duration = Duration::from_secs(60);

/// What is measured: its name, the words of `keyreeve bench`, and what is wanted of it.
///
/// INVARIANT: docs/performance.md has a row of each name that wants the same.
const ROWS: &[(&str, &str, &str)] = &[
    ("KMIP encrypt, 64 connections", "--protocol kmip --op encrypt --ceiling", "ratio 0.45"),
    (
        "KMIP encrypt, 256 connections",
        "--protocol kmip --op encrypt --connections 256 --ceiling",
        "ratio 0.65",
    ),
    ("REST encrypt, 64 connections", "--protocol rest --op encrypt --ceiling", "ratio 0.50"),
    (
        "REST encrypt, 256 connections",
        "--protocol rest --op encrypt --connections 256 --ceiling",
        "ratio 0.65",
    ),
    (
        "KMIP encrypt, 64 connections, 16 ahead",
        "--protocol kmip --op encrypt --pipeline 16 --ceiling",
        "200,000/s",
    ),
    ("KMIP encrypt, batches of 64", "--protocol kmip --op encrypt --batch 64", "200,000/s"),
    ("KMIP decrypt", "--protocol kmip --op decrypt", ""),
    ("KMIP sign, P-256", "--protocol kmip --op sign", "45 us of server CPU"),
    ("REST sign, P-256", "--protocol rest --op sign", ""),
    ("KMIP create, AES-256", "--protocol kmip --op create", "10,000/s"),
    ("KMIP get", "--protocol kmip --op get", ""),
    ("REST get", "--protocol rest --op get", ""),
    ("KMIP locate by name, few keys", "--protocol kmip --op locate", ""),
];

/// What `cargo xtask bench` is told.
#[derive(Debug, PartialEq)]
struct Asked {
    /// Also beside a real OpenBao.
    openbao: bool,
    /// Keys that the store is grown to; 0: it is not.
    keys: u64,
    /// How long each row is measured.
    seconds: f64,
    /// How many times servers with and without sinks are measured in turn; 0: they are not.
    sinks: u32,
}

impl Asked {
    fn read(arguments: &[&str]) -> Result<Self, String> {
        let mut asked = Self { openbao: false, keys: 1_000_000, seconds: 5.0, sinks: 0 };
        let mut words = arguments.iter();
        while let Some(flag) = words.next() {
            let value = *words.next().ok_or_else(|| format!("{flag} needs a value"))?;
            let wrong = || format!("{flag} does not take {value:?}");
            match *flag {
                "--peer" if value == "openbao" => asked.openbao = true,
                "--keys" => asked.keys = value.parse().map_err(|_| wrong())?,
                "--sinks" => asked.sinks = value.parse().map_err(|_| wrong())?,
                "--seconds" => asked.seconds = value.parse().map_err(|_| wrong())?,
                "--peer" => return Err(wrong()),
                other => return Err(format!("bench knows no {other}")),
            }
        }
        Ok(asked)
    }
}

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures, and prints the tables.
///
/// # Errors
/// Says what does not start, or which figure could not be had.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let asked = Asked::read(arguments)?;
    let mut steps = Steps::new(root);
    steps.command("build", &["cargo", "build", "--release", "--locked", "--package", "keyreeve"])?;
    let folder = root.join(FOLDER);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let program = program(root);
    let server = Server::start(&program, &folder, "keyreeve")?;
    let seconds = format!(" --seconds {}", asked.seconds);
    let keyreeve = |words: &str| measure(&program, &server.environment, &(words.to_owned() + &seconds));
    println!("\n| what | a second | p50 us | p99 us | server CPU us | ceiling a second | ratio | wanted |");
    println!("|---|---|---|---|---|---|---|---|");
    for (name, words, wanted) in ROWS {
        println!("| {name} | {} | {wanted} |", cells(&keyreeve(words)?));
    }
    if asked.openbao {
        let peer = openbao::start(root, &folder, &mut steps)?;
        println!(
            "\n| in turn, REST encrypt of 64 bytes, 64 connections | a second | p50 us | p99 us | server CPU us |"
        );
        println!("|---|---|---|---|---|");
        for _ in 0..2 {
            let own = keyreeve("--protocol rest --op encrypt")?;
            println!("| Keyreeve, each use on record and synced | {} |", first_cells(&own));
            let other = measure(&program, &peer.environment, &(peer.words.clone() + &seconds))?;
            println!("| OpenBao transit, audit log not synced | {} |", first_cells(&other));
        }
    }
    drop(server);
    if asked.sinks > 0 {
        sinks::run(&program, &folder, &asked)?;
    }
    if asked.keys == 0 { Ok(()) } else { scale::run(&program, &folder, &asked) }
}

/// A server that is ready.
struct Server {
    process: Running,
    /// What tells its clients of it.
    environment: Vec<(String, String)>,
    /// From its start until it was ready.
    opening: Duration,
}

impl Server {
    /// Starts one for development on the folder of this name, which it makes or opens again, and waits until it is ready.
    fn start(program: &Path, folder: &Path, name: &str) -> Result<Self, String> {
        let dir = folder.join(name);
        let mut command = Command::new(program);
        command.arg("dev").arg("--dir").arg(&dir).args(["--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0"]);
        let mut server = Self::ready(command, &folder.join(format!("{name}.log")))?;
        let file = dir.join("env");
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        server.environment = exports(&text);
        Ok(server)
    }

    /// Starts it, and waits until it says that it is ready.
    fn ready(mut command: Command, log: &Path) -> Result<Self, String> {
        let begin = Instant::now();
        let mut process = spawn(command.stdout(Stdio::piped()), log)?;
        let Running(child) = &mut process;
        let stdout = child.stdout.take().ok_or("the server has no stdout")?;
        let (told, ready) = mpsc::channel();
        std::thread::spawn(move || {
            // To its end: a server whose stdout nobody reads would wait.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line == "keyreeve ready" {
                    let _ = told.send(());
                }
            }
        });
        let late = |_| format!("the server is not ready; see {}", log.display());
        ready.recv_timeout(START_MAX).map_err(late)?;
        Ok(Self { process, environment: Vec::new(), opening: begin.elapsed() })
    }

    /// Its process.
    fn id(&self) -> u32 {
        let Running(child) = &self.process;
        child.id()
    }

    /// Asks it to stop, and waits until it has.
    fn stop(mut self) -> Result<(), String> {
        let id = self.id().to_string();
        if !succeeds(&["kill", "-TERM", &id]) {
            return Err("the server cannot be asked to stop".into());
        }
        let Running(child) = &mut self.process;
        let status = child.wait().map_err(|e| format!("the server's end: {e}"))?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}")) }
    }
}

/// The variables that the file of a development server exports.
fn exports(text: &str) -> Vec<(String, String)> {
    let variable = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    text.lines().filter_map(variable).collect()
}

/// The program that was built.
fn program(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("release/keyreeve")
}

fn spawn(command: &mut Command, log: &Path) -> Result<Running, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let file = || File::create(log).map_err(|e| format!("{}: {e}", log.display()));
    command.stdin(Stdio::null()).stderr(file()?);
    command.spawn().map(Running).map_err(|e| format!("`{name}` does not start: {e}"))
}

fn wait_for<T>(what: &str, ready: impl Fn() -> Option<T>) -> Result<T, String> {
    let begin = Instant::now();
    loop {
        match ready() {
            Some(ready) => return Ok(ready),
            None if begin.elapsed() > START_MAX => return Err(format!("{what} is not ready; see {FOLDER}")),
            None => sleep(Duration::from_millis(100)),
        }
    }
}

fn measure(program: &Path, environment: &[(String, String)], words: &str) -> Result<Value, String> {
    let mut command = Command::new(program);
    command.arg("bench").args(words.split_ascii_whitespace()).args(["-o", "json"]);
    command.env_remove("KEYREEVE_CONFIG").envs(environment.iter().cloned()).stderr(Stdio::inherit());
    let output = command.output().map_err(|e| format!("bench does not start: {e}"))?;
    if !output.status.success() {
        return Err(format!("`keyreeve bench {words}` ended with {}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("`keyreeve bench {words}`: {e}"))
}

fn first_cells(measured: &Value) -> String {
    let fields = ["requests_per_second", "p50_us", "p99_us", "server_cpu_us"];
    fields.map(|field| cell(measured, field)).join(" | ")
}

fn cells(measured: &Value) -> String {
    let rest = ["ceiling_requests_per_second", "ratio"].map(|field| cell(measured, field));
    [first_cells(measured), rest.join(" | ")].join(" | ")
}

fn cell(measured: &Value, field: &str) -> String {
    match measured.get(field).and_then(Value::as_f64) {
        None => String::new(),
        Some(number) if number >= 1000.0 => {
            let digits = format!("{number:.0}");
            let groups: Vec<&str> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .filter_map(|group| std::str::from_utf8(group).ok())
                .collect();
            groups.join(",")
        }
        Some(number) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_every_row_and_what_is_wanted_of_it() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
        let text = fs::read_to_string(path).unwrap();
        let rows = ROWS.iter().map(|(name, _, wanted)| (*name, *wanted)).chain(scale::ROWS.iter().copied());
        for (name, wanted) in rows {
            let row = text.lines().find(|line| line.starts_with(&format!("| {name} |")));
            let row = row.unwrap_or_else(|| panic!("docs/performance.md has no row {name:?}"));
            let last = row.trim_end_matches('|').rsplit('|').next().unwrap();
            assert_eq!(last.trim(), wanted, "{row}");
        }
    }

    #[test]
    fn arguments_are_read_or_refused() {
        let usual = Asked { openbao: false, keys: 1_000_000, seconds: 5.0, sinks: 0 };
        assert_eq!(Asked::read(&[]), Ok(usual));
        let small = Asked { openbao: true, keys: 1000, seconds: 0.5, sinks: 3 };
        assert_eq!(
            Asked::read(&["--keys", "1000", "--seconds", "0.5", "--peer", "openbao", "--sinks", "3"]),
            Ok(small)
        );
        for wrong in [&["--keys"][..], &["--keys", "many"], &["--peer", "vault"], &["--fast", "1"]] {
            assert!(Asked::read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_of_exports_is_read() {
        let text = "# of a server\nexport KEYREEVE_ADDR='https://127.0.0.1:1'\nexport A=b\n";
        let expected = [("KEYREEVE_ADDR", "https://127.0.0.1:1"), ("A", "b")];
        assert_eq!(exports(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn numbers_are_readable() {
        let measured = serde_json::json!({ "requests_per_second": 1_234_567, "p50_us": 12.5, "ratio": null });
        assert_eq!(cell(&measured, "requests_per_second"), "1,234,567");
        assert_eq!(cell(&measured, "p50_us"), "12.5");
        assert_eq!(cell(&measured, "ratio"), "");
    }
}
