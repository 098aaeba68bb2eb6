//! What a command prints: data on stdout (tables for people, JSON for programs, raw bytes), messages on stderr, and
//! files that are written whole or not at all. Not here: what is printed.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use comfy_table::{Table, presets};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::errors::{Failure, Kind, Result};

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

/// Refuses to write over a file that may be somebody's only copy, or through a link or pipe that leads elsewhere.
///
/// # Errors
/// `State` where it is there.
pub(crate) fn check_free(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let text = format!("{} is there already: move it away or choose another place", path.display());
    Err(Failure::new(Kind::State, text))
}

/// Writes raw bytes to a file, or to stdout where none is named.
///
/// # Errors
/// The file or stdout cannot be written.
pub(crate) fn bytes(bytes: &[u8], file: Option<&Path>, audience: Audience) -> Result<()> {
    let mut sink = Sink::open(file, audience)?;
    sink.write_all(bytes).map_err(|cause| sink.wrong(cause))?;
    sink.finish()
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
    bytes(json_text(value).as_bytes(), None, Audience::Umask)
}

/// A JSON value as indented lines.
pub(crate) fn json_text(value: &Value) -> String {
    format!("{}\n", escaped(&format!("{value:#}")))
}

/// JSON text with escapes in place of what would speak to a terminal; lines stay.
pub(crate) fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !speaks(c) {
            text.push(c);
        } else {
            let units =
                c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            text.push_str(&units);
        }
    }
    text
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

/// Text without what would move the cursor, change colours or hide and reorder letters: names are chosen by others.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if speaks(c) { '\u{fffd}' } else { c }).collect()
}

/// Control characters, and those of Unicode that nobody sees and that change how others are seen: no width, direction
/// (bidirectional marks, embeddings, overrides and isolates), line ends, tags.
fn speaks(c: char) -> bool {
    let unseen = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    unseen || c.is_control()
}

/// Writes a file whole or not at all; see `Sink`.
///
/// # Errors
/// Says which file and why.
pub(crate) fn write_file(path: &Path, bytes: &[u8], audience: Audience) -> Result<()> {
    self::bytes(bytes, Some(path), audience)
}

/// Where bytes go: stdout, a device or a pipe, or a file that is written whole or not at all: beside its place first, then
/// renamed. What the owner alone may read goes to a file of its own, never through a link or pipe that somebody else may
/// have put there.
pub(crate) struct Sink {
    path: Option<PathBuf>,
    to: To,
}

enum To {
    Stdout(io::Stdout),
    Stream(File),
    /// A file that has no name yet, so that nothing is left where this process is killed, and its place.
    Nameless(File, PathBuf),
    /// The same with a name of its own, where the file system knows no other way.
    Named(NamedTempFile, PathBuf),
}

impl Sink {
    /// To this file, or to stdout where none is named.
    ///
    /// # Errors
    /// Says which file and why.
    pub(crate) fn open(file: Option<&Path>, audience: Audience) -> Result<Self> {
        let Some(path) = file else { return Ok(Self { path: None, to: To::Stdout(io::stdout()) }) };
        let to = To::file(path, audience).map_err(|cause| Failure::file("write", path, cause))?;
        Ok(Self { path: Some(path.to_owned()), to })
    }

    /// All was written.
    ///
    /// # Errors
    /// The rest of it cannot be.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { path, to } = self;
        let finished = match to {
            To::Stdout(mut out) => out.flush(),
            To::Stream(_) => Ok(()),
            To::Nameless(file, place) => file.sync_all().and_then(|()| name(&file, &place)),
            To::Named(file, place) => file
                .as_file()
                .sync_all()
                .and_then(|()| file.persist(place).map(drop).map_err(|failure| failure.error)),
        };
        finished.map_err(|cause| wrong(path.as_deref(), cause))
    }

    /// Why it cannot be written.
    pub(crate) fn wrong(&self, cause: io::Error) -> Failure {
        wrong(self.path.as_deref(), cause)
    }
}

fn wrong(path: Option<&Path>, cause: io::Error) -> Failure {
    match path {
        Some(path) => Failure::file("write", path, cause),
        None => cause.into(),
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Stdout(out) => out.write(bytes),
            To::Stream(file) | To::Nameless(file, _) => file.write(bytes),
            To::Named(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Stdout(out) => out.flush(),
            _ => Ok(()),
        }
    }
}

