//! Interleaving of N variants in blocks, for everything that compares: a drift of the
//! machine then hits all alike.

use tokmark_model::Visit;

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

/// One block in so many is a planted one.
pub const PLANTED_EVERY: usize = 4;

/// The endless order of an experiment's visits: the blocks of an [`Interleaving`], and where
/// asked for, planted blocks between them. In a planted block the first variant is visited
/// alone, as it is and delayed, in the same balanced order. One block of every four is planted;
/// which one, the seed says.
#[derive(Debug, Clone)]
pub struct VisitOrder {
    variants: Interleaving,
    /// Undelayed and delayed of planted blocks, and which of four blocks is planted.
    planted: Option<(Interleaving, Interleaving)>,
    planted_at: usize,
    n_blocks: usize,
    left_in_block: usize,
    in_planted: bool,
    position: u32,
}

impl VisitOrder {
    /// The order for `seed`.
    ///
    /// # Panics
    /// With no variants.
    pub fn new(n_variants: usize, seed: u64, planted: bool) -> Self {
        let planted = planted.then(|| {
            (Interleaving::new(2, !seed), Interleaving::new(PLANTED_EVERY, seed.rotate_left(32)))
        });
        VisitOrder {
            variants: Interleaving::new(n_variants, seed),
            planted,
            planted_at: 0,
            n_blocks: 0,
            left_in_block: 0,
            in_planted: false,
            position: 0,
        }
    }

    fn begin_block(&mut self) {
        let n_before = self.n_blocks;
        self.n_blocks += 1;
        self.left_in_block = self.variants.block_len();
        self.in_planted = false;
        let Some((delays, places)) = &mut self.planted else { return };
        if n_before.is_multiple_of(PLANTED_EVERY) {
            self.planted_at = places.next().unwrap_or_default();
        }
        if n_before % PLANTED_EVERY == self.planted_at {
            self.in_planted = true;
            self.left_in_block = delays.block_len();
        }
    }
}

impl Iterator for VisitOrder {
    type Item = Visit;

    fn next(&mut self) -> Option<Visit> {
        if self.left_in_block == 0 {
            self.begin_block();
        }
        self.left_in_block -= 1;
        let position = self.position;
        self.position += 1;
        Some(match &mut self.planted {
            Some((delays, _)) if self.in_planted => {
                let delayed = delays.next()? == 1;
                Visit { variant: 0, position, planted: true, delayed }
            }
            _ => {
                let variant = u32::try_from(self.variants.next()?).unwrap_or(u32::MAX);
                Visit { variant, position, planted: false, delayed: false }
            }
        })
    }
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
            let mut times = [0, 0];
            for (i, variant) in Interleaving::new(2, seed).take(20).enumerate() {
                times[variant] += slope * i as u64;
            }
            prop_assert_eq!(times[0], times[1]);
        }
    }

    proptest! {
        #[test]
        fn one_block_in_four_is_planted_and_each_is_balanced(seed: u64) {
            let visits: Vec<Visit> = VisitOrder::new(2, seed, true).take(4 * 4 * 6).collect();
            prop_assert!(visits.iter().enumerate().all(|(i, v)| v.position as usize == i));
            for four in visits.chunks(16) {
                let planted: Vec<&[Visit]> = four.chunks(4).filter(|b| b[0].planted).collect();
                prop_assert_eq!(planted.len(), 1);
                for block in four.chunks(4) {
                    let second = |v: &Visit| if v.planted { v.delayed } else { v.variant == 1 };
                    prop_assert!(block.iter().all(|v| v.planted == block[0].planted));
                    prop_assert_eq!(block.iter().filter(|v| second(v)).count(), 2);
                    prop_assert_eq!(second(&block[0]), second(&block[3]));
                    prop_assert!(block.iter().all(|v| !v.planted || v.variant == 0));
                    prop_assert!(block.iter().all(|v| v.planted || !v.delayed));
                }
            }
        }

        #[test]
        fn without_planted_blocks_the_order_is_the_interleaving(n in 1usize..5, seed: u64) {
            let variants = VisitOrder::new(n, seed, false).map(|visit| visit.variant as usize);
            prop_assert!(variants.take(50).eq(Interleaving::new(n, seed).take(50)));
        }
    }
}
