//! The development server's folder: made, opened again with its keys, completed where files are missing.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use keyreeve_server::config::Config;
use keyreeve_server::listen::{ShutdownTrigger, shutdown_signal};
use keyreeve_server::start::{Blame, DevFolder, StartError, StopOn, dev};
use serde_json::json;

use crate::harness::{Answer, Proof, loopback, send};

struct Dev {
    exports: BTreeMap<String, String>,
    trigger: ShutdownTrigger,
    thread: JoinHandle<Result<(), StartError>>,
}

fn config() -> Config {
    let mut config = Config::default();
    (config.listen.http, config.listen.kmip) = (loopback(), loopback());
    config
}

fn start(dir: &Path, root_key: Option<PathBuf>) -> Result<Dev, StartError> {
    let env = dir.join("env");
    let _ = std::fs::remove_file(&env);
    let (trigger, shutdown) = shutdown_signal();
    let folder = DevFolder { dir: Some(dir.to_owned()), root_key };
    let thread = std::thread::spawn(move || dev(config(), &folder, StopOn::Shutdown(shutdown)));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !thread.is_finished() && Instant::now() < deadline {
        let text = std::fs::read_to_string(&env).unwrap_or_default();
        // The token is written last.
        if text.contains("KEYREEVE_TOKEN=") && text.ends_with('\n') {
            let export = |line: &str| {
                let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            };
            return Ok(Dev { exports: text.lines().map(export).collect(), trigger, thread });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(thread.is_finished(), "the server neither starts nor fails");
    Err(thread.join().unwrap().unwrap_err())
}

impl Dev {
    async fn ask(&self, request: Request<Bytes>) -> Answer {
        let address = self.exports["KEYREEVE_ADDR"].strip_prefix("https://").unwrap().parse().unwrap();
        let proof = Proof::Token(&self.exports["KEYREEVE_TOKEN"]);
        send(address, Path::new(&self.exports["KEYREEVE_CA"]), proof, request).await
    }

    async fn has_key(&self) -> bool {
        self.ask(Request::get("/v1/keys/kept").body(Bytes::new()).unwrap()).await.status == StatusCode::OK
    }

    fn stop(self) {
        self.trigger.request();
        self.thread.join().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_folder_is_opened_again_with_its_keys() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("data");
    let first = start(&dir, None).unwrap();
    let key = json!({ "name": "kept", "algorithm": "aes-256" }).to_string();
    assert_eq!(
        first.ask(Request::post("/v1/keys").body(key.into()).unwrap()).await.status,
        StatusCode::CREATED
    );
    for (file, mode) in [("env", 0o600), ("token", 0o600), ("client.key", 0o600), ("root.key", 0o600)] {
        let permissions = std::fs::metadata(dir.join(file)).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "{file}");
    }
    let token = first.exports["KEYREEVE_TOKEN"].clone();
    first.stop();
    let second = start(&dir, None).unwrap();
    assert_eq!(second.exports["KEYREEVE_TOKEN"], token, "a token that counts is kept");
    assert!(second.has_key().await);
    second.stop();
    assert!(dir.join("journal").is_dir());
}

#[tokio::test]
async fn missing_files_are_written_anew_and_the_root_key_is_taken_from_outside() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("data");
    let elsewhere = tempfile::tempdir().unwrap();
    let first = start(&dir, None).unwrap();
    let key = json!({ "name": "kept", "algorithm": "aes-256" }).to_string();
    assert_eq!(
        first.ask(Request::post("/v1/keys").body(key.into()).unwrap()).await.status,
        StatusCode::CREATED
    );
    let old_token = first.exports["KEYREEVE_TOKEN"].clone();
    first.stop();
    for file in ["ca.pem", "client.pem", "client.key", "token", "env"] {
        std::fs::remove_file(dir.join(file)).unwrap();
    }
    let root_key = elsewhere.path().join("saved.key");
    std::fs::rename(dir.join("root.key"), &root_key).unwrap();

    let refused = start(&dir, None).err().unwrap();
    assert!(matches!(refused, StartError::NoRootKey { .. }) && refused.blame() == Blame::Usage, "{refused}");

    let second = start(&dir, Some(root_key.clone())).unwrap();
    assert_eq!(second.exports["KEYREEVE_ROOT_KEY"], root_key.to_str().unwrap());
    assert_ne!(second.exports["KEYREEVE_TOKEN"], old_token);
    assert!(second.has_key().await);
    for file in ["ca.pem", "client.pem", "client.key", "token"] {
        assert!(dir.join(file).exists(), "{file}");
    }
    second.stop();
}

#[test]
fn a_folder_that_somebody_else_prepared_is_refused_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let (dir, target) = (place.path().join("data"), place.path().join("target"));
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("root.key"), "00".repeat(32)).unwrap();
    std::fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(&target, dir.join("ca.pem")).unwrap();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused = start(&dir, None).err().unwrap();
    assert!(
        matches!(refused, StartError::OthersWrite { .. }) && refused.blame() == Blame::Usage,
        "{refused}"
    );
    assert!(refused.to_string().contains(dir.to_str().unwrap()), "{refused}");
    assert_eq!(dir.read_dir().unwrap().count(), 2, "something was written");
    assert_eq!(std::fs::read(&target).unwrap(), b"precious");
}

#[test]
fn other_machines_do_not_reach_it() {
    let mut open = config();
    open.listen.http = ([0, 0, 0, 0], 0).into();
    let (_trigger, shutdown) = shutdown_signal();
    let refused = dev(open, &DevFolder::default(), StopOn::Shutdown(shutdown)).unwrap_err();
    assert!(matches!(refused, StartError::NotLoopback(_)), "{refused}");
}

#[tokio::test]
async fn a_second_server_on_the_folder_is_told_so() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("data");
    let first = start(&dir, None).unwrap();
    let config = {
        let mut config = config();
        config.data.dir = dir.clone();
        config.unlock.key_file = Some(dir.join("root.key"));
        config
    };
    let (_trigger, shutdown) = shutdown_signal();
    let served = keyreeve_server::start::serve(&config, StopOn::Shutdown(shutdown), |_| Ok(()));
    let refused = served.unwrap_err().to_string();
    assert!(refused.contains(&std::process::id().to_string()), "{refused}");
    first.stop();
}
