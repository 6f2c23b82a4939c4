//! How many rounds a verdict takes at least.

use tokmark_model::{Design, Looks};

use crate::compare::look_weight;
use crate::session::LEVEL;
use crate::stopping::is_look;

/// Comparisons that an experiment decides together: each two variants in each test.
pub fn n_comparisons(n_variants: usize, n_tests: usize) -> usize {
    n_variants * n_variants.saturating_sub(1) / 2 * n_tests
}

/// The fewest rounds from which on *faster* and *slower* can be told, whatever the number: from
/// here [`can_decide`] holds for every number of rounds. With [`Looks::Sequential`] the last look
/// is at the last round, whatever `max_pairs` says.
///
/// ```
/// use tokmark_model::Looks;
/// use tokmark_stats::rounds_needed;
///
/// // Two models in two tests; three; four.
/// assert_eq!([2, 6, 12].map(|n| rounds_needed(n, Looks::Once)), [7, 8, 9]);
/// let adaptive = Looks::Sequential { max_pairs: 0 };
/// assert_eq!([2, 6, 12].map(|n| rounds_needed(n, adaptive)), [7, 9, 10]);
/// ```
pub fn rounds_needed(n_comparisons: usize, looks: Looks) -> u32 {
    // One more round doubles what the pairs can say; a look just before the last leaves it too
    // little for some numbers of rounds above one that can decide.
    let mut needed = 1;
    let mut n_rounds = 1;
    while n_rounds <= 2 * needed.max(FEWEST) {
        if !can_decide(n_comparisons, looks, n_rounds) {
            needed = n_rounds + 1;
        }
        n_rounds += 1;
    }
    needed
}

/// Pairs below which no interval of 95 % exists.
const FEWEST: u32 = 6;

/// Whether `n_rounds` rounds can end with *faster* or *slower* in a family of `n_comparisons`
/// that Holm's correction decides together: whether at one of the looks the smallest p value
/// there is, that of pairs which all point the same way, is at most 0.05 after it was divided by
/// the look's share of the error and multiplied by the number of comparisons. With
/// [`Looks::Sequential`] the last look is at the last round.
///
/// *Same* is not corrected after Holm and may come before. Pairs that depend on each other need
/// more than this.
pub fn can_decide(n_comparisons: usize, looks: Looks, n_rounds: u32) -> bool {
    match looks {
        Looks::Once => can_decide_at(n_comparisons, looks, n_rounds),
        Looks::Sequential { .. } => {
            let looks = Looks::Sequential { max_pairs: n_rounds };
            let is_looked_at = |n: &u32| *n == n_rounds || is_look(*n);
            (1..=n_rounds)
                .filter(is_looked_at)
                .any(|n_pairs| can_decide_at(n_comparisons, looks, n_pairs))
        }
    }
}

/// The same of one look, that at `n_pairs` pairs.
pub fn can_decide_at(n_comparisons: usize, looks: Looks, n_pairs: u32) -> bool {
    let family = n_comparisons.max(1) as f64;
    let smallest = (2.0 * 0.5f64.powf(f64::from(n_pairs))).min(1.0);
    n_pairs > 0 && family * smallest / look_weight(n_pairs, looks) <= 1.0 - LEVEL
}

/// Whether an experiment of this design with so many variants can tell *faster* from *slower* at
/// all, see [`can_decide`]. Of variants that were left out only those that remain count.
pub fn design_can_decide(design: &Design, n_variants: usize) -> bool {
    let family = n_comparisons(n_variants, design.tests.len());
    family > 0 && can_decide(family, design.looks, design.n_rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADAPTIVE: Looks = Looks::Sequential { max_pairs: 0 };

    #[test]
    fn numbers_of_rounds_by_hand() {
        // 2 / 2^6 x 2 > 5 %, 2 / 2^7 x 2 < 5 %.
        assert!(!can_decide(2, Looks::Once, 6) && can_decide(2, Looks::Once, 7));
        assert!(can_decide(1, Looks::Once, 6) && !can_decide(1, Looks::Once, 5));
        // Four models, two tests: 2 / 2^8 x 12 = 9.4 %.
        assert!(!can_decide(12, Looks::Once, 8));
        // Two looks: the second has 1 - (7/8)^3 = 33 % of the error.
        assert!(can_decide(2, ADAPTIVE, 8) && !can_decide(3, ADAPTIVE, 8));
        assert!(can_decide(3, ADAPTIVE, 7) && can_decide(3, ADAPTIVE, 9));
        let six = |n| can_decide(6, ADAPTIVE, n);
        assert_eq!([7, 8, 9, 10].map(six), [false, false, true, true]);
        let twelve = |n| can_decide(12, ADAPTIVE, n);
        assert_eq!([7, 8, 9, 10, 11].map(twelve), [false, false, false, true, true]);
        assert!(!can_decide(4, ADAPTIVE, 7) && !can_decide(4, ADAPTIVE, 8));
        assert!(!can_decide(2, ADAPTIVE, 6) && !can_decide(2, ADAPTIVE, 0));
    }

    #[test]
    fn from_the_needed_number_on_every_one_decides() {
        for family in (1..40).chain([100, 1_000, 50_000]) {
            for looks in [Looks::Once, ADAPTIVE] {
                let needed = rounds_needed(family, looks);
                assert!(!can_decide(family, looks, needed - 1), "{family} {needed}");
                assert!((needed..300).all(|n| can_decide(family, looks, n)), "{family} {needed}");
            }
        }
    }

    #[test]
    fn a_family_has_each_two_variants_in_each_test() {
        assert_eq!([2, 3, 4].map(|n| n_comparisons(n, 2)), [2, 6, 12]);
        assert_eq!((n_comparisons(1, 2), n_comparisons(0, 2)), (0, 0));
    }
}
