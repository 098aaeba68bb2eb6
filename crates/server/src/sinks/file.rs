//! Lines at the end of a file. Who moves the file away gets what was written so far; the next lines go to a new one. Not here:
//! what the lines say.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

/// Only its owner reads what everybody did.
const MODE: u32 = 0o600;

/// A file that grows.
pub(super) struct Lines {
    path: PathBuf,
    open: Option<File>,
}

impl Lines {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Writes whole lines. After a failure some of them may be there.
    pub(super) async fn send(&mut self, text: Vec<u8>) -> Result<(), String> {
        self.with(move |path, open| {
            let mut file = current(path, open)?;
            file.write_all(&text)?;
            Ok(file)
        })
        .await
    }

    /// Makes sure of what was written.
    pub(super) async fn settle(&mut self) -> Result<(), String> {
        if self.open.is_none() {
            return Ok(());
        }
        self.with(|_, open| {
            let file = open.ok_or(io::ErrorKind::NotFound)?;
            file.sync_data()?;
            Ok(file)
        })
        .await
    }

    /// Whatever fails leaves it closed: a file whose sync failed once is not believed a second time.
    async fn with(
        &mut self,
        work: impl FnOnce(&Path, Option<File>) -> io::Result<File> + Send + 'static,
    ) -> Result<(), String> {
        let (path, open) = (self.path.clone(), self.open.take());
        let done = spawn_blocking(move || work(&path, open)).await;
        let told =
            |cause: &dyn std::fmt::Display| format!("{} cannot be written: {cause}", self.path.display());
        let done = done.map_err(|cause| told(&cause))?;
        self.open = Some(done.map_err(|cause| told(&cause))?);
        Ok(())
    }
}

/// The file that stands under this name now, open to be added to.
fn current(path: &Path, open: Option<File>) -> io::Result<File> {
    if let Some(file) = open {
        let (ours, there) = (file.metadata()?, path.metadata());
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            return Ok(file);
        }
        // It was moved away: what is in it is as sure as what comes after it.
        file.sync_data()?;
    }
    let is_new = !path.exists();
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let opened =
        OpenOptions::new().read(true).append(true).create(true).mode(MODE).custom_flags(flags).open(path);
    let mut file = opened?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if is_new && let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    // A crash may have left a part of a line, which must not become the beginning of another.
    let mut last = [b'\n'];
    if found.len() > 0 {
        file.read_exact_at(&mut last, found.len() - 1)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn lines_follow_a_file_that_is_moved_away_and_none_goes_on_with_half_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        let mut lines = Lines::new(path.clone());
        lines.settle().await.unwrap();
        lines.send(b"one\n".to_vec()).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let moved = dir.path().join("audit.1");
        fs::rename(&path, &moved).unwrap();
        lines.send(b"two\n".to_vec()).await.unwrap();
        lines.settle().await.unwrap();
        assert_eq!(fs::read(&moved).unwrap(), b"one\n");
        assert_eq!(fs::read(&path).unwrap(), b"two\n");

        fs::write(&path, "two\nthr").unwrap();
        let mut lines = Lines::new(path.clone());
        lines.send(b"three\n".to_vec()).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two\nthr\nthree\n");
    }

    #[tokio::test]
    async fn what_is_no_file_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Lines::new(dir.path().to_owned()).send(b"x\n".to_vec()).await.unwrap_err();
        assert!(folder.contains(dir.path().to_str().unwrap()), "{folder}");
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let refused = Lines::new(pipe).send(b"x\n".to_vec()).await.unwrap_err();
        assert!(refused.ends_with("it is no regular file"), "{refused}");
        let nowhere = Lines::new(dir.path().join("no/such")).send(b"x\n".to_vec()).await.unwrap_err();
        assert!(nowhere.contains("No such file"), "{nowhere}");
    }
}
