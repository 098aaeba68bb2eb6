//! New recovery shares, and handing them out. Not here: how shares are made, and what they unlock (the store).

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use keyreeve_core::SecretBytes;
use keyreeve_store::{Unlock, new_shares};

use crate::start::StartError;
use crate::start::files::make_dir;
use crate::start::open::crypto;

/// Recovery shares that were just made, and are nowhere else. Holds secrets.
pub struct Shares {
    lines: Vec<SecretBytes>,
    threshold: u8,
}

impl Shares {
    /// Makes `count` shares of something new, of which `threshold` will unlock what all of them lock.
    ///
    /// # Errors
    /// `Shares` for a threshold under 2 or over `count`.
    pub fn new(count: u8, threshold: u8) -> Result<Self, StartError> {
        let lines = new_shares(&*crypto()?, count, threshold);
        let lines = lines.map_err(|error| StartError::Shares(error.public().to_owned()))?;
        Ok(Self { lines, threshold })
    }

    /// The shares, a line each. Holds secrets.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        // They are ASCII: the store made them.
        self.lines.iter().map(|line| std::str::from_utf8(line.expose()).unwrap_or_default())
    }

    /// Writes each share to a file of its own in `dir` that only its owner reads, and never over one that is there.
    /// Gives the files.
    ///
    /// # Errors
    /// `Io` where a file is there or cannot be written: files that were written before it stay.
    pub fn write(&self, dir: &Path) -> Result<Vec<PathBuf>, StartError> {
        make_dir(dir)?;
        let count = self.lines.len();
        let mut files = Vec::new();
        for (at, line) in self.lines().enumerate() {
            let number = at + 1;
            let set = line.split('.').nth(1).unwrap_or_default();
            let file = dir.join(format!("share-{set}-{number}-of-{count}.txt"));
            let remark = format!(
                "# Recovery share {number} of {count}: any {} of them unlock a Keyreeve root key. Keep each in another place.",
                self.threshold
            );
            let mut opened = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&file)
                .map_err(StartError::io("write", &file))?;
            writeln!(opened, "{remark}\n{line}")
                .and_then(|()| opened.sync_all())
                .map_err(StartError::io("write", &file))?;
            files.push(file);
        }
        std::fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(StartError::io("write", dir))?;
        Ok(files)
    }

    /// All of them, to lock a root key by.
    pub(crate) fn unlock(&self) -> Unlock {
        Unlock::Shares(self.lines.iter().map(|line| SecretBytes::copy_from(line.expose())).collect())
    }
}
