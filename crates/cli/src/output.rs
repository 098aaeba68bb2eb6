//! What a command prints: data on stdout (tables for people, JSON for programs, raw bytes), messages on stderr, and
//! files that are written whole or not at all. Not here: what is printed.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde_json::Value;

use crate::errors::{Failure, Result};

/// Form of what a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: the fields of the REST API.
    Json,
}

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The owner alone: it holds a secret.
    Owner,
    /// Whoever the umask lets.
    Umask,
}

/// Writes raw bytes to a file, or to stdout where none is named.
///
/// # Errors
/// The file or stdout cannot be written.
pub(crate) fn bytes(bytes: &[u8], file: Option<&Path>, audience: Audience) -> Result<()> {
    match file {
        Some(path) => write_file(path, bytes, audience),
        None => {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            Ok(out.flush()?)
        }
    }
}

/// Writes a line to stdout.
///
/// # Errors
/// Stdout cannot be written.
pub(crate) fn line(text: &str) -> Result<()> {
    bytes(format!("{text}\n").as_bytes(), None, Audience::Umask)
}

/// Writes a JSON value to stdout.
///
/// # Errors
/// Stdout cannot be written.
pub(crate) fn json(value: &Value) -> Result<()> {
    line(&format!("{value:#}"))
}

/// Writes a table to stdout: a line of headings, then the rows.
///
/// # Errors
/// Stdout cannot be written.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    line(&trimmed(&table))
}

/// Writes names and values to stdout, one pair a line.
///
/// # Errors
/// Stdout cannot be written.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, value) in pairs {
        table.add_row([(*name).to_owned(), printable(value)]);
    }
    line(&trimmed(&table))
}

/// Says something to the person at the terminal.
pub(crate) fn message(text: &str) {
    // Nobody is left to tell where stderr is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Text without what would move the cursor or change colours: names are chosen by others.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Writes a file whole or not at all: beside its place first, then renamed.
///
/// # Errors
/// Says which file and why.
pub(crate) fn write_file(path: &Path, bytes: &[u8], audience: Audience) -> Result<()> {
    let wrong = |cause: io::Error| Failure::file("write", path, cause);
    // A link keeps pointing where it did; a device or a pipe cannot be replaced.
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if place.exists() && !place.is_file() {
        return File::options()
            .write(true)
            .open(&place)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(wrong);
    }
    let folder = match place.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mode = if audience == Audience::Owner { 0o600 } else { 0o666 };
    let mut file = tempfile::Builder::new()
        .prefix(".keyreeve-")
        .permissions(std::fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(wrong)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(wrong)?;
    file.persist(&place).map(drop).map_err(|failure| wrong(failure.error))
}

fn trimmed(table: &Table) -> String {
    // Every cell begins with a space of its own.
    table
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_audience() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write_file(&path, b"first and longer", Audience::Umask).unwrap();
        write_file(&path, b"second", Audience::Owner).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        write_file(Path::new("/dev/null"), b"gone", Audience::Owner).unwrap();
        assert!(!Path::new("/dev/null").is_file());
    }

    #[test]
    fn nothing_is_left_where_a_folder_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let failure = write_file(&folder.path().join("no/file"), b"x", Audience::Umask).unwrap_err();
        assert!(failure.to_string().contains("no/file"), "{failure}");
    }

    #[test]
    fn names_cannot_speak_to_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\nc"), "a\u{fffd}[31mb\u{fffd}c");
    }
}
