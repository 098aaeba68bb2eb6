//! `cargo xtask bench`: a server of its own under load, as a table; with `--peer openbao` beside a real OpenBao. Not here:
//! the load (`keyreeve bench`).

mod openbao;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::steps::Steps;

/// What the run leaves behind, and removes when it begins; relative to the root.
const FOLDER: &str = "target/bench";

/// Time that a server gets to be ready.
const START_MAX: Duration = Duration::from_secs(60);

/// What is measured: its name, the words of `keyreeve bench`, and what is wanted of it.
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
    ("KMIP encrypt, batches of 64", "--protocol kmip --op encrypt --batch 64", ""),
    ("KMIP decrypt", "--protocol kmip --op decrypt", ""),
    ("KMIP sign, P-256", "--protocol kmip --op sign", "45 us of server CPU"),
    ("REST sign, P-256", "--protocol rest --op sign", ""),
    ("KMIP create, AES-256", "--protocol kmip --op create --seconds 3", "10,000/s"),
    ("KMIP get", "--protocol kmip --op get", ""),
    ("REST get", "--protocol rest --op get", ""),
    ("KMIP locate by name", "--protocol kmip --op locate", "under 1,000 us"),
];

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures, and prints a table.
///
/// # Errors
/// Says what does not start, or which figure could not be had.
pub(crate) fn run(root: &Path, peer: Option<&str>) -> Result<(), String> {
    if peer.is_some_and(|peer| peer != "openbao") {
        return Err("--peer knows only `openbao`".into());
    }
    let mut steps = Steps::new(root);
    steps.command("build", &["cargo", "build", "--release"])?;
    let folder = root.join(FOLDER);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let program = program(root);
    let (_server, environment) = start(&program, &folder)?;
    let keyreeve = |words: &str| measure(&program, &environment, words);
    println!("\n| what | a second | p50 us | p99 us | server CPU us | ceiling a second | ratio | wanted |");
    println!("|---|---|---|---|---|---|---|---|");
    for (name, words, wanted) in ROWS {
        println!("| {name} | {} | {wanted} |", cells(&keyreeve(words)?));
    }
    if peer.is_some() {
        let peer = openbao::start(root, &folder, &mut steps)?;
        println!(
            "\n| in turn, REST encrypt of 64 bytes, 64 connections | a second | p50 us | p99 us | server CPU us |"
        );
        println!("|---|---|---|---|---|");
        for _ in 0..2 {
            let own = keyreeve("--protocol rest --op encrypt")?;
            println!("| Keyreeve, each use on record and synced | {} |", first_cells(&own));
            let other = measure(&program, &peer.environment, &peer.words)?;
            println!("| OpenBao transit, audit log not synced | {} |", first_cells(&other));
        }
    }
    Ok(())
}

/// Starts a development server and gives the environment of its clients.
fn start(program: &Path, folder: &Path) -> Result<(Running, Vec<(String, String)>), String> {
    let dir = folder.join("keyreeve");
    let env = dir.join("env");
    let mut command = Command::new(program);
    command.arg("dev").arg("--dir").arg(&dir).args(["--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0"]);
    let server = spawn(&mut command, &folder.join("keyreeve.log"))?;
    let text = wait_for("the server", || fs::read_to_string(&env).ok().filter(|text| !text.is_empty()))?;
    let variable = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    Ok((server, text.lines().filter_map(variable).collect()))
}

/// The program that was built.
fn program(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("release/keyreeve")
}

fn spawn(command: &mut Command, log: &Path) -> Result<Running, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let file = || File::create(log).map_err(|e| format!("{}: {e}", log.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file()?);
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
    fn numbers_are_readable() {
        let measured = serde_json::json!({ "requests_per_second": 1_234_567, "p50_us": 12.5, "ratio": null });
        assert_eq!(cell(&measured, "requests_per_second"), "1,234,567");
        assert_eq!(cell(&measured, "p50_us"), "12.5");
        assert_eq!(cell(&measured, "ratio"), "");
    }
}
