//! The permutation test of a split.

use std::ops::Range;

use super::energy::Splitter;
use super::{ChangeOptions, MIN_PERMUTATIONS};
use crate::order::ascending;
use crate::random::SplitMix;

/// Permutations that are made: as asked, but enough for the level to be reached.
pub(super) fn n_permutations(options: &ChangeOptions) -> u32 {
    let for_alpha = (1.0 / options.alpha).ceil().min(1e6) as u32;
    options.n_permutations.max(MIN_PERMUTATIONS).max(for_alpha)
}

/// p value of the statistic `q` (less than it by rounding counts as it): the share of series
/// with every segment shuffled in itself whose best split reaches it, the series as it is
/// counted as one of them, (b + 1) / (n + 1) (Phipson and Smyth 2010). `None` as soon as it must
/// exceed alpha. O(permutations x n^2).
pub(super) fn p_value(
    values: &[f64],
    segments: &[Range<usize>],
    q: f64,
    pass: usize,
    options: &ChangeOptions,
) -> Option<f64> {
    // Shuffled from the sorted values, and in an order of the segments that comes from their
    // values: so the answer is the same for the series read backwards.
    let mut segments: Vec<Vec<f64>> =
        segments.iter().map(|segment| ascending(&values[segment.clone()])).collect();
    segments.sort_by(|a, b| {
        let first_difference = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
        a.len().cmp(&b.len()).then(first_difference.unwrap_or(std::cmp::Ordering::Equal))
    });
    let n_permutations = n_permutations(options);
    let mut dice =
        SplitMix::new(options.seed.wrapping_add((pass as u64).wrapping_mul(0xd1b5_4a32)));
    let mut splitter = Splitter::default();
    let mut n_reached: u32 = 0;
    let share = |n_reached: u32| f64::from(n_reached + 1) / f64::from(n_permutations + 1);
    for _ in 0..n_permutations {
        let mut reached = false;
        for segment in &mut segments {
            dice.shuffle(segment);
            reached = reached || splitter.reaches(segment, options.min_segment, options.windows, q);
        }
        n_reached += u32::from(reached);
        if share(n_reached) > options.alpha {
            return None;
        }
    }
    Some(share(n_reached))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(values: &[f64], q: f64, alpha: f64) -> Option<f64> {
        let options =
            ChangeOptions { alpha, n_permutations: 2_999, min_segment: 2, ..Default::default() };
        p_value(values, std::slice::from_ref(&(0..values.len())), q, 0, &options)
    }

    #[test]
    fn separated_levels_have_the_share_of_their_arrangements() {
        // Four low, four high, all distances within a level 0: 2 of 70 arrangements.
        let values = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let q = Splitter::default().best(&values, 2, super::super::Windows::BothEnds).unwrap().q;
        let found = p(&values, q - 1e-9, 1.0).unwrap();
        assert!((found - 2.0 / 70.0).abs() < 0.01, "{found}");
    }

    #[test]
    fn a_test_ends_as_soon_as_it_must_fail() {
        assert_eq!(p(&[1.0; 12], 0.0, 0.05), None);
        assert_eq!(p(&[1.0; 12], 0.0, 1.0), Some(1.0));
    }

    #[test]
    fn a_small_level_gets_the_permutations_that_it_needs() {
        let options = |alpha| ChangeOptions { alpha, n_permutations: 5, ..Default::default() };
        assert_eq!(n_permutations(&options(0.05)), MIN_PERMUTATIONS);
        assert_eq!(n_permutations(&options(0.001)), 1_000);
        assert_eq!(n_permutations(&options(0.0)), 1_000_000);
    }

    #[test]
    fn shuffling_gives_every_place_the_same_chance() {
        let mut dice = SplitMix::new(7);
        let mut first = [0; 4];
        for _ in 0..4_000 {
            let mut values = [0.0, 1.0, 2.0, 3.0];
            dice.shuffle(&mut values);
            first[values[0] as usize] += 1;
        }
        assert!(first.iter().all(|&n| (900..1_100).contains(&n)), "{first:?}");
    }
}
