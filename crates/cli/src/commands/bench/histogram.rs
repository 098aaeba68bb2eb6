//! Latencies in classes: each power of two of nanoseconds in 64 steps, so that a quantile is right to 1.6%. Not here: time.

use std::time::Duration;

/// Bits of a number that are kept below its highest one.
const STEP_BITS: u32 = 6;
const CLASSES: usize = (64 << STEP_BITS) as usize;

/// How many durations fell into each class.
pub(super) struct Histogram(Vec<u32>);

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0; CLASSES])
    }
}

impl Histogram {
    /// Counts a duration.
    pub(super) fn note(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let counted = &mut self.0[class(nanoseconds)];
        *counted = counted.saturating_add(1);
    }

    /// Adds what another counted.
    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, one)| *sum = sum.saturating_add(*one));
    }

    /// Microseconds below which this part of all durations lies, `None` without any.
    pub(super) fn quantile_us(&self, part: f64) -> Option<f64> {
        let all: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let wanted = ((all as f64 * part).ceil() as u64).max(1);
        let mut below = 0;
        let reached = self.0.iter().position(|count| {
            below += u64::from(*count);
            below >= wanted
        })?;
        Some(middle(reached) / 1000.0)
    }
}

fn class(nanoseconds: u64) -> usize {
    let shift = (u64::BITS - nanoseconds.leading_zeros()).saturating_sub(STEP_BITS + 1);
    ((u64::from(shift) << STEP_BITS) + (nanoseconds >> shift)) as usize
}

/// The middle of a class, in nanoseconds.
fn middle(class: usize) -> f64 {
    let steps = 1 << STEP_BITS;
    let shift = (class / steps).saturating_sub(1) as i32;
    let from = (class - shift as usize * steps) as f64;
    (from + if shift > 0 { 0.5 } else { 0.0 }) * 2f64.powi(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_step() {
        let mut histogram = Histogram::default();
        assert!(histogram.quantile_us(0.5).is_none());
        (1..=1000).for_each(|us| histogram.note(Duration::from_micros(us)));
        for (part, expected) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let told = histogram.quantile_us(part).unwrap();
            assert!((told / expected - 1.0).abs() < 0.016, "{part}: {told}");
        }
        let mut both = Histogram::default();
        both.add(&histogram);
        both.note(Duration::MAX);
        assert!(both.quantile_us(1.0).unwrap() > 1e15);
    }

    #[test]
    fn classes_follow_each_other() {
        let mut last = 0;
        for nanoseconds in (0..100_000).chain([u64::MAX / 2, u64::MAX]) {
            let class = class(nanoseconds);
            assert!(class >= last && class < CLASSES, "{nanoseconds}");
            last = class;
        }
    }
}
