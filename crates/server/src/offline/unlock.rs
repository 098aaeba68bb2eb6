//! What unlocks a root key, from where people keep it: files that the configuration names, KEYREEVE_ROOT_KEY, or a
//! prompt. Not here: what it unlocks (the store's root.json).

use std::io;
use std::path::Path;

use keyreeve_core::SecretBytes;
use keyreeve_store::{Unlock, UnlockKind};
use zeroize::Zeroizing;

use crate::config::UnlockFile;
use crate::start::StartError;
use crate::start::files::read_secret;

/// Asks a person for a secret, without showing what is typed; the text says what is wanted.
pub type Ask<'a> = &'a dyn Fn(&str) -> io::Result<Zeroizing<String>>;

/// Begins every recovery share.
const SHARE_PREFIX: &[u8] = b"krs1";

/// What unlocks a store whose root key is locked by `kinds`: the files that the configuration names, or else the file
/// that KEYREEVE_ROOT_KEY names, with a key or with recovery shares, or else what a person is asked for. Holds secrets.
///
/// # Errors
/// `Unlock` where nothing is named and nobody can be asked, or too much is named; `Io` where a file cannot be read.
pub fn unlock(
    files: &UnlockFile,
    root_key: Option<&Path>,
    kinds: &[UnlockKind],
    ask: Option<Ask<'_>>,
) -> Result<Unlock, StartError> {
    match (from_files(files)?, root_key, ask) {
        (Some(unlock), _, _) => Ok(unlock),
        (None, Some(file), _) => from_root_key(file),
        (None, None, Some(ask)) => asked_for(kinds, ask),
        (None, None, None) => Err(StartError::Unlock("none")),
    }
}

/// What unlocks, from the files that the configuration names; none where it names none. Holds secrets.
///
/// # Errors
/// `Unlock` where it names several kinds; `Io` where a file cannot be read.
pub fn from_files(files: &UnlockFile) -> Result<Option<Unlock>, StartError> {
    match (&files.passphrase_file, &files.key_file, &*files.share_files) {
        (None, None, []) => Ok(None),
        (Some(file), None, []) => {
            let content = read_secret(file)?;
            let line = content.expose().split(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            Ok(Some(Unlock::Passphrase(SecretBytes::copy_from(line))))
        }
        (None, Some(file), []) => Ok(Some(Unlock::KeyFile(read_secret(file)?))),
        (None, None, files) => {
            let mut shares = Vec::new();
            for file in files {
                shares.extend(shares_in(&read_secret(file)?));
            }
            Ok(Some(Unlock::Shares(shares)))
        }
        _ => Err(StartError::Unlock("several")),
    }
}

/// A key file, or a file of recovery shares.
fn from_root_key(file: &Path) -> Result<Unlock, StartError> {
    let content = read_secret(file)?;
    let shares = shares_in(&content);
    let is_share = |line: &SecretBytes| line.expose().to_ascii_lowercase().starts_with(SHARE_PREFIX);
    Ok(if shares.first().is_some_and(is_share) { Unlock::Shares(shares) } else { Unlock::KeyFile(content) })
}

/// The lines that hold shares: all but empty ones and those that begin with `#`.
fn shares_in(content: &SecretBytes) -> Vec<SecretBytes> {
    let lines = content.expose().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).map(SecretBytes::copy_from).collect()
}

/// Asks for what locks the root key: shares one by one, a key file's content for a key file.
fn asked_for(kinds: &[UnlockKind], ask: Ask<'_>) -> Result<Unlock, StartError> {
    let ask = |text: &str| {
        let typed = ask(text).map_err(StartError::io("read", Path::new("the terminal")))?;
        Ok::<_, StartError>(SecretBytes::copy_from(typed.trim_end_matches(['\r', '\n']).as_bytes()))
    };
    // People remember a passphrase and hold shares; a key file is for machines.
    let shares = kinds.iter().find_map(|kind| match kind {
        UnlockKind::Shares { threshold, .. } => Some(*threshold),
        _ => None,
    });
    match shares {
        _ if kinds.contains(&UnlockKind::Passphrase) => {
            ask("Passphrase of the root key: ").map(Unlock::Passphrase)
        }
        Some(threshold) => {
            let share = |number| ask(&format!("Recovery share {number} of {threshold}: "));
            (1..=threshold).map(share).collect::<Result<_, _>>().map(Unlock::Shares)
        }
        None => ask("Content of the key file: ").map(Unlock::KeyFile),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn file(folder: &tempfile::TempDir, name: &str, content: &str) -> std::path::PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn lines(unlock: Unlock) -> Vec<String> {
        let Unlock::Shares(shares) = unlock else { panic!("no shares") };
        shares.iter().map(|share| String::from_utf8(share.expose().to_vec()).unwrap()).collect()
    }

    #[test]
    fn shares_come_from_files_with_remarks() {
        let folder = tempfile::tempdir().unwrap();
        let one = file(&folder, "one", "# share 1\nkrs1.a\n\n");
        let two = file(&folder, "two", "krs1.b\r\n  KRS1.c\n");
        let files = UnlockFile { share_files: vec![one, two], ..UnlockFile::default() };
        assert_eq!(lines(from_files(&files).unwrap().unwrap()), ["krs1.a", "krs1.b", "KRS1.c"]);
    }

    #[test]
    fn files_go_before_the_environment_before_a_prompt() {
        let folder = tempfile::tempdir().unwrap();
        let key = file(&folder, "key", "5a5a");
        let shares = file(&folder, "shares", "# all of them\nkrs1.a\nkrs1.b\n");
        let nobody: Ask<'_> = &|_| panic!("nobody is to be asked");
        let named = UnlockFile { key_file: Some(key.clone()), ..UnlockFile::default() };
        let unlocked = unlock(&named, Some(&shares), &[], Some(nobody)).unwrap();
        assert!(matches!(unlocked, Unlock::KeyFile(_)));
        let none = UnlockFile::default();
        assert_eq!(lines(unlock(&none, Some(&shares), &[], Some(nobody)).unwrap()), ["krs1.a", "krs1.b"]);
        assert!(matches!(unlock(&none, Some(&key), &[], Some(nobody)).unwrap(), Unlock::KeyFile(_)));
        assert!(matches!(unlock(&none, None, &[], None), Err(StartError::Unlock("none"))));
        let both = UnlockFile { passphrase_file: Some(key), ..named };
        assert!(matches!(unlock(&both, None, &[], None), Err(StartError::Unlock("several"))));
    }

    #[test]
    fn a_person_is_asked_for_what_the_store_is_locked_by() {
        let asked = RefCell::new(Vec::new());
        let ask = |text: &str| {
            asked.borrow_mut().push(text.to_owned());
            Ok(Zeroizing::new(format!("answer {}\n", asked.borrow().len())))
        };
        let none = UnlockFile::default();
        let shares = UnlockKind::Shares { set: "00".into(), threshold: 2, count: 3 };
        let unlocked = unlock(&none, None, &[UnlockKind::KeyFile, shares.clone()], Some(&ask)).unwrap();
        assert_eq!(lines(unlocked), ["answer 1", "answer 2"]);
        assert_eq!(asked.take(), ["Recovery share 1 of 2: ", "Recovery share 2 of 2: "]);
        let unlocked = unlock(&none, None, &[shares, UnlockKind::Passphrase], Some(&ask)).unwrap();
        assert!(matches!(unlocked, Unlock::Passphrase(typed) if typed.expose() == b"answer 1"));
    }
}
