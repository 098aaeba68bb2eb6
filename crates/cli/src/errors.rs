//! Why a command ends without doing what was asked, and the exit code that says so to scripts. Not here: errors of the
//! server itself, which come as text and code over the API.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// What kind of failure it is; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line, or a value in it, cannot be accepted.
    Usage,
    /// The server cannot be reached or has a fault, or a file cannot be read or written.
    Remote,
    /// The server knows the caller and says no, or does not know the caller.
    Denied,
    /// What was named is not there, is there already, or is in a state that does not allow this.
    State,
    /// A signature, a ciphertext or the journal is not what it should be.
    Verification,
    /// It was done, and there is something to see to.
    Warned,
    /// Whoever read our output has seen enough: nothing to complain about.
    ReaderGone,
    /// The request was printed and not sent, as was asked for.
    Printed,
}

/// A failure: what was wrong, where, what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    text: String,
    /// The code that the server gave, where it did.
    code: Option<String>,
}

/// Result of the commands.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure of this kind.
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), code: None }
    }

    /// The command line cannot be accepted.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Kind::Usage, text)
    }

    /// A file that cannot be read or written: `doing` is such as "read" or "write".
    pub(crate) fn file(doing: &str, path: &Path, cause: impl fmt::Display) -> Self {
        Self::new(Kind::Remote, format!("cannot {doing} {}: {cause}", path.display()))
    }

    /// An answer of the server that this program does not understand.
    pub(crate) fn answer(what: impl fmt::Display) -> Self {
        let text = format!(
            "the server answered in a way this program does not know ({what}); are their versions the same?"
        );
        Self::new(Kind::Remote, text)
    }

    /// What kind of failure it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What the server says, under the code that it gives.
    pub(crate) fn told(kind: Kind, code: String, text: String) -> Self {
        Self { kind, text, code: Some(code) }
    }

    /// The code that the server gave, where it did.
    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The same failure as one of another kind.
    pub(crate) fn into_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same failure with a hint after its text.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.text = format!("{}; {hint}", self.text);
        self
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::ReaderGone | Kind::Printed => 0,
            Kind::Usage => 1,
            Kind::Remote => 2,
            Kind::Denied => 3,
            Kind::State => 4,
            Kind::Verification => 5,
            Kind::Warned => 6,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Failures of writing to stdout.
impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Kind::ReaderGone, "the reader of the output is gone"),
            _ => Self::new(Kind::Remote, format!("cannot write the output: {cause}")),
        }
    }
}
