//! How far long work has come, on stderr where that is a terminal. Not here: the work.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

/// Pause between two looks of what turns.
const TICK: Duration = Duration::from_millis(120);

/// Of work whose end nobody knows.
const SPINNER: &str = "{spinner} {elapsed} {msg}";
/// Of things that are counted.
const COUNTED: &str = "{bar:30} {msg}, {human_pos} of {human_len}, {eta} left";

/// A line that is drawn again and again, and gone once this is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of bytes, of so many where that is known.
    pub(crate) fn bytes(total: Option<u64>) -> Self {
        let (bar, template) = match total {
            Some(total) => {
                (ProgressBar::new(total), "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
            }
            None => (ProgressBar::new_spinner(), "{spinner} {bytes}, {bytes_per_sec}"),
        };
        Self(styled(bar, template))
    }

    /// Of work whose end nobody knows.
    pub(crate) fn of(what: &str) -> Self {
        let bar = styled(ProgressBar::new_spinner(), SPINNER);
        bar.set_message(crate::output::printable(what));
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Of things that are counted.
    pub(crate) fn counted() -> Self {
        Self(styled(ProgressBar::new(0), COUNTED))
    }

    /// So many of so many are done.
    pub(crate) fn count(&self, doing: &str, done: u64, total: u64) {
        if self.0.message() != doing {
            self.0.set_message(doing.to_owned());
            self.0.reset();
        }
        self.0.set_length(total);
        self.0.set_position(done);
    }

    /// So many are done, of so many where that is known.
    pub(crate) fn show(&self, doing: &str, done: u64, total: Option<u64>) {
        let doing = crate::output::printable(doing);
        match total {
            Some(total) => {
                style(&self.0, COUNTED);
                self.count(&doing, done, total);
            }
            None => {
                style(&self.0, SPINNER);
                self.0.set_message(format!("{doing}, {} so far", HumanCount(done)));
            }
        }
    }

    /// So many bytes are done.
    pub(crate) fn set(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    style(&bar, template);
    bar
}

/// Without colours: a line of progress needs none.
fn style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}
