//! Faults around a server: a folder that is in use, torn, or damaged; a configuration that is wrong; and the life of keys
//! on a server as it is run for real. Not here: bad messages (garbage), and mistakes on the command line (sessions).

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::server::{Folder, KEYREEVE, Server, fixed_port, folder};

/// Algorithms and what each must be able to do on the command line.
const ALGORITHMS: &[(&str, &[&str])] = &[
    ("aes-128", &["encrypt"]),
    ("aes-192", &["encrypt"]),
    ("aes-256", &["encrypt"]),
    ("hmac-sha256", &[]),
    ("hmac-sha384", &[]),
    ("hmac-sha512", &[]),
    ("rsa-2048", &["encrypt", "sign"]),
    ("rsa-3072", &["encrypt", "sign"]),
    ("rsa-4096", &["encrypt", "sign"]),
    ("ec-p256", &["sign"]),
    ("ec-p384", &["sign"]),
    ("ec-p521", &["sign"]),
    ("ed25519", &["sign"]),
];

#[test]
fn keys_of_every_algorithm_live_their_life_on_a_server_with_a_passphrase() {
    let (place, server) = real_server();
    let message = place.path().join("message");
    fs::write(&message, b"a message").unwrap();
    let file = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    for (algorithm, uses) in ALGORITHMS {
        server.keyreeve(&["key", "create", algorithm, "--algorithm", algorithm]);
        for used in *uses {
            let (made, message) = (file(used), file("message"));
            server.keyreeve(&[used, algorithm, "--in", &message, "--out", &made]);
            server.keyreeve(&["key", "rotate", algorithm]);
            let check: &[&str] = match *used {
                "encrypt" if algorithm.starts_with("rsa") => {
                    &["decrypt", algorithm, "--key-version", "1", "--in", &made]
                }
                "encrypt" => &["decrypt", algorithm, "--in", &made],
                _ => &["verify", algorithm, "--signature", &made, "--in", &message],
            };
            let said = text(server.keyreeve(check));
            assert_eq!(said, if *used == "encrypt" { "a message" } else { "valid\n" }, "{algorithm}");
        }
        server.keyreeve(&["key", "revoke", algorithm]);
        server.keyreeve(&["key", "destroy", algorithm, "--yes", "--now"]);
        assert!(text(server.keyreeve(&["key", "show", algorithm])).contains("destroyed"), "{algorithm}");
    }
    assert_eq!(text(server.keyreeve(&["key", "list"])).lines().count(), ALGORITHMS.len() + 1);
    server.keyreeve(&["journal", "verify"]);
    assert_eq!(server.stop(), Some(0));
}

/// A server made by `init` and run by `server` with a configuration file.
pub(crate) fn real_server() -> (Folder, Server) {
    real_server_with("")
}

