//! Lists that come from the server in pages, printed as they come: no more than a page is in memory. Not here: what is asked
//! for.

use std::io::{self, Write as _};
use std::ops::ControlFlow;

use comfy_table::{ColumnConstraint, Table, Width, presets};
use serde_json::Value;

use crate::client::Client;
use crate::errors::Result;
use crate::output::{Format, escaped, printable, trimmed};

/// Items in one page at most, which is one entry of the journal.
const PAGE_ITEMS: u64 = 1000;

/// A list, and how it is shown.
pub(crate) struct Listing<'a> {
    /// Where it is, such as `/v1/keys`.
    pub(crate) path: &'a str,
    /// The field of a page that holds its items.
    pub(crate) field: &'a str,
    /// Filters.
    pub(crate) query: Vec<(&'static str, String)>,
    /// What stands above the columns.
    pub(crate) headings: &'a [&'a str],
    /// Items at most; `None`: all.
    pub(crate) limit: Option<u64>,
}

impl Listing<'_> {
    /// Asks page by page and prints: as a table the rows that `rows` makes of each item, or one JSON array of all items.
    /// `wants` leaves items out.
    ///
    /// # Errors
    /// As every request; stdout cannot be written.
    pub(crate) fn print(
        self,
        client: &mut Client,
        format: Format,
        wants: impl Fn(&Value) -> bool,
        rows: impl Fn(&Value) -> Vec<Vec<String>>,
    ) -> Result<()> {
        let Self { path, field, mut query, headings, limit } = self;
        let mut left = limit.unwrap_or(u64::MAX);
        query.push(("limit", left.clamp(1, PAGE_ITEMS).to_string()));
        let mut printer = Printer::new(format, headings);
        client.pages(path, None, &query, field, |item| {
            if wants(&item) {
                printer.item(&item, &rows)?;
                left = left.saturating_sub(1);
            }
            Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        printer.end()
    }
}

/// What was not printed yet.
struct Printer<'a> {
    format: Format,
    headings: &'a [&'a str],
    begun: bool,
    rows: Vec<Vec<String>>,
    /// Of the columns, as wide as they have been.
    widths: Vec<u16>,
}

impl<'a> Printer<'a> {
    fn new(format: Format, headings: &'a [&'a str]) -> Self {
        Self { format, headings, begun: false, rows: Vec::new(), widths: vec![0; headings.len()] }
    }

    fn item(&mut self, item: &Value, rows: impl Fn(&Value) -> Vec<Vec<String>>) -> Result<()> {
        if self.format == Format::Json {
            let begin = if std::mem::replace(&mut self.begun, true) { "," } else { "[" };
            let item = escaped(&format!("{item:#}")).replace('\n', "\n  ");
            return Ok(write!(io::stdout(), "{begin}\n  {item}")?);
        }
        self.rows.extend(rows(item));
        if (self.rows.len() as u64) < PAGE_ITEMS {
            return Ok(());
        }
        Ok(writeln!(io::stdout(), "{}", self.table())?)
    }

    fn end(mut self) -> Result<()> {
        let mut out = io::stdout();
        match self.format {
            Format::Json if self.begun => writeln!(out, "\n]")?,
            Format::Json => writeln!(out, "[]")?,
            Format::Table if self.begun && self.rows.is_empty() => {}
            Format::Table => writeln!(out, "{}", self.table())?,
        }
        Ok(out.flush()?)
    }

    /// The rows that have gathered, with the headings above the first of all; columns never get narrower again.
    fn table(&mut self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if !std::mem::replace(&mut self.begun, true) {
            table.set_header(self.headings.iter().map(|heading| heading.to_uppercase()));
        }
        for row in self.rows.drain(..) {
            table.add_row(row.iter().map(|cell| printable(cell)));
        }
        let widths = table.column_max_content_widths();
        for (column, (width, now)) in table.column_iter_mut().zip(self.widths.iter_mut().zip(widths)) {
            *width = (*width).max(now + column.padding_width());
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(*width)));
        }
        trimmed(&table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_later_pages_stand_below_those_of_the_first() {
        let mut printer = Printer::new(Format::Table, &["name", "state"]);
        let row = |name: &str| vec![name.to_owned(), "active".to_owned()];
        printer.rows = vec![row("a-long-name")];
        let first = printer.table();
        printer.rows = vec![row("a")];
        let second = printer.table();
        assert!(first.starts_with("NAME") && !second.contains("NAME"), "{first}\n{second}");
        let place = |line: &str| line.find("active");
        assert_eq!(first.lines().last().and_then(place), place(&second), "{first}\n{second}");
    }
}
