//! Secrets of destinations, which lie in files: read anew for each message, so that another one in the file is taken over at
//! once. Not here: what they are for.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::start::files::read_secret;

/// Lines of a file with secrets at most.
const LINES_MAX: usize = 8;

/// Lines of a file: without blanks around them, empty ones, and those that begin with `#`. Holds secrets.
///
/// # Errors
/// Why it cannot be read, without a word of what it holds.
pub(super) fn lines(path: &Path) -> Result<Vec<Zeroizing<String>>, String> {
    let read = read_secret(path).map_err(|error| error.to_string())?;
    let wrong = |cause: &str| format!("{}: {cause}", path.display());
    let text = std::str::from_utf8(read.expose()).map_err(|_| wrong("it is no text"))?;
    let meant = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<_> = meant.map(|line| Zeroizing::new(line.to_owned())).collect();
    match lines.len() {
        0 => Err(wrong("it holds no line")),
        count if count > LINES_MAX => Err(wrong("it holds more lines than secrets are looked for")),
        _ => Ok(lines),
    }
}

/// As `lines`, for who must not wait for a disk.
pub(super) async fn lines_aside(path: PathBuf) -> Result<Vec<Zeroizing<String>>, String> {
    let read = tokio::task::spawn_blocking(move || lines(&path)).await;
    read.map_err(|cause| cause.to_string())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_secrets_is_read_by_its_lines_and_never_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets");
        std::fs::write(&path, "# the new one\n  hunter2 \n\nhunter3\r\n").unwrap();
        let read: Vec<_> = lines(&path).unwrap().into_iter().map(|line| line.to_string()).collect();
        assert_eq!(read, ["hunter2", "hunter3"]);
        for (wrong, told) in [
            (b"# hunter2\n\n".to_vec(), "no line"),
            (b"hunter2\xff".to_vec(), "no text"),
            (b"hunter2\n".repeat(9), "more lines"),
        ] {
            std::fs::write(&path, wrong).unwrap();
            let error = lines(&path).map(|_| ()).unwrap_err();
            assert!(error.contains(told) && !error.contains("hunter"), "{error}");
        }
        assert!(lines(&dir.path().join("none")).is_err());
    }
}
