//! `dev`: `init` and `serve` with defaults, on loopback, with files that let a shell use it at once. Not here: anything
//! that a server without `dev` needs.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use keyreeve_store::StoreError;
use zeroize::Zeroizing;

use super::error::StartError;
use super::files::{make_dir, write_secret};
use super::init::{create_store, found, write_client_files};
use super::open::Opened;
use super::serve::{Addresses, StopOn, serve_opened};
use crate::config::{Config, Credentials, Data, UnlockFile};
use crate::memory::protect;
use crate::offline::unlock::unlock;

/// The root key's file in the folder.
const ROOT_KEY: &str = "root.key";

/// The folder of a development server.
#[derive(Clone, Debug, Default)]
pub struct DevFolder {
    /// Where; none: a temporary folder, removed at the end.
    pub dir: Option<PathBuf>,
    /// The root key's file of a folder that has a store but no such file, as KEYREEVE_ROOT_KEY names it.
    pub root_key: Option<PathBuf>,
}

/// Runs a development server; `config` gives addresses and limits. A folder that has a store is opened again with its
/// keys, and gets the files for clients that it lacks.
///
/// # Errors
/// For addresses that other machines reach; as `init` and `serve`.
pub fn dev(config: Config, folder: &DevFolder, stop: StopOn) -> Result<(), StartError> {
    let listen = &config.listen;
    for address in
        [Some(listen.http), Some(listen.kmip), listen.appliances, listen.plain_http].into_iter().flatten()
    {
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
    }
    protect(config.memory.lock)?;
    let root_key = folder.root_key.as_deref();
    match &folder.dir {
        Some(dir) => {
            make_dir(dir)?;
            dev_in(config, (dir, true), root_key, stop)
        }
        None => {
            let dir = tempfile::Builder::new()
                .prefix("keyreeve-dev-")
                .permissions(Permissions::from_mode(0o700))
                .tempdir();
            let dir = dir.map_err(StartError::io("make a folder in", &std::env::temp_dir()))?;
            let path = dir.path().to_owned();
            // One below, so that the cell, which lies beside the data, goes as well.
            let data = path.join("data");
            let served = make_dir(&data).and_then(|()| dev_in(config, (&data, false), root_key, stop));
            served.and(dir.close().map_err(StartError::io("remove", &path)))
        }
    }
}

fn dev_in(
    mut config: Config,
    (dir, stays): (&Path, bool),
    root_key: Option<&Path>,
    stop: StopOn,
) -> Result<(), StartError> {
    let dir = dir.canonicalize().map_err(StartError::io("find", dir))?;
    config.data = Data { dir: dir.clone() };
    // What follows is decided here and stands in no file.
    config.origin = None;
    // What published test cases need: they begin and end with Interop, and send credentials of their own.
    (config.kmip.interop, config.kmip.credentials) = (true, Credentials::Ignore);
    // What is tried out is destroyed when that is asked for.
    config.destroy.waiting_days = 0;
    let opened = open_or_create(&mut config, root_key)?;
    found(&opened)?;
    write_client_files(&opened, &dir)?;
    let key_file = config.unlock.key_file.clone().unwrap_or_default();
    serve_opened(&opened, &config, stop, |addresses| {
        write_secret(&dir.join("env"), environment(&dir, &key_file, addresses)?.as_bytes())?;
        greet(&dir, stays)
    })
}

/// Opens the folder's store, or makes one with a root key of its own. A key file that is there counts before one that
/// the environment names, which may be another folder's.
fn open_or_create(config: &mut Config, root_key: Option<&Path>) -> Result<Opened, StartError> {
    let dir = &config.data.dir;
    let own = dir.join(ROOT_KEY);
    let named =
        root_key.map(|file| std::path::absolute(file).map_err(StartError::io("find", file))).transpose()?;
    let has_own = own.exists();
    let key_file = if has_own { own } else { named.unwrap_or(own) };
    config.unlock = UnlockFile { key_file: Some(key_file), ..UnlockFile::default() };
    if dir.join("store.json").exists() {
        return open_existing(config);
    }
    config.unlock.key_file = Some(dir.join(ROOT_KEY));
    set_aside_cell(config)?;
    match create_store(config, None) {
        Ok(_) | Err(StartError::Store(StoreError::Exists(_))) => open_existing(config),
        Err(error) => Err(error),
    }
}

