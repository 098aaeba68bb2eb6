//! Waiting for entries: who follows the journal is woken when more of it is durable. Reading them is the journal's.

use std::task::{Context, Poll, Waker};

use keyreeve_core::model::Lsn;
use parking_lot::Mutex;

/// Tasks that wait for entries.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<Vec<Waker>>);

impl Watchers {
    /// What `published` says once that is beyond `after`; else the task is woken by the next `wake`.
    pub(crate) fn poll(
        &self,
        after: Lsn,
        published: impl Fn() -> Lsn,
        context: &mut Context<'_>,
    ) -> Poll<Lsn> {
        if published() <= after {
            let mut wakers = self.0.lock();
            // INVARIANT: a task stands here once, however often it polls.
            if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                wakers.push(context.waker().clone());
            }
        }
        // Once more, for what was published before the waker stood there.
        match published() {
            newest if newest > after => Poll::Ready(newest),
            _ => Poll::Pending,
        }
    }

    /// More is published: wakes all.
    pub(crate) fn wake(&self) {
        for waker in std::mem::take(&mut *self.0.lock()) {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU64, AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn who_waits_is_woken_once_there_is_more() {
        let (watchers, newest) = (Watchers::default(), AtomicU64::new(5));
        let published = || Lsn(newest.load(Ordering::SeqCst));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        assert_eq!(watchers.poll(Lsn(4), published, &mut context), Poll::Ready(Lsn(5)));
        watchers.wake();
        assert_eq!(woken.0.load(Ordering::SeqCst), 0, "nobody waited");

        for _ in 0..3 {
            assert_eq!(watchers.poll(Lsn(5), published, &mut context), Poll::Pending);
        }
        assert_eq!(watchers.0.lock().len(), 1);
        newest.store(6, Ordering::SeqCst);
        watchers.wake();
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert_eq!(watchers.poll(Lsn(5), published, &mut context), Poll::Ready(Lsn(6)));
    }
}