/// The same with more lines in its configuration.
pub(crate) fn real_server_with(more: &str) -> (Folder, Server) {
    let place = folder();
    let file = |name: &str| place.path().join(name);
    let (http, kmip) = (fixed_port(), fixed_port());
    fs::write(file("passphrase"), "correct horse battery staple\n").unwrap();
    let config = format!(
        "{more}[listen]\nhttp = \"127.0.0.1:{http}\"\nkmip = \"127.0.0.1:{kmip}\"\n[data]\ndir = {:?}\n[unlock]\npassphrase_file = {:?}\n",
        file("data"),
        file("passphrase")
    );
    fs::write(file("keyreeve.toml"), config).unwrap();
    let config = file("keyreeve.toml");
    let mut init = Command::new(KEYREEVE);
    init.args(["init", "--config"]).arg(&config).arg("--out-dir").arg(place.path()).stdin(Stdio::null());
    let init = init.output().unwrap();
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    let mut command = Command::new(KEYREEVE);
    command.args(["server", "--config"]).arg(&config);
    let mut server = Server::start(command).unwrap();
    let path = |name: &str| file(name).to_string_lossy().into_owned();
    let token = fs::read_to_string(file("token")).unwrap().trim().to_owned();
    server.variables = [
        ("KEYREEVE_ADDR", format!("https://127.0.0.1:{http}")),
        ("KEYREEVE_KMIP_ADDR", format!("127.0.0.1:{kmip}")),
        ("KEYREEVE_CA", path("ca.pem")),
        ("KEYREEVE_CLIENT_CERT", path("client.pem")),
        ("KEYREEVE_CLIENT_KEY", path("client.key")),
        ("KEYREEVE_TOKEN", token),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    (place, server)
}

#[test]
fn a_second_process_on_the_same_folder_is_told_so() {
    let data = folder();
    let first = Server::dev(data.path());
    let said = Server::try_dev(data.path(), &[]).err().expect("two servers own one folder");
    assert!(said.starts_with("exit status: 2") && said.contains("one process at a time"), "{said}");
    assert!(said.contains(data.path().to_str().unwrap()), "{said}");
    first.keyreeve(&["key", "create", "still-there", "--algorithm", "aes-256"]);
    first.kill();
    // The lock goes with its process, however that ended.
    Server::dev(data.path()).keyreeve(&["key", "show", "still-there"]);
}

#[test]
fn a_folder_that_is_opened_again_has_its_keys_and_its_files() {
    let data = folder();
    let server = Server::dev(data.path());
    server.keyreeve(&["key", "create", "kept", "--algorithm", "aes-256"]);
    let token = server.variable("KEYREEVE_TOKEN").to_owned();
    assert_eq!(server.stop(), Some(0));
    for file in ["client.key", "token", "env"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = data.path().join(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    for file in ["ca.pem", "client.pem", "client.key", "token", "env"] {
        fs::remove_file(data.path().join(file)).unwrap();
    }
    // A restored folder lacks the root key as well, which is kept elsewhere.
    let elsewhere = folder();
    let root_key = elsewhere.path().join("root.key");
    fs::rename(data.path().join("root.key"), &root_key).unwrap();
    let said = Server::try_dev(data.path(), &[]).err().expect("it opened without its root key");
    assert!(said.contains("KEYREEVE_ROOT_KEY"), "{said}");
    let mut command = Command::new("sh");
    let start = "KEYREEVE_ROOT_KEY=$0 exec $1 dev --dir $2 --http 127.0.0.1:0 --kmip 127.0.0.1:0";
    command.args(["-c", start]).arg(&root_key).arg(KEYREEVE).arg(data.path());
    let mut server = Server::start(command).unwrap();
    server.read_exports(data.path());
    assert_ne!(server.variable("KEYREEVE_TOKEN"), token);
    server.keyreeve(&["key", "show", "kept"]);
    server.keyreeve(&[
        "--client-cert",
        server.variable("KEYREEVE_CLIENT_CERT"),
        "--client-key",
        server.variable("KEYREEVE_CLIENT_KEY"),
        "status",
    ]);
}

#[test]
fn a_temporary_folder_is_removed_at_the_end() {
    let place = folder();
    let mut command = Command::new(KEYREEVE);
    command.args(["dev", "--http", "127.0.0.1:0", "--kmip", "127.0.0.1:0"]).env("TMPDIR", place.path());
    let server = Server::start(command).unwrap();
    assert_eq!(place.path().read_dir().unwrap().count(), 1);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(place.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_torn_tail_is_cut_with_a_log_line() {
    let data = folder();
    let server = Server::dev(data.path());
    server.keyreeve(&["key", "create", "before", "--algorithm", "aes-256"]);
    server.kill();
    // What a power cut leaves of a frame that was never acknowledged: its beginning, then zeros.
    let (path, bytes) = last_segment(data.path());
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let mut torn = b"KRVFRAME".to_vec();
    torn.extend_from_slice(&4096_u32.to_le_bytes());
    file.write_all_at(&torn, end as u64).unwrap();
    let server = Server::dev(data.path());
    server.wait_for_line("torn");
    assert!(server.printed().contains(path.file_name().unwrap().to_str().unwrap()), "{}", server.printed());
    server.keyreeve(&["key", "show", "before"]);
    server.keyreeve(&["journal", "verify"]);
}

#[test]
fn a_damaged_earlier_frame_refuses_to_open_and_says_where() {
    let data = folder();
    let server = Server::dev(data.path());
    for name in ["one", "two", "three"] {
        server.keyreeve(&["key", "create", name, "--algorithm", "aes-256"]);
    }
    server.kill();
    let (path, bytes) = last_segment(data.path());
    let frames: Vec<usize> =
        (0..bytes.len() - 8).filter(|start| &bytes[*start..start + 8] == b"KRVFRAME").collect();
    assert!(frames.len() > 5, "{frames:?}");
    // In the middle of the entry that is one frame from the end of the requests.
    let damaged = frames[frames.len() - 3] + 90;
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[bytes[damaged] ^ 0x40], damaged as u64).unwrap();
    let said = Server::try_dev(data.path(), &[]).err();
    // The index may have gone past it already: then opening is right, and verifying finds it.
    let said = match said {
        Some(said) => {
            assert!(said.starts_with("exit status: 5"), "{said}");
            said
        }
        None => {
            let server = Server::dev(data.path());
            let output = server.command(KEYREEVE).args(["journal", "verify"]).output().unwrap();
            assert_eq!(output.status.code(), Some(5), "{output:?}");
            String::from_utf8_lossy(&output.stderr).into_owned()
        }
    };
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(said.contains(name) && said.contains("is damaged at byte"), "{said}");
    assert_eq!(fs::read(&path).unwrap()[damaged], bytes[damaged] ^ 0x40, "a damaged journal was changed");
}

#[test]
fn verifying_finds_what_is_changed_under_a_running_server() {
    let data = folder();
    let server = Server::dev(data.path());
    server.keyreeve(&["key", "create", "one", "--algorithm", "aes-256"]);
    server.keyreeve(&["journal", "verify"]);
    let (path, bytes) = last_segment(data.path());
    let frame = bytes.windows(8).position(|window| window == b"KRVFRAME").unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[bytes[frame + 90] ^ 1], frame as u64 + 90).unwrap();
    let output = server.command(KEYREEVE).args(["journal", "verify"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("is damaged at byte"), "{said}");
}

fn last_segment(data: &Path) -> (PathBuf, Vec<u8>) {
    let files = fs::read_dir(data.join("journal")).unwrap().map(|file| file.unwrap().path());
    let path = files.filter(|path| path.extension().is_some_and(|end| end == "krj")).max().unwrap();
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

#[test]
fn addresses_that_others_reach_and_wrong_configurations_are_refused() {
    let place = folder();
    let refused = |arguments: &[&str], reason: &str| {
        let output = Command::new(KEYREEVE).args(arguments).current_dir(place.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(reason), "{arguments:?}: {said}");
    };
    let mut config = fs::File::create(place.path().join("wrong.toml")).unwrap();
    config.write_all(b"[listen]\nhttp = \"127.0.0.1:0\"\nhtpp = 1\n").unwrap();
    refused(&["dev", "--http", "0.0.0.0:0"], "loopback");
    refused(&["dev", "--kmip", "192.0.2.1:5696"], "loopback");
    refused(&["dev", "--http", "here"], "--http");
    refused(&["server", "--config", "wrong.toml"], "line 3");
    refused(&["server", "--config", "missing.toml"], "missing.toml");
    refused(&["init", "--dir", "data"], "passphrase_file");
}

#[test]
fn a_passphrase_that_others_may_read_is_warned_of_and_one_that_they_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (place, server) = real_server();
    assert_eq!(server.stop(), Some(0));
    let run = |mode: u32| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(place.path().join("passphrase"), mode).unwrap();
        let mut command = Command::new(KEYREEVE);
        command.args(["server", "--config"]).arg(place.path().join("keyreeve.toml"));
        Server::start(command)
    };
    run(0o644).unwrap().wait_for_line("others may read");
    let server = run(0o600).unwrap();
    assert!(!server.printed().contains("others may"), "{}", server.printed());
    assert_eq!(server.stop(), Some(0));
    let said = run(0o666).err().expect("anybody might have written this passphrase");
    assert!(said.starts_with("exit status: 1") && said.contains("others may write to"), "{said}");
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let (place, server) = real_server();
    assert_eq!(server.stop(), Some(0));
    fs::write(place.path().join("passphrase"), "wrong\n").unwrap();
    let mut command = Command::new(KEYREEVE);
    command.args(["server", "--config"]).arg(place.path().join("keyreeve.toml"));
    let said = Server::start(command).err().expect("it opened with a wrong passphrase");
    assert!(said.contains("passphrase"), "{said}");
}