/// A folder that somebody removed leaves its cell beside it, and no other store writes over that. Whoever tries things out
/// makes the folder anew; the old epoch key is kept under another name, since backups may need it.
fn set_aside_cell(config: &Config) -> Result<(), StartError> {
    let cell = config.sealing.cell.clone().unwrap_or_else(|| config.data.dir.with_added_extension("cell"));
    if !cell.exists() || config.data.dir.join("journal").exists() {
        return Ok(());
    }
    let free = (1..).map(|number: u32| cell.with_added_extension(format!("{number}.old")));
    let Some(aside) = free.into_iter().find(|path| !path.exists()) else { return Ok(()) };
    std::fs::rename(&cell, &aside).map_err(StartError::io("set aside", &cell))?;
    tracing::warn!("{} belongs to an earlier store; it is kept as {}", cell.display(), aside.display());
    Ok(())
}

fn open_existing(config: &Config) -> Result<Opened, StartError> {
    if config.unlock.key_file.as_deref().is_none_or(|file| !file.exists()) {
        return Err(StartError::NoRootKey { dir: config.data.dir.clone(), name: ROOT_KEY });
    }
    // A key file, or recovery shares.
    let unlock = unlock(&UnlockFile::default(), config.unlock.key_file.as_deref(), &[], None)?;
    Opened::open(config, &unlock)
}

/// What a shell needs. Holds a secret.
fn environment(dir: &Path, key_file: &Path, addresses: &Addresses) -> Result<Zeroizing<String>, StartError> {
    let token_file = dir.join("token");
    let token = std::fs::read_to_string(&token_file).map(Zeroizing::new);
    let token = token.map_err(StartError::io("read", &token_file))?;
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let mut exports = vec![
        ("KEYREEVE_ADDR", format!("https://{}", addresses.http)),
        ("KEYREEVE_KMIP_ADDR", addresses.kmip.to_string()),
        ("KEYREEVE_CA", path(dir.join("ca.pem"))),
        ("KEYREEVE_ANCHOR", path(dir.join("anchor.json"))),
        ("KEYREEVE_CLIENT_CERT", path(dir.join("client.pem"))),
        ("KEYREEVE_CLIENT_KEY", path(dir.join("client.key"))),
        ("KEYREEVE_ROOT_KEY", path(key_file.to_owned())),
    ];
    exports.extend(addresses.plain_http.map(|plain| ("KEYREEVE_PLAIN_ADDR", format!("http://{plain}"))));
    let mut text = Zeroizing::new(String::with_capacity(4096));
    for (name, value) in
        exports.iter().map(|(name, value)| (*name, value.as_str())).chain([("KEYREEVE_TOKEN", token.trim())])
    {
        text.push_str("export ");
        text.push_str(name);
        text.push('=');
        text.push_str(&quoted(value));
        text.push('\n');
    }
    Ok(text)
}

/// Says how to try it, then that it is ready.
fn greet(dir: &Path, stays: bool) -> Result<(), StartError> {
    let program = std::env::current_exe().map_err(StartError::Runtime)?;
    let (keyreeve, dir_word) = (quoted(&program.to_string_lossy()), quoted(&dir.to_string_lossy()));
    let fate = if stays { "kept" } else { "removed at the end" };
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "A development server: keys, journal and credentials lie in {dir_word} and are {fate}.
Try it in another shell:

  . {env}
  {keyreeve} key create demo --algorithm aes-256
  echo hello | {keyreeve} encrypt demo | {keyreeve} decrypt demo
  {keyreeve} journal show
  curl --cacert \"$KEYREEVE_CA\" --cert \"$KEYREEVE_CLIENT_CERT\" --key \"$KEYREEVE_CLIENT_KEY\" \"$KEYREEVE_ADDR/v1/keys\"

keyreeve ready",
        env = quoted(&dir.join("env").to_string_lossy()),
    )
    .and_then(|()| out.flush())
    .map_err(StartError::Runtime)
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
