//! What is drawn by lot, from a seed: times, counts and choices with the tails that real ones have. Not for keys.
//!
//! Exponentials and logarithms are computed here, since those of a platform may differ in the last bit, and the same
//! seed shall give the same bytes everywhere.

use crate::random::Random;

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Draw(Random);

impl Draw {
    /// The stream of a seed and of what it is for, so that one use of more draws here changes nothing there.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut mixed = Random::new(seed ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Draw(Random::new(mixed.next_u64()))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.below(end as u64) as usize
    }

    /// From `from` to below `to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.0.below((to - from).max(1) as u64) as i64
    }

    /// True so often.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of these.
    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// Of mean 0 and deviation 1, and within 6.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Half of all are below `median`; few are very large.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * exp(sigma * self.normal())
    }

    /// The time to the next of what comes without memory.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * ln(1.0 - self.unit())
    }

    /// How many come where `mean` are expected.
    pub fn poisson(&mut self, mean: f64) -> usize {
        if mean > 40.0 {
            return (mean + mean.sqrt() * self.normal() + 0.5).max(0.0) as usize;
        }
        let (limit, mut product, mut count) = (exp(-mean), self.unit(), 0);
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }

    /// Below `end`, the first most often: about as 1 to its place (Zipf).
    pub fn zipf(&mut self, end: usize) -> usize {
        let place = exp(self.unit() * ln(end as f64 + 1.0)) as usize;
        place.saturating_sub(1).min(end - 1)
    }

    /// So many different ones of `0..end`, in order.
    pub fn sample(&mut self, count: usize, end: usize) -> Vec<usize> {
        let mut left = count.min(end);
        let mut chosen = Vec::with_capacity(left);
        for place in 0..end {
            if left > 0 && self.below(end - place) < left {
                chosen.push(place);
                left -= 1;
            }
        }
        chosen
    }

    /// 16 bytes of an id.
    pub fn ten_bytes(&mut self) -> [u8; 10] {
        let (head, tail) = (self.bits().to_be_bytes(), self.bits().to_be_bytes());
        std::array::from_fn(|at| if at < 8 { head[at] } else { tail[at - 8] })
    }

    /// 64 hexadecimal digits, as of a hash.
    pub fn digest(&mut self) -> String {
        (0..4).map(|_| format!("{:016x}", self.bits())).collect()
    }
}

fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let whole = (x / std::f64::consts::LN_2).floor();
    let rest = x - whole * std::f64::consts::LN_2;
    let (mut term, mut sum) = (1.0, 1.0);
    for at in 1..18 {
        term *= rest / f64::from(at);
        sum += term;
    }
    sum * f64::from_bits(((whole as i64 + 1023) as u64) << 52)
}

fn ln(x: f64) -> f64 {
    let bits = x.max(f64::MIN_POSITIVE).to_bits();
    let exponent = (bits >> 52) as i64 - 1023;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    let slope = (mantissa - 1.0) / (mantissa + 1.0);
    let (mut power, mut sum) = (slope, 0.0);
    for at in 0..18 {
        sum += power / f64::from(2 * at + 1);
        power *= slope * slope;
    }
    2.0 * sum + exponent as f64 * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fleet_logarithms_are_those_of_the_platform_but_for_the_last_bits() {
        for at in 1..4000 {
            let x = f64::from(at) * 0.013;
            assert!((ln(x) - x.ln()).abs() < 1e-12, "{x}");
            assert!((exp(x - 26.0) / (x - 26.0).exp() - 1.0).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn fleet_draws_have_the_tails_that_they_are_named_after() {
        let mut draw = Draw::new(7, 1);
        let mut sizes: Vec<f64> = (0..20_001).map(|_| draw.log_normal(10.0, 1.0)).collect();
        sizes.sort_by(f64::total_cmp);
        assert!((9.0..11.0).contains(&sizes[10_000]), "median {}", sizes[10_000]);
        assert!(sizes[19_800] > 80.0, "no tail: {}", sizes[19_800]);
        let firsts = (0..10_000).filter(|_| draw.zipf(100) == 0).count();
        assert!((1200..1800).contains(&firsts), "{firsts}");
        let mean = (0..10_000).map(|_| draw.poisson(3.5)).sum::<usize>() as f64 / 10_000.0;
        assert!((3.4..3.6).contains(&mean), "{mean}");
        assert_eq!(draw.sample(5, 9).len(), 5);
    }
}
