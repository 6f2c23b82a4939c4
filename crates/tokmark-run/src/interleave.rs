//! Interleaving of N variants in blocks, for everything that compares: a drift of the
//! machine then hits all alike.

use tokmark_model::Nanos;

/// An endless order of variants in balanced blocks: each block is a permutation of all
/// variants followed by its mirror image, `A B B A` for two. Which permutation comes is
/// chosen by the seed, so that no variant always stands outside.
#[derive(Debug, Clone)]
pub struct Interleaving {
    n_variants: usize,
    state: u64,
    block: Vec<usize>,
    next: usize,
}

impl Interleaving {
    /// The order of `n_variants` variants for `seed`.
    ///
    /// # Panics
    /// With no variants.
    pub fn new(n_variants: usize, seed: u64) -> Self {
        assert!(n_variants > 0, "nothing to interleave");
        Interleaving { n_variants, state: seed, block: Vec::new(), next: 0 }
    }

    /// Repetitions in one block: twice the number of variants.
    pub fn block_len(&self) -> usize {
        2 * self.n_variants
    }

    fn shuffle(&mut self) {
        let mut order: Vec<usize> = (0..self.n_variants).collect();
        for i in (1..order.len()).rev() {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(i, ((self.state >> 33) % (i as u64 + 1)) as usize);
        }
        self.block = order.iter().chain(order.iter().rev()).copied().collect();
        self.next = 0;
    }
}

impl Iterator for Interleaving {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.next == self.block.len() {
            self.shuffle();
        }
        let variant = self.block[self.next];
        self.next += 1;
        Some(variant)
    }
}

/// Runs `n_blocks` whole blocks; `measure(variant)` times one repetition of it. Returns
/// for each variant its times in the order in which they were made, all of one length.
///
/// # Errors
/// The first error of `measure`.
pub fn interleave<E>(
    order: Interleaving,
    n_blocks: usize,
    mut measure: impl FnMut(usize) -> Result<Nanos, E>,
) -> Result<Vec<Vec<Nanos>>, E> {
    let mut times = vec![Vec::with_capacity(2 * n_blocks); order.n_variants];
    let n = n_blocks * order.block_len();
    for variant in order.take(n) {
        times[variant].push(measure(variant)?);
    }
    Ok(times)
}

/// The adjacent pairs `(a, b)` of two interleaved variants: in `A B B A` the first A with
/// the first B, the second B with the second A.
pub fn adjacent_pairs(a: &[Nanos], b: &[Nanos]) -> Vec<(Nanos, Nanos)> {
    a.iter().copied().zip(b.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_block_is_balanced_and_mirrored(n in 1usize..6, seed: u64, skip in 0usize..4) {
            let order = Interleaving::new(n, seed);
            let len = order.block_len();
            let block: Vec<_> = order.skip(skip * len).take(len).collect();
            for variant in 0..n {
                prop_assert_eq!(block.iter().filter(|&&v| v == variant).count(), 2);
            }
            let mut mirrored = block.clone();
            mirrored.reverse();
            prop_assert_eq!(block, mirrored);
        }

        #[test]
        fn a_linear_drift_cancels_in_each_block(seed: u64, slope in 0u64..1_000) {
            let mut now = 0;
            let times = interleave(Interleaving::new(2, seed), 5, |_| {
                now += slope;
                Ok::<_, ()>(Nanos(1_000_000 + now))
            }).unwrap();
            let sum = |times: &[Nanos]| times.iter().map(|t| t.get()).sum::<u64>();
            prop_assert_eq!(sum(&times[0]), sum(&times[1]));
        }
    }

    #[test]
    fn an_error_ends_the_interleaving() {
        let result = interleave(Interleaving::new(2, 1), 5, |variant| {
            if variant == 1 { Err("broken") } else { Ok(Nanos(1)) }
        });
        assert_eq!(result, Err("broken"));
    }

    #[test]
    fn pairs_are_adjacent_in_time() {
        let mut n = 0;
        let times = interleave(Interleaving::new(2, 4), 3, |_| {
            n += 1;
            Ok::<_, ()>(Nanos(n))
        })
        .unwrap();
        for (a, b) in adjacent_pairs(&times[0], &times[1]) {
            assert_eq!(a.get().abs_diff(b.get()), 1);
        }
    }
}
