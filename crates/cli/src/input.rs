//! What a command reads: data from a file or stdin, secrets from a file or a prompt, and the consent to what cannot be
//! undone. Not here: what is done with it.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::Path;

use keyreeve_server::offline::unlock::Ask;
use zeroize::Zeroizing;

use crate::errors::{Failure, Result};
use crate::output;

/// Bytes of data in one command at most; the server's own limit is usually lower.
const DATA_BYTES_MAX: u64 = 64 << 20;

/// Reads data from a file, or from stdin where none is named. May hold a secret.
///
/// # Errors
/// The file or stdin cannot be read, or holds more than 64 MiB.
pub(crate) fn data(file: Option<&Path>) -> Result<Zeroizing<Vec<u8>>> {
    match file {
        Some(path) => {
            let opened = File::open(path).map_err(|cause| Failure::file("read", path, cause))?;
            bounded(opened, path)
        }
        None => {
            if io::stdin().is_terminal() {
                output::message("reading the data from the terminal; Ctrl-D ends it");
            }
            bounded(io::stdin().lock(), Path::new("stdin"))
        }
    }
}

/// Reads a password: the first line of a file, else what is typed at a prompt, else the first line of stdin; `None` where
/// stdin is empty.
///
/// # Errors
/// The file, the terminal or stdin cannot be read; what is typed twice differs; the line is empty.
pub(crate) fn password(file: Option<&Path>, prompt: &str) -> Result<Option<Zeroizing<String>>> {
    let (bytes, name) = match file {
        Some(path) => (data(Some(path))?, path),
        None if io::stdin().is_terminal() => return typed(prompt).map(Some),
        None => (data(None)?, Path::new("stdin")),
    };
    if bytes.is_empty() && file.is_none() {
        return Ok(None);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Failure::file("read", name, "it is no UTF-8 text"))?;
    match text.lines().next().unwrap_or_default() {
        "" => Err(Failure::usage(format!("the first line of {} is empty: no password", name.display()))),
        line => Ok(Some(Zeroizing::new(line.to_owned()))),
    }
}

/// What a person logs in with. Holds secrets.
pub(crate) struct PersonalLogin {
    pub(crate) password: Zeroizing<String>,
    /// The one-time code beside it, where there is one.
    pub(crate) code: Option<Zeroizing<String>>,
    /// The password from now on, where it is asked for.
    pub(crate) new_password: Option<Zeroizing<String>>,
}

/// A password, the one-time code beside it, and a new password where one `is_new`: what is typed at prompts, else a line of
/// stdin each.
///
/// # Errors
/// The terminal or stdin cannot be read; there is no password, or no new one.
pub(crate) fn personal_login(is_new: bool) -> Result<PersonalLogin> {
    let (password, code, new) = if io::stdin().is_terminal() {
        let (password, code) = (prompted("Password: ")?, prompted("One-time code, where one is wanted: ")?);
        (password, code, if is_new { typed("New password")? } else { Zeroizing::default() })
    } else {
        let bytes = data(None)?;
        let name = Path::new("stdin");
        let text = std::str::from_utf8(&bytes);
        let text = text.map_err(|_| Failure::file("read", name, "it is no UTF-8 text"))?;
        let mut lines = text.lines().map(|line| Zeroizing::new(line.to_owned()));
        let mut line = || lines.next().unwrap_or_default();
        (line(), line(), line())
    };
    if password.is_empty() || is_new && new.is_empty() {
        return Err(Failure::usage("there is no password; nothing was asked for"));
    }
    let code = (!code.trim().is_empty()).then(|| Zeroizing::new(code.trim().to_owned()));
    Ok(PersonalLogin { password, code, new_password: is_new.then_some(new) })
}

fn prompted(prompt: &str) -> Result<Zeroizing<String>> {
    let typed = rpassword::prompt_password(prompt).map(Zeroizing::new);
    typed.map_err(|cause| Failure::file("read", Path::new("the terminal"), cause))
}

/// A password typed twice, so that a slip does not lock anything for ever.
fn typed(prompt: &str) -> Result<Zeroizing<String>> {
    let first = prompted(&format!("{prompt}: "))?;
    if first.is_empty() || *prompted("The same again: ")? != *first {
        return Err(Failure::usage("the two are empty or not the same; nothing was done"));
    }
    Ok(first)
}

/// Asks for a secret at the terminal; nothing where there is none.
pub(crate) fn asker() -> Option<Ask<'static>> {
    let ask: Ask<'static> = &|text| rpassword::prompt_password(text).map(Zeroizing::new);
    io::stdin().is_terminal().then_some(ask)
}

/// Asks for the name of what is about to be lost for ever, unless `yes`.
///
/// # Errors
/// `Usage` where something else is typed, or there is no terminal to ask at.
pub(crate) fn consent(yes: bool, doing: &str, name: &str) -> Result<()> {
    if !yes && !io::stdin().is_terminal() {
        let text = format!("to {doing} {name} without a terminal to ask at, add --yes; nothing was done");
        return Err(Failure::usage(text));
    }
    consent_of_people(yes, doing, name)
}

/// Asks as `consent` does, but lets scripts pass: what is revoked is out of use, and nothing of it is lost.
///
/// # Errors
/// `Usage` where something else than the name is typed.
pub(crate) fn consent_of_people(yes: bool, doing: &str, name: &str) -> Result<()> {
    if yes || !io::stdin().is_terminal() {
        return Ok(());
    }
    output::message(&format!("This will {doing} {}. Type its name to go on:", output::printable(name)));
    let mut typed = String::new();
    let read = io::stdin().lock().take(4096).read_line(&mut typed);
    read.map_err(|cause| Failure::file("read", Path::new("the terminal"), cause))?;
    if typed.trim_end_matches(['\r', '\n']) != name {
        return Err(Failure::usage("that is not its name; nothing was done"));
    }
    Ok(())
}

/// Reads all there is. May hold a secret.
///
/// # Errors
/// It cannot be read, or holds more than 64 MiB.
pub(crate) fn bounded(from: impl Read, name: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = from.take(DATA_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|cause| Failure::file("read", name, cause))?;
    if bytes.len() as u64 > DATA_BYTES_MAX {
        let text = format!("{} holds more than {} MiB", name.display(), DATA_BYTES_MAX >> 20);
        return Err(Failure::usage(format!("{text}; encrypt large data with a data key of its own")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "correct horse \nbattery\n").unwrap();
        assert_eq!(password(Some(&path), "").unwrap().unwrap().as_str(), "correct horse ");
        std::fs::write(&path, "\nbattery\n").unwrap();
        assert!(password(Some(&path), "").is_err());
    }

    #[test]
    fn data_has_a_limit() {
        assert_eq!(bounded(&b"data"[..], Path::new("it")).unwrap().as_slice(), b"data");
        assert!(bounded(io::repeat(0), Path::new("it")).is_err());
    }
}
