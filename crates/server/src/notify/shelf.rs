//! What the last pages of the journal mean, for all destinations: whoever comes first reads a page, and the others find it read. Not
//! here: what a page is good for.

use std::collections::VecDeque;
use std::sync::Arc;

use keyreeve_core::Result;
use keyreeve_core::model::Lsn;
use tokio::sync::Mutex;

use super::notice::Notice;

/// Pages end where positions are a multiple of this, so that those who go together share them.
const PAGE_ENTRIES: u64 = 256;
/// Pages that are kept for those who come after the first one.
const PAGES_KEPT: usize = 8;

/// What entries mean, in their order.
pub(super) type Page = Arc<[(Lsn, Option<Notice>)]>;

/// The last pages, each by the position that it begins behind.
#[derive(Default)]
pub(super) struct Shelf(Mutex<VecDeque<(Lsn, Page)>>);

impl Shelf {
    /// The page behind a position, read by `read` where nobody has read it before; empty at the end of the journal. One that goes
    /// beyond where pages end is cut there.
    ///
    /// # Errors
    /// Those of `read`.
    pub(super) async fn page<F>(&self, after: Lsn, read: F) -> Result<Page>
    where
        F: Future<Output = Result<Vec<(Lsn, Result<Option<Notice>>)>>>,
    {
        let mut pages = self.0.lock().await;
        if let Some((_, page)) = pages.iter().find(|(behind, _)| *behind == after) {
            return Ok(Arc::clone(page));
        }
        let end = (after.0 / PAGE_ENTRIES).saturating_add(1).saturating_mul(PAGE_ENTRIES);
        let rows = read.await?.into_iter().take_while(|(lsn, _)| lsn.0 <= end);
        let page: Page = rows.map(|(lsn, notice)| Ok((lsn, notice?))).collect::<Result<_>>()?;
        if !page.is_empty() {
            if pages.len() == PAGES_KEPT {
                pages.pop_front();
            }
            pages.push_back((after, Arc::clone(&page)));
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_page_is_read_once_and_ends_where_all_do() {
        let (shelf, reads) = (Shelf::default(), Cell::new(0));
        let page = |after: u64, to: u64| {
            reads.set(reads.get() + 1);
            shelf.page(
                Lsn(after),
                async move { Ok((after + 1..=to).map(|lsn| (Lsn(lsn), Ok(None))).collect()) },
            )
        };
        let last = |page: &Page| page.last().map(|(lsn, _)| lsn.0);
        assert_eq!(last(&page(100, 356).await.unwrap()), Some(256));
        assert_eq!(last(&page(256, 300).await.unwrap()), Some(300));
        // At the end of the journal nothing is kept: it grows.
        assert_eq!(last(&page(300, 300).await.unwrap()), None);
        assert_eq!(last(&page(300, 302).await.unwrap()), Some(302));
        // Nothing is read again, whatever could be read by now.
        for (after, to, end) in [(100, 9999, 256), (256, 9999, 300), (300, 9999, 302)] {
            let found = shelf.page(Lsn(after), async { panic!("{after} to {to} is read again") }).await;
            assert_eq!(last(&found.unwrap()), Some(end));
        }
        for after in 1000..1000 + PAGES_KEPT as u64 {
            page(after, after + 1).await.unwrap();
        }
        assert_eq!(last(&page(100, 101).await.unwrap()), Some(101), "what is old is not kept");
    }
}
