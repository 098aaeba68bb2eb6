//! Contexts: servers and identities under names, in contexts.toml of this user's settings, which the owner alone may read.
//! Not here: which of them counts when (settings).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keyreeve_server::config::wrong_toml;
use serde::{Deserialize, Serialize};

use crate::errors::{Failure, Kind, Result};
use crate::output::{self, Audience};
use crate::settings::{Known, config_folder};

/// The contexts of this user.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one that counts where nobody names another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// All of them.
    pub(crate) contexts: BTreeMap<String, Known>,
    /// Their file; none where the environment names no place for one.
    #[serde(skip)]
    path: Option<PathBuf>,
}

impl Contexts {
    /// Those of the environment's user; none where there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or is none of contexts.
    pub(crate) fn load(variable: &impl Fn(&str) -> Option<String>) -> Result<Self> {
        let Some(path) = config_folder(variable).map(|folder| folder.join("contexts.toml")) else {
            return Ok(Self::default());
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(cause) => return Err(Failure::file("read", &path, cause)),
        };
        let read: Self = toml::from_str(&text)
            .map_err(|error| Failure::usage(format!("{}: {}", path.display(), wrong_toml(&text, &error))))?;
        Ok(Self { path: Some(path), ..read })
    }

    /// The context of this name.
    ///
    /// # Errors
    /// `State` where there is none.
    pub(crate) fn named(&self, name: &str) -> Result<Known> {
        self.contexts.get(name).cloned().ok_or_else(|| {
            let text = format!("there is no context {name:?}; `keyreeve context list` shows those there are");
            Failure::new(Kind::State, text)
        })
    }

    /// The context that the environment names, or else the current one, if any.
    ///
    /// # Errors
    /// As `named`.
    pub(crate) fn in_use(&self, named: Option<String>) -> Result<Option<Known>> {
        named.as_ref().or(self.current.as_ref()).map(|name| self.named(name)).transpose()
    }

    /// Where the file of a token goes that this program keeps for a context.
    ///
    /// # Errors
    /// `Usage` where the environment names no place.
    pub(crate) fn token_path(&self, name: &str) -> Result<PathBuf> {
        Ok(self.path()?.with_file_name(format!("{name}.token")))
    }

    /// Writes the file, and the folders above it where they are missing.
    ///
    /// # Errors
    /// `Usage` where the environment names no place; the file cannot be written.
    pub(crate) fn save(&self) -> Result<()> {
        let path = self.path()?;
        let text = toml::to_string(self).map_err(|cause| Failure::file("write", path, cause))?;
        make_folder(path)?;
        output::write_file(path, text.as_bytes(), Audience::Owner)
    }

    fn path(&self) -> Result<&Path> {
        let missing = || Failure::usage("no place for contexts: set HOME or XDG_CONFIG_HOME");
        self.path.as_deref().ok_or_else(missing)
    }
}

/// Makes the folder of a file of settings, for the owner alone.
///
/// # Errors
/// It cannot be made.
pub(crate) fn make_folder(file: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let Some(folder) = file.parent() else { return Ok(()) };
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|cause| Failure::file("make the folder", folder, cause))
}
