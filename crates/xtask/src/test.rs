//! `cargo xtask test`: installs what the tests need, then runs them all. Not here: the tests.

use std::fs;
use std::path::Path;

use crate::steps::{Steps, succeeds};
use crate::tidy;

/// How much to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What every change runs.
    Short,
    /// Also what takes minutes: the tests see `KEYREEVE_LONG=1`.
    Long,
}

/// What a test needs from the system: a probe that succeeds where it is there, and its Debian package.
const SYSTEM: &[(&[&str], &str)] = &[
    (&["openssl", "version"], "openssl"),
    (&["curl", "--version"], "curl"),
    (&["python3", "-c", "import venv, ensurepip"], "python3-venv"),
    (&["node", "--version"], "nodejs"),
    (&["npm", "--version"], "npm"),
    // A collector that sinks tell what happens, and TLS for it.
    (&["rsyslogd", "-v"], "rsyslog"),
    (&["sh", "-c", "ls /usr/lib/*/rsyslog/lmnsd_ossl.so"], "rsyslog-openssl"),
    // What reads metrics.
    (&["promtool", "--version"], "prometheus"),
    // Terminals for what speaks to one.
    (&["script", "--version"], "bsdutils"),
];

/// Pinned Python clients; relative to the root.
const REQUIREMENTS: &str = "tests/requirements.txt";
/// Where they are installed; relative to the root.
const PYTHON_FOLDER: &str = "target/venv";
/// Folder of the pinned npm packages' names; relative to the root.
const NODE_PINS: &str = "tests/clients/oidc";
/// Where they are installed; relative to the root.
const NODE_FOLDER: &str = "target/node";
/// Published test vectors, beside the repository; relative to the root.
const VECTORS: &str = "../shared/vectors";

/// Installs what is missing and runs every test.
///
/// # Errors
/// Says which step failed.
pub(crate) fn run(root: &Path, extent: Extent) -> Result<(), String> {
    let mut steps = Steps::new(root);
    run_steps(root, extent, &mut steps)?;
    steps.report();
    Ok(())
}

/// The same as part of a longer series.
///
/// # Errors
/// Says which step failed.
pub(crate) fn run_steps(root: &Path, extent: Extent, steps: &mut Steps) -> Result<(), String> {
    install_system_packages(steps)?;
    install_python_clients(root, steps)?;
    install_node_clients(root, steps)?;
    match root.join(VECTORS).canonicalize() {
        Ok(folder) => steps.set("KEYREEVE_TEST_VECTORS", folder),
        Err(_) => println!("NOT TESTED: {VECTORS} is not there, so the published vectors are not run"),
    }
    steps.set("KEYREEVE_TEST_PYTHON", root.join(PYTHON_FOLDER).join("bin/python"));
    steps.set("KEYREEVE_TEST_NODE", root.join(NODE_FOLDER));
    if extent == Extent::Long {
        steps.set("KEYREEVE_LONG", "1");
    }
    run_doc_tests(root, steps)?;
    // Last, so that what is printed ends with the runner's own count.
    if succeeds(&["cargo", "nextest", "--version"]) {
        let profile = if extent == Extent::Long { "long" } else { "default" };
        let nextest = ["cargo", "nextest", "run", "--release", "--workspace", "--profile", profile];
        steps.command("build the tests", &[&nextest[..], &["--no-run"]].concat())?;
        steps.command("run the tests", &[&nextest[..], &["--no-fail-fast"]].concat())
    } else {
        let test = ["cargo", "test", "--release", "--workspace", "--lib", "--bins", "--tests"];
        steps.command("build the tests", &[&test[..], &["--no-run"]].concat())?;
        steps.command("run the tests", &[&test[..], &["--no-fail-fast"]].concat())
    }
}

fn install_system_packages(steps: &mut Steps) -> Result<(), String> {
    let missing: Vec<&str> =
        SYSTEM.iter().filter(|(probe, _)| !succeeds(probe)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !succeeds(&["sh", "-c", "test \"$(id -u)\" = 0 && command -v apt-get"]) {
        return Err(format!(
            "the tests need these Debian packages (or their like): {}. Install them, then run this again",
            missing.join(" ")
        ));
    }
    steps.command("update the package lists", &["apt-get", "update", "-q"])?;
    let install =
        ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qy", "--no-install-recommends"];
    steps.command("install system packages", &[&install[..], &missing].concat())
}

/// Makes the virtual environment anew when the pins or the interpreter have changed.
fn install_python_clients(root: &Path, steps: &mut Steps) -> Result<(), String> {
    let pins = fs::read_to_string(root.join(REQUIREMENTS)).map_err(|e| format!("{REQUIREMENTS}: {e}"))?;
    let python = root.join(PYTHON_FOLDER).join("bin/python");
    let stamp = root.join(PYTHON_FOLDER).join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins)
        && python.to_str().is_some_and(|python| succeeds(&[python, "--version"]))
    {
        return Ok(());
    }
    steps.command("make a Python environment", &["python3", "-m", "venv", "--clear", PYTHON_FOLDER])?;
    let pip = format!("{PYTHON_FOLDER}/bin/pip");
    let install = [&pip, "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    let install = [&install[..], &["--requirement", REQUIREMENTS]].concat();
    steps.command("install Python clients", &install)?;
    fs::write(&stamp, pins).map_err(|e| format!("{}: {e}", stamp.display()))
}

/// Installs the npm packages anew when their pins have changed. None of their own scripts is run.
fn install_node_clients(root: &Path, steps: &mut Steps) -> Result<(), String> {
    let folder = root.join(NODE_FOLDER);
    let told = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    let lock = root.join(NODE_PINS).join("package-lock.json");
    let pins = fs::read_to_string(&lock).map_err(told(&lock))?;
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(());
    }
    fs::create_dir_all(&folder).map_err(told(&folder))?;
    for name in ["package.json", "package-lock.json"] {
        let from = root.join(NODE_PINS).join(name);
        fs::copy(&from, folder.join(name)).map_err(told(&from))?;
    }
    let install = ["npm", "ci", "--prefix", NODE_FOLDER, "--ignore-scripts", "--no-audit", "--no-fund"];
    steps.command("install npm clients", &install)?;
    fs::write(&stamp, pins).map_err(told(&stamp))
}

/// Runs the doc tests of the packages that have any: cargo would compile the others for nothing.
fn run_doc_tests(root: &Path, steps: &mut Steps) -> Result<(), String> {
    let packages = tidy::packages_with_doc_tests(root)?;
    if packages.is_empty() {
        return Ok(());
    }
    let mut words = vec!["cargo", "test", "--release", "--doc"];
    for package in &packages {
        words.extend(["--package", package]);
    }
    steps.command("run the doc tests", &words)
}
