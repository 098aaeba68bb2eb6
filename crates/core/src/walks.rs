//! Long walks through the index for searches that find little: so many of one principal at once, and of all. Not here:
//! searching (locate).

use parking_lot::Mutex;

use crate::{
    error::{Error, ErrorKind, Result},
    model::PrincipalId,
};

/// Walks of one principal at once.
const WALKS_OF_ONE_MAX: usize = 4;
/// Walks at once: each holds a thread.
const WALKS_MAX: usize = 32;

/// Whose walks are under way.
#[derive(Default)]
pub(crate) struct Walks(Mutex<Vec<PrincipalId>>);

/// The right to walk on, until it is dropped.
pub(crate) struct Walk<'w> {
    walks: &'w Walks,
    principal: PrincipalId,
}

impl Walks {
    /// Begins one.
    ///
    /// # Errors
    /// `LimitExceeded` where too many are under way.
    pub(crate) fn begin(&self, principal: PrincipalId) -> Result<Walk<'_>> {
        let mut under_way = self.0.lock();
        let own = under_way.iter().filter(|other| **other == principal).count();
        if own >= WALKS_OF_ONE_MAX || under_way.len() >= WALKS_MAX {
            let public = "too many searches that find little are under way: name more of what is searched, or wait until \
                          another one has ended";
            return Err(Error::new(ErrorKind::LimitExceeded, public));
        }
        under_way.push(principal);
        Ok(Walk { walks: self, principal })
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        let mut under_way = self.walks.0.lock();
        if let Some(at) = under_way.iter().position(|other| *other == self.principal) {
            under_way.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_principal_keeps_no_other_from_walking() {
        let walks = Walks::default();
        let (mallory, alice) = (PrincipalId::ANONYMOUS, PrincipalId::SYSTEM);
        let mut under_way: Vec<_> = (0..WALKS_OF_ONE_MAX).map(|_| walks.begin(mallory).ok()).collect();
        assert!(under_way.iter().all(Option::is_some));
        assert_eq!(walks.begin(mallory).err().map(|error| error.kind()), Some(ErrorKind::LimitExceeded));
        assert!(walks.begin(alice).is_ok());
        under_way.pop();
        assert!(walks.begin(mallory).is_ok(), "one has ended");
    }
}