impl To {
    fn file(path: &Path, audience: Audience) -> io::Result<Self> {
        // A link keeps pointing where it did; a device or a pipe cannot be replaced.
        let (place, there) = match audience {
            Audience::Owner => (path.to_owned(), path.symlink_metadata()),
            Audience::Umask => (path.canonicalize().unwrap_or_else(|_| path.to_owned()), path.metadata()),
        };
        if there.is_ok_and(|there| !there.is_file()) {
            if audience == Audience::Owner && !is_own_stream(path) {
                let cause =
                    "a secret is written to a file of its own, and what is there is none; name another place";
                return Err(io::Error::other(cause));
            }
            // Stdout may be a file that others have written to before.
            return File::options().append(true).open(path).map(Self::Stream);
        }
        let folder = folder_of(&place);
        let mode = if audience == Audience::Owner { 0o600 } else { 0o666 };
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        if let Ok(file) = rustix::fs::open(&folder, flags, Mode::from_raw_mode(mode)) {
            return Ok(Self::Nameless(file.into(), place));
        }
        let permissions = std::fs::Permissions::from_mode(mode);
        let file =
            tempfile::Builder::new().prefix(UNFINISHED).permissions(permissions).tempfile_in(folder)?;
        Ok(Self::Named(file, place))
    }
}

/// Beginning of the name that a file has until it gets its own.
const UNFINISHED: &str = ".keyreeve-";

/// Gives a file without a name its place, in place of what is there.
fn name(file: &File, place: &Path) -> io::Result<()> {
    let link = |path: &Path| {
        let from = format!("/proc/self/fd/{}", file.as_raw_fd());
        linkat(CWD, from, CWD, path, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from)
    };
    // A link replaces nothing, a new name does.
    let linked = tempfile::Builder::new().prefix(UNFINISHED).make_in(folder_of(place), link)?;
    linked.persist(place).map(drop).map_err(|failure| failure.error)
}

fn folder_of(place: &Path) -> PathBuf {
    match place.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A device, or a stream that this process was started with: nobody else makes those.
fn is_own_stream(path: &Path) -> bool {
    let is_device = path.symlink_metadata().is_ok_and(|there| there.file_type().is_char_device());
    is_device || path == Path::new("/dev/stdout") || path.starts_with("/dev/fd")
}

/// The lines of a table without what is empty at their ends.
pub(crate) fn trimmed(table: &Table) -> String {
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
    fn a_secret_goes_through_no_link_and_no_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link, pipe) =
            (folder.path().join("target"), folder.path().join("link"), folder.path().join("pipe"));
        std::fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // Both ends open: what is written to the pipe by mistake waits there, and nobody hangs.
        let mut ends = File::options().read(true).write(true).open(&pipe).unwrap();
        for place in [&link, &pipe] {
            let failure = write_file(place, b"secret", Audience::Owner).unwrap_err();
            assert!(failure.to_string().contains(place.to_str().unwrap()), "{failure}");
        }
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
        write_file(&pipe, b"public", Audience::Umask).unwrap();
        let mut read = [0; 6];
        io::Read::read_exact(&mut ends, &mut read).unwrap();
        assert_eq!(&read, b"public");
        write_file(&link, b"public", Audience::Umask).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"public");
    }

    #[test]
    fn names_cannot_speak_to_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\nc"), "a\u{fffd}[31mb\u{fffd}c");
        for c in ['\u{9b}', '\u{7f}', '\u{200b}', '\u{200f}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}']
        {
            assert_eq!(printable(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
        assert_eq!(printable("Schlüssel 鍵 ключ 🔑"), "Schlüssel 鍵 ключ 🔑");
    }

    #[test]
    fn json_says_the_same_and_speaks_to_no_terminal() {
        let value =
            serde_json::json!({ "a\u{202e}b": ["\u{1b}[31m\n\u{9b}\u{7f}", "\u{e0041}", "Schlüssel 🔑"] });
        let text = json_text(&value);
        assert!(text.contains(r"a\u202eb") && text.contains("Schlüssel 🔑"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !speaks(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
