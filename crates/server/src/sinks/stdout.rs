//! Lines on the standard output, for who collects those of processes. Not here: what the lines say.

use std::io::Write as _;

use tokio::task::spawn_blocking;

/// Writes whole lines, which may take as long as who reads them does.
pub(super) async fn send(text: Vec<u8>) -> Result<(), String> {
    let write = move || {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(&text)?;
        stdout.flush()
    };
    let written: std::io::Result<()> = spawn_blocking(write).await.map_err(|cause| cause.to_string())?;
    written.map_err(|cause| format!("the standard output cannot be written: {cause}"))
}
