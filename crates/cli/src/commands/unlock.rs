//! What unlocks a root key that lies at a backup target: flags, then KEYREEVE_ROOT_KEY, then whoever sits at the terminal.

use std::path::PathBuf;

use clap::Args;
use keyreeve_server::config::UnlockFile;
use keyreeve_server::offline::restore::UnlockBy;

use crate::input;

/// Files that unlock it. Without any it is KEYREEVE_ROOT_KEY, a key file or a file of shares, or is asked for.
#[derive(Args)]
pub(super) struct UnlockFlags {
    /// File whose first line is the passphrase of the root key; else KEYREEVE_ROOT_KEY names a file, or it is asked for
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// File with the key that unlocks the root key
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// File with recovery shares that unlock the root key, a share a line; repeat for more
    #[arg(long = "share-file", value_name = "FILE")]
    share_files: Vec<PathBuf>,
}

impl UnlockFlags {
    /// As the server's code takes it.
    pub(super) fn by(&self) -> UnlockBy<'static> {
        UnlockBy {
            files: UnlockFile {
                passphrase_file: self.passphrase_file.clone(),
                key_file: self.key_file.clone(),
                share_files: self.share_files.clone(),
            },
            root_key: root_key_file(),
            ask: input::asker(),
        }
    }
}

/// The file that KEYREEVE_ROOT_KEY names.
pub(super) fn root_key_file() -> Option<PathBuf> {
    std::env::var_os("KEYREEVE_ROOT_KEY").filter(|path| !path.is_empty()).map(PathBuf::from)
}
