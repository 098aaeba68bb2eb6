//! What a server with many keys takes: to find one by name, in memory, and to open after `kill -9` and after a clean stop. On a
//! server and a folder of its own. Not here: the load (`keyreeve bench`), and the store alone (its own scale test).

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Asked, Server, measure};

/// Keys that finding one among many is compared with.
const FEW_KEYS: u64 = 1000;
/// What making keys is measured in at once.
const SECONDS_MIN: f64 = 0.1;
const SECONDS_MAX: f64 = 60.0;
/// Name of the folder.
const NAME: &str = "scale";
const LOCATE: &str = "--protocol kmip --op locate --connections 1";

/// What is measured, and what is wanted of it where there are a million keys.
pub(super) const ROWS: &[(&str, &str)] = &[
    ("KMIP create until there are so many keys, a second", "10,000/s"),
    ("KMIP locate by name, 1 connection, a thousand keys: p50 us", ""),
    ("KMIP locate by name, 1 connection, all keys: p50 us", "1.5 times that, under 1,000 us"),
    ("memory once they are made, MB", "300 MB"),
    ("until it is ready after `kill -9`, s", "5 s"),
    ("memory then, MB", "300 MB"),
    ("until it is ready after a clean stop, s", "1 s"),
];

/// A server, and how many keys it has at least.
struct Grown<'a> {
    program: &'a Path,
    server: Server,
    keys: u64,
    /// Seconds that making them took.
    seconds: f64,
}

/// Grows a store to so many keys, or some more, measures it, and prints a table.
///
/// # Errors
/// Says what does not start, or which figure could not be had.
pub(super) fn run(program: &Path, folder: &Path, asked: &Asked) -> Result<(), String> {
    let (keys, figures) = figures(program, folder, asked)?;
    println!("\n| with {keys} keys | measured | wanted with a million |\n|---|---|---|");
    for ((name, wanted), figure) in ROWS.iter().zip(figures) {
        println!("| {name} | {figure} | {wanted} |");
    }
    Ok(())
}

/// How many keys were made, and a figure for each row.
fn figures(program: &Path, folder: &Path, asked: &Asked) -> Result<(u64, [String; ROWS.len()]), String> {
    let server = Server::start(program, folder, NAME)?;
    let mut grown = Grown { program, server, keys: 0, seconds: 0.0 };
    grown.grow_to(asked.keys.min(FEW_KEYS))?;
    let among_few = grown.locate(asked)?;
    grown.grow_to(asked.keys)?;
    let among_all = grown.locate(asked)?;
    let rate = grown.keys as f64 / grown.seconds;
    let made = resident_mb(grown.server.id())?;
    let keys = grown.keys;
    // Dropping a server kills it.
    drop(grown);
    let server = Server::start(program, folder, NAME)?;
    let (killed, opened) = (server.opening.as_secs_f64(), resident_mb(server.id())?);
    server.stop()?;
    let stopped = Server::start(program, folder, NAME)?.opening.as_secs_f64();
    Ok((
        keys,
        [
            format!("{rate:.0}"),
            format!("{among_few:.0}"),
            format!("{among_all:.0} ({:.2} times)", among_all / among_few),
            made.to_string(),
            format!("{killed:.2}"),
            opened.to_string(),
            format!("{stopped:.2}"),
        ],
    ))
}

impl Grown<'_> {
    /// Makes keys and leaves them, until there are as many as were counted; what is made before and after counting comes on
    /// top.
    fn grow_to(&mut self, keys: u64) -> Result<(), String> {
        let mut rate = 0.0;
        while self.keys < keys {
            let left = (keys - self.keys) as f64;
            // In tenths.
            let enough = if rate > 0.0 { (left / rate * 10.0).ceil() / 10.0 } else { SECONDS_MIN };
            let seconds = enough.clamp(SECONDS_MIN, SECONDS_MAX);
            let words = format!("--protocol kmip --op create --keep --seconds {seconds:.1}");
            rate = number(&measure(self.program, &self.server.environment, &words)?, "requests_per_second")?;
            self.keys += (rate * seconds) as u64;
            self.seconds += seconds;
        }
        Ok(())
    }

    /// Microseconds in which half of all searches by name are answered.
    fn locate(&self, asked: &Asked) -> Result<f64, String> {
        let words = format!("{LOCATE} --seconds {}", asked.seconds);
        number(&measure(self.program, &self.server.environment, &words)?, "p50_us")
    }
}

fn number(measured: &Value, field: &str) -> Result<f64, String> {
    measured.get(field).and_then(Value::as_f64).ok_or_else(|| format!("no {field} in {measured}"))
}

/// Resident memory of a process, in megabytes.
fn resident_mb(id: u32) -> Result<u64, String> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).map_err(|e| format!("its memory: {e}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("its memory is not told")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().map_err(|e| format!("its memory: {e}"))?;
    Ok(kib * 1024 / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_store_is_grown_measured_and_opened_again() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let program = crate::bench::program(&root);
        if !program.exists() {
            println!("skipped: {} is not built; with the tests of all packages it is", program.display());
            return;
        }
        let folder = std::env::temp_dir().join(format!("keyreeve-xtask-bench-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let asked = Asked { openbao: false, keys: 40, seconds: 0.1, sinks: 0 };
        let measured = figures(&program, &folder, &asked);
        fs::remove_dir_all(&folder).unwrap();
        let (keys, figures) = measured.unwrap();
        assert!(keys >= 40);
        for ((name, _), figure) in ROWS.iter().zip(figures) {
            let number: f64 = figure.split(' ').next().unwrap().parse().unwrap();
            assert!(number > 0.0, "{name}: {figure}");
        }
    }
}
