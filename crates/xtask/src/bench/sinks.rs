//! What five sinks cost a server at its limit: the same load on one that tells nobody and on one that tells four files and a
//! syslog collector over TLS, in turn. Not here: the load (`keyreeve bench`), and that nothing is lost on the way (the server's
//! own tests).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Asked, Running, Server, first_cells, measure, openbao};

/// What both are asked for.
const LOAD: &str = "--protocol kmip --op encrypt --connections 64";
/// Time that the sinks get to be told all of it.
const TOLD_MAX: Duration = Duration::from_secs(900);
/// Clock ticks of `/proc/PID/stat` in a second (Linux, `USER_HZ`).
const TICKS: f64 = 100.0;
/// How the files are written; syslog is the fifth.
const FORMATS: [&str; 4] = ["json", "ecs", "ocsf", "cef"];

/// Measures in turn, so many times, and prints a table.
///
/// # Errors
/// Says what does not start, or which figure could not be had.
pub(super) fn run(program: &Path, folder: &Path, asked: &Asked) -> Result<(), String> {
    println!(
        "\n| in turn, KMIP encrypt of 64 bytes, 64 connections | a second | p50 us | p99 us | server CPU us | all told after, s | server CPU us, all told |"
    );
    println!("|---|---|---|---|---|---|---|");
    let collector = Collector::start(folder)?;
    let told = collector.sinks(folder);
    let places = [
        ("no sink", Place::new(program, folder, "untold", "")?),
        ("five sinks", Place::new(program, folder, "told", &told)?),
    ];
    for _ in 0..asked.sinks {
        for (what, place) in &places {
            let round = place.round(program, asked.seconds)?;
            let (measured, after) = (first_cells(&round.measured), round.catching_up);
            println!("| {what} | {measured} | {after:.1} | {:.1} |", round.cpu_us);
        }
    }
    Ok(())
}

/// A store with a configuration of its own.
struct Place {
    dir: PathBuf,
    environment: Vec<(String, String)>,
}

/// What one server did.
struct Round {
    measured: Value,
    /// Seconds from the end of the load until its sinks had all of it.
    catching_up: f64,
    /// Its processor time from its start until its sinks had all of it, over the requests that were counted.
    cpu_us: f64,
}

