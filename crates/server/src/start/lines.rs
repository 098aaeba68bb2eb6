//! Log lines on their way to a stream: gathered in memory, written by a thread of their own many at a time, so that a line
//! costs whoever logs it a copy. A reader that is slow loses lines and never holds up the server. Not here: what a line
//! says.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that wait for the stream; lines beyond that are lost.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// Between two writes: lines that come in the meantime go out together.
const PAUSE: Duration = Duration::from_millis(10);
/// How long the last lines are waited for.
const END: Duration = Duration::from_secs(1);

/// Where lines are handed in; a clone is the same.
#[derive(Clone)]
pub(super) struct Lines(Arc<Queue>);

/// Writes out the last lines when dropped.
pub(super) struct LastLines(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// There are lines where none waited before, or the end has come.
    more: Condvar,
    /// All is written and nothing will be any more.
    done: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    lost: u64,
    is_ending: bool,
    is_done: bool,
}

/// Lines to this stream.
pub(super) fn lines_to(stream: impl Write + Send + 'static) -> (Lines, LastLines) {
    let queue = Arc::new(Queue::default());
    let (own, handed) = (Arc::clone(&queue), Lines(Arc::clone(&queue)));
    // Where the system grants no thread, lines are lost as they are with a reader that never reads.
    let _ = thread::Builder::new().name("log".into()).spawn(move || own.write_to(stream));
    (handed, LastLines(queue))
}

impl Queue {
    fn add(&self, line: &[u8]) {
        let mut waiting = self.waiting.lock();
        if waiting.bytes.len() + line.len() > WAITING_BYTES_MAX {
            waiting.lost += 1;
            return;
        }
        let was_empty = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        if was_empty {
            self.more.notify_one();
        }
    }

    fn write_to(&self, mut stream: impl Write) {
        let mut taken = Vec::new();
        let mut waiting = self.waiting.lock();
        loop {
            while waiting.bytes.is_empty() && !waiting.is_ending {
                self.more.wait(&mut waiting);
            }
            std::mem::swap(&mut taken, &mut waiting.bytes);
            let lost = std::mem::take(&mut waiting.lost);
            drop(waiting);
            if lost > 0 {
                taken.extend_from_slice(
                    format!("{lost} lines are missing here: they were not read in time\n").as_bytes(),
                );
            }
            // A stream that is closed has no reader: there is nobody to tell.
            let _ = stream.write_all(&taken).and_then(|()| stream.flush());
            taken.clear();
            waiting = self.waiting.lock();
            if waiting.is_ending && waiting.bytes.is_empty() {
                waiting.is_done = true;
                self.done.notify_all();
                return;
            }
            if !waiting.is_ending {
                drop(waiting);
                thread::sleep(PAUSE);
                waiting = self.waiting.lock();
            }
        }
    }
}

impl Drop for LastLines {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.is_ending = true;
        self.0.more.notify_one();
        if !waiting.is_done {
            self.0.done.wait_for(&mut waiting, END);
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

/// Takes one line.
pub(super) struct Line<'a>(&'a Queue);

impl Write for Line<'_> {
    /// A line comes whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is open, and what was written.
    type Written = Mutex<(bool, Vec<u8>)>;

    /// A stream that takes nothing before it is told to.
    #[derive(Clone, Default)]
    struct Gate(Arc<(Written, Condvar)>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut state = self.0.0.lock();
            while !state.0 {
                self.0.1.wait(&mut state);
            }
            state.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_slow_reader_loses_lines_and_is_told_how_many() {
        let gate = Gate::default();
        let (lines, last) = lines_to(gate.clone());
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        for _ in 0..4096 {
            lines.make_writer().write_all(&line).unwrap();
        }
        gate.0.0.lock().0 = true;
        gate.0.1.notify_all();
        drop(last);
        let written = String::from_utf8(gate.0.0.lock().1.clone()).unwrap();
        let (whole, lost): (Vec<&str>, Vec<&str>) = written.lines().partition(|line| line.starts_with('x'));
        assert!(whole.iter().all(|line| line.len() == 1023));
        assert!((1024..=2048).contains(&whole.len()), "{}", whole.len());
        let told: usize =
            lost.iter().map(|line| line.split(' ').next().unwrap().parse::<usize>().unwrap()).sum();
        assert_eq!(told + whole.len(), 4096);
    }
}
