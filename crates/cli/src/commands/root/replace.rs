//! `keyreeve root replace`.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::Unlocks;
use crate::commands::{Session, text};
use crate::errors::Result;
use crate::progress::Progress;

/// Pause between two looks how far it is.
const LOOK: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  keyreeve root replace --key-file old.key --new-key-file new.key --shares 5 --threshold 3 --shares-dir shares
  keyreeve root replace --key-file old.key --new-key-file new.key --wait
  keyreeve root status                               how far it has come";

/// Replace the root key, where the former one or what unlocks it may be in wrong hands.
///
/// The server goes on meanwhile: it seals everything anew under the new root key, and destroys the former leaves, so that
/// the former root key opens none of it. Backups from before need the former root key, which is kept, wrapped by the new
/// one.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Replace {
    /// Wait until everything is sealed anew, and show how far that is
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    unlocks: Unlocks,
}

impl Replace {
    /// Asks the server and prints what unlocks the new root key.
    ///
    /// # Errors
    /// As every request; nothing or the wrong thing unlocks the former.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        self.unlocks.ask_server(session, "/v1/root/replace")?;
        if self.wait { wait(session) } else { Ok(()) }
    }
}

/// Waits until nothing is left under the former root key.
fn wait(session: &Session) -> Result<()> {
    let mut client = session.client()?;
    let progress = Progress::of("sealing objects anew");
    loop {
        let answer = client.get("/v1/work")?;
        let works = answer.get("work").and_then(Value::as_array).into_iter().flatten();
        let Some(work) = works.into_iter().find(|work| text(work, "kind") == "reseal") else { return Ok(()) };
        let number = |field: &str| work.get(field).and_then(Value::as_u64);
        progress.show(&text(work, "doing"), number("done").unwrap_or(0), number("total"));
        std::thread::sleep(LOOK);
    }
}