impl Place {
    fn new(program: &Path, folder: &Path, name: &str, sinks: &str) -> Result<Self, String> {
        let dir = folder.join(name);
        let write = |file: &str, text: &str| {
            let file = dir.join(file);
            fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))
        };
        fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        let (http, kmip) = (openbao::free_port()?, openbao::free_port()?);
        write("passphrase", "of a bench\n")?;
        let config = format!(
            "{sinks}[listen]\nhttp = \"127.0.0.1:{http}\"\nkmip = \"127.0.0.1:{kmip}\"\n[data]\ndir = {:?}\n[sealing]\ncell = {:?}\n[unlock]\npassphrase_file = {:?}\n",
            dir.join("data"),
            dir.join("cell"),
            dir.join("passphrase"),
        );
        write("keyreeve.toml", &config)?;
        let mut init = Command::new(program);
        init.args(["init", "--config"]).arg(dir.join("keyreeve.toml")).arg("--out-dir").arg(&dir);
        openbao::output(&mut init)?;
        let token = fs::read_to_string(dir.join("token")).map_err(|e| format!("its token: {e}"))?;
        let path = |name: &str| dir.join(name).display().to_string();
        let environment = [
            ("KEYREEVE_ADDR", format!("https://127.0.0.1:{http}")),
            ("KEYREEVE_KMIP_ADDR", format!("127.0.0.1:{kmip}")),
            ("KEYREEVE_CA", path("ca.pem")),
            ("KEYREEVE_CLIENT_CERT", path("client.pem")),
            ("KEYREEVE_CLIENT_KEY", path("client.key")),
            ("KEYREEVE_TOKEN", token.trim().to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        Ok(Self { dir, environment })
    }

    /// Starts its server, loads it, waits until its sinks have all of it, and stops it.
    fn round(&self, program: &Path, seconds: f64) -> Result<Round, String> {
        let mut command = Command::new(program);
        command.args(["server", "--config"]).arg(self.dir.join("keyreeve.toml"));
        let server = Server::ready(command, &self.dir.join("log"))?;
        let before = cpu_seconds(server.id())?;
        let measured = measure(program, &self.environment, &format!("{LOAD} --seconds {seconds}"))?;
        let begin = Instant::now();
        while !self.all_is_told(program)? {
            if begin.elapsed() > TOLD_MAX {
                return Err(format!("the sinks are still behind; see {}", self.dir.display()));
            }
            sleep(Duration::from_millis(100));
        }
        let catching_up = begin.elapsed().as_secs_f64();
        let cpu = cpu_seconds(server.id())? - before;
        let rate = measured.get("requests_per_second").and_then(Value::as_f64);
        let rate = rate.ok_or("bench tells no rate")?;
        server.stop()?;
        Ok(Round { measured, catching_up, cpu_us: cpu / (rate * seconds) * 1e6 })
    }

    /// Whether no sink is behind by more than what asking for it puts on record.
    fn all_is_told(&self, program: &Path) -> Result<bool, String> {
        const BEHIND_MAX: u64 = 16;
        let mut command = Command::new(program);
        command.args(["sink", "list", "-o", "json"]).env_remove("KEYREEVE_CONFIG");
        let text = openbao::output(command.envs(self.environment.iter().cloned()))?;
        let listed: Value = serde_json::from_str(&text).map_err(|e| format!("the list of sinks: {e}"))?;
        let sinks =
            listed.pointer("/sinks").or(Some(&listed)).and_then(Value::as_array).ok_or("no list of sinks")?;
        Ok(sinks.iter().all(|sink| sink["lag_entries"].as_u64().is_some_and(|lag| lag <= BEHIND_MAX)))
    }
}

/// Processor time of a process so far, its threads and the kernel's part included.
fn cpu_seconds(id: u32) -> Result<f64, String> {
    let stat =
        fs::read_to_string(format!("/proc/{id}/stat")).map_err(|e| format!("its processor time: {e}"))?;
    // The name, in brackets, may have spaces. Behind it utime and stime are the 12th and 13th.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(kernel)) => Ok((user + kernel) / TICKS),
        _ => Err("its processor time is not told".into()),
    }
}

/// A program that reads syslog over TLS and throws it away.
struct Collector {
    _process: Running,
    address: String,
    authority: PathBuf,
}

impl Collector {
    fn start(folder: &Path) -> Result<Self, String> {
        let dir = folder.join("collector");
        fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        openbao::certificates(&dir)?;
        let address = format!("127.0.0.1:{}", openbao::free_port()?);
        let mut command = Command::new("openssl");
        command.current_dir(&dir).args(["s_server", "-quiet", "-naccept", "1000", "-accept", &address]);
        command
            .args(["-cert", "server.pem", "-key", "server.key"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // An end of its input would be the end of it.
        let process = command.stdin(Stdio::piped()).spawn().map(Running);
        let process = process.map_err(|e| format!("`openssl` does not start: {e}"))?;
        Ok(Self { _process: process, address, authority: dir.join("ca.pem") })
    }

    /// The tables of a configuration that tells it and four files.
    fn sinks(&self, folder: &Path) -> String {
        let mut tables = String::new();
        for format in FORMATS {
            let file = folder.join(format!("sink.{format}"));
            let _ = writeln!(
                tables,
                "[[audit.sinks]]\nname = \"{format}\"\nto = \"file\"\nformat = \"{format}\"\nfile = {file:?}"
            );
        }
        let (address, authority) = (&self.address, &self.authority);
        let _ = writeln!(
            tables,
            "[[audit.sinks]]\nname = \"siem\"\nto = \"syslog\"\nformat = \"cef\"\naddress = \"{address}\"\nca_file = {authority:?}"
        );
        tables
    }
}
