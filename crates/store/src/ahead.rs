//! Doing work on several threads while its results are taken in order. What the work is does not live here.

use std::{collections::VecDeque, thread};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Threads that work ahead: more than there are processors, since a part of them waits for a disk or a network.
const WORKERS: usize = 4;
/// Results of one item that wait to be taken.
const RESULTS_MAX: usize = 2;

/// Works on items, some at once, and takes what each gives, in the order of the items. `work` gives its results one by
/// one, and is to stop where that returns false: nobody takes them any more. Memory: what `WORKERS` items have given and
/// was not taken, `RESULTS_MAX` each, and what is worked on.
///
/// # Errors
/// The first error of `work`, by the order of items, or of `take`.
pub(crate) fn in_order<I: Send, T: Send, E: Send>(
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I, &mut dyn FnMut(T) -> bool) -> Result<(), E> + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let (jobs, queue) = bounded::<(I, Sender<Result<T, E>>)>(WORKERS);
    let run = |queue: Receiver<(I, Sender<Result<T, E>>)>| {
        for (item, results) in queue {
            if let Err(error) = work(item, &mut |result| results.send(Ok(result)).is_ok()) {
                // Nobody waits for it where taking has failed before.
                let _ = results.send(Err(error));
            }
        }
    };
    thread::scope(|scope| {
        // Dropped when this closure ends, in whatever way: then the workers end.
        let jobs = jobs;
        for _ in 0..WORKERS {
            let queue = queue.clone();
            scope.spawn(|| run(queue));
        }
        drop(queue);
        let mut items = items.into_iter();
        let mut waiting = VecDeque::with_capacity(WORKERS);
        loop {
            while waiting.len() < WORKERS
                && let Some(item) = items.next()
            {
                let (sender, results) = bounded(RESULTS_MAX);
                // INVARIANT: there is room, and a worker that is free: as many items wait as there are workers.
                let _ = jobs.send((item, sender));
                waiting.push_back(results);
            }
            let Some(results) = waiting.pop_front() else { return Ok(()) };
            // A worker that panics ends its results early; the scope panics then as well.
            results.into_iter().try_for_each(|result| take(result?))?;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn thrice(item: usize, give: &mut dyn FnMut((usize, usize)) -> bool) -> Result<(), String> {
        let _ = (0..3).try_for_each(|at| give((item, at)).then_some(()));
        if item == 70 { Err("seventy".into()) } else { Ok(()) }
    }

    #[test]
    fn results_come_in_order_whatever_ends_first() {
        let mut taken = Vec::new();
        in_order(0..50, thrice, |result| {
            taken.push(result);
            Ok(())
        })
        .unwrap();
        let wanted: Vec<_> = (0..50).flat_map(|item| (0..3).map(move |at| (item, at))).collect();
        assert_eq!(taken, wanted);
    }

    #[test]
    fn the_first_error_ends_it() {
        let begun = AtomicUsize::new(0);
        let counted = |item, give: &mut dyn FnMut(_) -> bool| {
            begun.fetch_add(1, Ordering::Relaxed);
            thrice(item, give)
        };
        let mut taken = 0;
        let failed = in_order(0..1000, counted, |_| {
            taken += 1;
            Ok(())
        });
        assert_eq!((failed, taken), (Err("seventy".into()), 71 * 3));
        assert!(begun.load(Ordering::Relaxed) <= 71 + WORKERS);
        let refused =
            in_order(0..1000, thrice, |(item, _)| if item == 9 { Err("no".into()) } else { Ok(()) });
        assert_eq!(refused, Err::<(), String>("no".into()));
    }
}
