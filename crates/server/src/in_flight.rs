//! Bytes of long requests that are under way, of all connections together: what is beyond the limit is refused, so that no
//! number of peers fills the memory. Not here: the limit of one request, which each front-end keeps.

use std::collections::HashMap;
use std::sync::Arc;

use keyreeve_core::model::PrincipalId;
use parking_lot::Mutex;

/// Shorter requests are not counted: the limit on connections bounds them.
const SHORT_BYTES: usize = 64 * 1024;

/// One principal has this part of the room at most, unless with one request alone.
const PRINCIPAL_PART: usize = 4;

/// What all long requests take together.
pub struct InFlight(Mutex<Taken>);

struct Taken {
    bytes_max: usize,
    bytes: usize,
    /// INVARIANT: the parts of `bytes`, and nobody stands there with 0. Strangers are one.
    of_principal: HashMap<Option<PrincipalId>, usize>,
}

/// What one request takes, given back when dropped.
pub struct Reserved {
    of: Arc<InFlight>,
    principal: Option<PrincipalId>,
    bytes: usize,
}

impl InFlight {
    /// Room for so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self(Mutex::new(Taken { bytes_max, bytes: 0, of_principal: HashMap::new() }))
    }

    /// Room for so many bytes from now on; what is under way stays.
    pub fn set(&self, bytes_max: usize) {
        self.0.lock().bytes_max = bytes_max;
    }

    /// Nothing yet, for one request.
    pub fn reserve(self: &Arc<Self>) -> Reserved {
        Reserved { of: Arc::clone(self), principal: None, bytes: 0 }
    }
}

impl Reserved {
    /// Who asks, once that is known; what is reserved already stays with whom it was reserved for.
    pub fn belongs_to(&mut self, principal: PrincipalId) {
        if self.bytes == 0 {
            self.principal = Some(principal);
        }
    }

    /// Whether there is room for a request of so many bytes, of which some may be reserved already. Who is refused gives back
    /// what was reserved in the same moment, and has to let go of what it stands for: of many that grow together the last is
    /// alone then and gets through, whoever writes a refusal on record meanwhile.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        if bytes <= SHORT_BYTES || more == 0 {
            return true;
        }
        let mut taken = self.of.0.lock();
        let of_principal = taken.of_principal.get(&self.principal).copied().unwrap_or(0);
        let is_alone = of_principal == self.bytes;
        let fits = |taken: usize, bytes_max: usize| more <= bytes_max.saturating_sub(taken);
        let has_room = fits(taken.bytes, taken.bytes_max)
            && (is_alone || fits(of_principal, taken.bytes_max / PRINCIPAL_PART));
        if has_room {
            taken.bytes += more;
            taken.of_principal.insert(self.principal, of_principal + more);
            self.bytes = bytes;
        } else {
            taken.give_back(self.principal, std::mem::take(&mut self.bytes));
        }
        has_room
    }
}

impl Taken {
    fn give_back(&mut self, principal: Option<PrincipalId>, bytes: usize) {
        self.bytes -= bytes;
        match self.of_principal.get_mut(&principal) {
            Some(taken) if *taken > bytes => *taken -= bytes,
            _ => {
                self.of_principal.remove(&principal);
            }
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.of.0.lock().give_back(self.principal, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_requests_take_stays_within_the_limit() {
        let in_flight = Arc::new(InFlight::new(300_000));
        let of = |principal| {
            let mut reserved = in_flight.reserve();
            reserved.belongs_to(principal);
            reserved
        };
        let (mut first, mut second) = (of(PrincipalId::ANONYMOUS), of(PrincipalId::SYSTEM));
        assert!(first.grow_to(100_000) && first.grow_to(200_000) && second.grow_to(100_000));
        assert!(!in_flight.reserve().grow_to(70_000));
        assert!(in_flight.reserve().grow_to(SHORT_BYTES), "short ones always pass");
        assert!(!first.grow_to(200_001) && first.bytes == 0, "who is refused holds nothing any more");
        assert!(second.grow_to(300_000));
        drop(first);
        drop(second);
        assert!(in_flight.0.lock().bytes == 0 && in_flight.0.lock().of_principal.is_empty());
    }

    #[test]
    fn one_principal_leaves_room_to_others() {
        let in_flight = Arc::new(InFlight::new(800_000));
        let of = |principal| {
            let mut reserved = in_flight.reserve();
            reserved.belongs_to(principal);
            reserved
        };
        let (mut first, mut second, mut third) =
            (of(PrincipalId::ANONYMOUS), of(PrincipalId::ANONYMOUS), of(PrincipalId::ANONYMOUS));
        assert!(first.grow_to(100_000) && second.grow_to(100_000));
        assert!(!third.grow_to(70_000), "a quarter is taken");
        let mut other = of(PrincipalId::SYSTEM);
        assert!(other.grow_to(600_000), "one request alone may be longer");
        assert!(
            !first.grow_to(100_001) && second.grow_to(200_000),
            "of those that grow together the last is alone"
        );
        drop((second, other));
        assert!(third.grow_to(100_000));
    }
}
