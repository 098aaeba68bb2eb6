//! Syslog over TLS: messages of RFC 5424, framed as RFC 5425 has it. Not here: what the messages' text says.
//!
//! Syslog answers nothing, so that nobody knows what the other end has read. What was written is taken to have come only once
//! the connection has stood for [`SURE_AFTER`] behind it, while TCP itself gives up a connection whose bytes nobody
//! acknowledges for [`UNACKNOWLEDGED_MAX`]; or where the other end closes in good order after this one did. Where a
//! connection breaks before, the entries go out once more.

use std::collections::VecDeque;
use std::io::Write as _;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use keyreeve_core::model::Lsn;
use keyreeve_core::record::Outcome;
use rustix::net::sockopt::set_tcp_user_timeout;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;

use crate::entry_json::EntryText;
use crate::server_identity::ServerIdentity;

/// Log audit (RFC 5424, 6.2.1, table 1).
const FACILITY: u8 = 13;
/// Characters of a host's name in a header at most (RFC 5424, 6).
const HOST_CHARS_MAX: usize = 255;
/// Most messages are shorter.
const MESSAGE_BYTES_USUAL: usize = 1024;
/// `sequenceId` goes round behind this (RFC 5424, 7.3.1).
const SEQUENCE_MAX: u64 = i32::MAX as u64;
/// Longest time for a connection, and for a page of messages to be taken.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long bytes may be without TCP's acknowledgement.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
/// When what was written is taken to have come. INVARIANT: longer than `UNACKNOWLEDGED_MAX`.
const SURE_AFTER: Duration = Duration::from_secs(15);
/// How long the other end has to close in good order.
const FAREWELL: Duration = Duration::from_secs(2);
/// Positions between that of what came and that of what was written last, at most; further apart ones are as good.
const MARKS_MAX: usize = 64;

/// What stands before every message of this process.
pub(super) struct Header {
    host: String,
    process: u32,
}

/// Whom messages go to.
pub(super) struct Syslog {
    identity: Arc<ServerIdentity>,
    address: String,
    name: ServerName<'static>,
    authorities: Arc<RootCertStore>,
    line: Option<TlsStream<TcpStream>>,
    /// What was written when, oldest first.
    marks: VecDeque<(Instant, Lsn)>,
}

impl Header {
    /// Of this machine and process.
    pub(super) fn new() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let fits = !host.is_empty()
            && host.len() <= HOST_CHARS_MAX
            && host.bytes().all(|byte| byte.is_ascii_graphic());
        Self { host: if fits { host } else { "-".to_owned() }, process: process::id() }
    }

    /// Adds a message with its length before it; `write` adds its text.
    pub(super) fn frame(&self, text: &EntryText, frames: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let draft = &text.entry.draft;
        let severity = match draft.outcome {
            Outcome::Success => 6,
            Outcome::Failed => 5,
            Outcome::Denied => 4,
        };
        let priority = FACILITY * 8 + severity;
        let sequence = (text.entry.lsn.0.max(1) - 1) % SEQUENCE_MAX + 1;
        let (time, host, process, word) = (&text.time, &self.host, self.process, draft.action.word());
        let mut message = Vec::with_capacity(MESSAGE_BYTES_USUAL);
        // Memory takes all that is written.
        let _ = write!(message, "<{priority}>1 {time} {host} keyreeve {process} {word} ");
        let _ = write!(message, "[meta sequenceId=\"{sequence}\"] ");
        write(&mut message);
        let _ = write!(frames, "{} ", message.len());
        frames.extend_from_slice(&message);
    }
}

impl Syslog {
    pub(super) fn new(
        identity: Arc<ServerIdentity>,
        (address, name): (String, ServerName<'static>),
        authorities: Arc<RootCertStore>,
    ) -> Self {
        Self { identity, address, name, authorities, line: None, marks: VecDeque::new() }
    }

    /// Writes frames up to a position. After a failure nobody knows which of them came.
    pub(super) async fn send(&mut self, frames: &[u8], up_to: Lsn) -> Result<(), String> {
        let sent = timeout(PATIENCE, self.write(frames)).await;
        let told = |cause: &dyn std::fmt::Display| format!("{} cannot be told: {cause}", self.address);
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => return Err(told(&cause)),
            Err(_) => return Err(told(&format!("it took nothing for {} s", PATIENCE.as_secs()))),
        }
        if self.marks.len() == MARKS_MAX {
            // The older of the last two goes, so that the newest never looks older than it is.
            self.marks.remove(MARKS_MAX - 2);
        }
        self.marks.push_back((Instant::now(), up_to));
        Ok(())
    }

    /// Up to where what was written has come; `None`: as before.
    pub(super) fn settle(&mut self) -> Result<Option<Lsn>, String> {
        if self.line.as_mut().is_some_and(has_ended) {
            return Err(format!("{} closed the connection", self.address));
        }
        Ok(self.came())
    }

    /// What stood long enough has come, whatever happens then.
    fn came(&mut self) -> Option<Lsn> {
        let mut came = None;
        while let Some((_, up_to)) = self.marks.pop_front_if(|(when, _)| when.elapsed() >= SURE_AFTER) {
            came = Some(up_to);
        }
        came
    }

    /// Ends the connection; up to where what was written has come.
    pub(super) async fn close(mut self) -> Option<Lsn> {
        let mut line = self.line.take()?;
        let last = self.marks.back().map(|(_, up_to)| *up_to);
        let farewell = async {
            line.shutdown().await?;
            let mut rest = [0; 64];
            while line.read(&mut rest).await? > 0 {}
            std::io::Result::Ok(())
        };
        match timeout(FAREWELL, farewell).await {
            Ok(Ok(())) => last,
            // Many close without TLS's word for it. Who had not read all would have reset the connection.
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => last,
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Gives the connection up; up to where what was written has come, `None`: as before.
    pub(super) fn hang_up(&mut self) -> Option<Lsn> {
        self.line = None;
        let came = self.came();
        self.marks.clear();
        came
    }

    /// Forgets what was written, for who begins anew.
    pub(super) fn forget(&mut self) {
        self.marks.clear();
    }

    async fn write(&mut self, frames: &[u8]) -> std::io::Result<()> {
        if self.line.as_mut().is_some_and(has_ended) {
            return Err(std::io::Error::other("it closed the connection"));
        }
        // Whatever fails, and who gives up waiting, leaves no connection with half a message on it.
        let mut line = match self.line.take() {
            Some(line) => line,
            None => {
                let dialer = self.identity.dialer(&self.authorities).map_err(std::io::Error::other)?;
                let (line, _) = dialer.dial(&self.address, &self.name).await?;
                set_tcp_user_timeout(line.get_ref().0, UNACKNOWLEDGED_MAX.as_millis() as u32)?;
                line
            }
        };
        line.write_all(frames).await?;
        line.flush().await?;
        self.line = Some(line);
        Ok(())
    }
}

/// Whether the other end has closed: it has nothing to say otherwise.
fn has_ended(line: &mut TlsStream<TcpStream>) -> bool {
    let mut said = [0; 64];
    line.read(&mut said).now_or_never().is_some_and(|read| !matches!(read, Ok(bytes) if bytes > 0))
}
