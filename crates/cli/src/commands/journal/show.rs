//! `keyreeve journal show`.

use std::io::{self, Write};
use std::ops::ControlFlow;

use clap::Args;
use serde_json::Value;

use crate::commands::{Session, text};
use crate::errors::Result;
use crate::output::{Format, escaped, printable};

/// Entries in one page, which is itself one entry of the journal.
const PAGE_ENTRIES: u64 = 1000;

const EXAMPLES: &str = "\
Examples:
  keyreeve journal show
  keyreeve journal show --key demo
  keyreeve journal show --after 1200 --limit 50 -o json";

/// Show the entries of the journal, oldest first: every change and every use of a key.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Show {
    /// Only entries after this position
    #[arg(long, value_name = "LSN")]
    after: Option<u64>,
    /// At most this many entries
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Only entries about this key
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
}

impl Show {
    /// Asks page by page and prints as it goes.
    ///
    /// # Errors
    /// As every request.
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let query = self.key.map(|key| ("key", key)).into_iter().collect();
        print_entries(session, self.after, self.limit, query)
    }
}

/// Asks page by page for the entries after a position that the filters in `query` let through, and prints them as they
/// come.
///
/// # Errors
/// As every request.
pub(in crate::commands) fn print_entries(
    session: &Session,
    after: Option<u64>,
    limit: Option<u64>,
    mut query: Vec<(&'static str, String)>,
) -> Result<()> {
    let limit = limit.unwrap_or(u64::MAX);
    query.push(("limit", limit.min(PAGE_ENTRIES).to_string()));
    let after = after.map(|after| after.to_string());
    let (mut client, mut printed) = (session.client()?, 0);
    let mut printer = Printer::new(session.format);
    client.pages("/v1/journal", after, &query, "entries", |entry| {
        printer.entry(&entry)?;
        printed += 1;
        Ok(if printed == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    printer.end()
}

/// What stands above the cells of a row.
pub(super) const HEADINGS: [&str; 8] =
    ["lsn", "time", "principal", "protocol", "action", "outcome", "target", "detail"];

/// The cells of an entry's row.
pub(super) fn cells(entry: &Value) -> [String; 8] {
    let named =
        || ["target", "object", "key"].iter().map(|field| text(entry, field)).find(|text| !text.is_empty());
    HEADINGS.map(|name| if name == "target" { named().unwrap_or_default() } else { text(entry, name) })
}

/// The line of a row, without its end.
pub(super) fn row(cells: &[String; 8]) -> String {
    let [lsn, time, principal, protocol, action, outcome, target, detail] =
        cells.each_ref().map(|cell| printable(cell));
    let line = format!(
        "{lsn:>8}  {time:<24}  {principal:<12}  {protocol:<8}  {action:<16}  {outcome:<8}  {target:<24}  {detail}"
    );
    line.trim_end().to_owned()
}

/// Prints entries one by one, since a journal may be longer than the memory: a line each, or one JSON array.
struct Printer {
    format: Format,
    out: io::StdoutLock<'static>,
    begun: bool,
}

impl Printer {
    fn new(format: Format) -> Self {
        Self { format, out: io::stdout().lock(), begun: false }
    }

    fn entry(&mut self, entry: &Value) -> Result<()> {
        let first = !std::mem::replace(&mut self.begun, true);
        if self.format == Format::Json {
            let entry = escaped(&entry.to_string());
            return Ok(write!(self.out, "{}\n{entry}", if first { "[" } else { "," })?);
        }
        if first {
            writeln!(self.out, "{}", row(&HEADINGS.map(str::to_uppercase)))?;
        }
        Ok(writeln!(self.out, "{}", row(&cells(entry)))?)
    }

    fn end(&mut self) -> Result<()> {
        match (self.format, self.begun) {
            (Format::Json, true) => writeln!(self.out, "\n]")?,
            (Format::Json, false) => writeln!(self.out, "[]")?,
            (Format::Table, _) => {}
        }
        Ok(self.out.flush()?)
    }
}
