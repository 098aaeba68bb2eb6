//! The random number generator of the process: aws-lc's and the operating system's together. Also what the library draws
//! by itself, with no generator but its own: there it is made to begin anew.

use std::thread;

use aws_lc_rs::rand;
use keyreeve_core::{Error, ErrorKind, Result, ports::rng::Rng};
use zeroize::Zeroizing;

/// Bytes that are asked of the operating system at a time.
const CHUNK_BYTES: usize = 256;

/// Two generators, one XORed with the other. aws-lc's is a DRBG a thread, reseeded from the operating system, and new in a
/// child after `fork`. In a virtual machine that was cloned while it ran, both copies would go on with the same state
/// where neither the processor has a generator nor the system tells of it; the kernel is told by the hypervisor, or has
/// interrupts of its own. What comes out is as good as the better one.
///
/// # Standard
/// SP 800-90A section 10.2.1 (CTR_DRBG), SP 800-90C section 7 (combining).
pub(crate) struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        let library = |out: &mut [u8]| rand::fill(out).map_err(|_| failed());
        combine(out, library, |out| getrandom::fill(out).map_err(|_| failed()))
    }
}

/// Runs what draws from the library's generator and takes no other, on a thread of its own: the library makes a generator
/// for each thread, and seeds it when it is first asked, from the operating system too. So copies of a machine, whose
/// threads all go on with the same state, do not draw the same here.
///
/// # Errors
/// `Unavailable` where there is no room for one more thread.
pub(crate) fn drawn_anew<T: Send>(draw: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, draw).map_err(|_| failed())?;
        thread.join().map_err(|_| Error::internal("the crypto library panicked"))
    })
}

/// The bytes of one generator XORed with those of the other.
fn combine(
    out: &mut [u8],
    one: impl Fn(&mut [u8]) -> Result<()>,
    other: impl Fn(&mut [u8]) -> Result<()>,
) -> Result<()> {
    one(out)?;
    let mut fresh = Zeroizing::new([0; CHUNK_BYTES]);
    for chunk in out.chunks_mut(CHUNK_BYTES) {
        let fresh = &mut fresh[..chunk.len()];
        other(fresh)?;
        chunk.iter_mut().zip(fresh.iter()).for_each(|(byte, fresh)| *byte ^= fresh);
    }
    Ok(())
}

fn failed() -> Error {
    Error::new(ErrorKind::Unavailable, "the random number generator failed; try again later")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A generator in a copied machine: it gives what the other copy gave, from the same state on.
    fn copied(out: &mut [u8]) -> Result<()> {
        out.fill(0x5a);
        Ok(())
    }

    fn system(out: &mut [u8]) -> Result<()> {
        getrandom::fill(out).map_err(|_| failed())
    }

    #[test]
    fn one_generator_that_repeats_itself_does_not_make_the_two_repeat() {
        for bytes in [16, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let mut seen = BTreeSet::new();
            for _ in 0..4 {
                let (mut one, mut other) = (vec![0; bytes], vec![0; bytes]);
                combine(&mut one, copied, system).unwrap();
                combine(&mut other, system, copied).unwrap();
                seen.extend([one, other]);
            }
            assert_eq!(seen.len(), 8, "{bytes} bytes came twice");
            // No chunk is drawn once and used again.
            let chunks: BTreeSet<&[u8]> = seen.iter().flat_map(|drawn| drawn.chunks_exact(16)).collect();
            assert_eq!(chunks.len(), 8 * (bytes / 16));
        }
    }

    #[test]
    fn a_generator_that_fails_lets_nothing_out() {
        let broken = |_: &mut [u8]| Err(failed());
        assert!(combine(&mut [0; 16], broken, system).is_err());
        assert!(combine(&mut [0; 16], system, broken).is_err());
    }

    #[test]
    fn what_is_drawn_anew_is_drawn_elsewhere() {
        let here = thread::current().id();
        let [first, second] = [0; 2].map(|_| drawn_anew(|| thread::current().id()).unwrap());
        assert!(first != here && second != here && first != second);
    }
}
