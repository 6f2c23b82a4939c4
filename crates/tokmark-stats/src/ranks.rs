//! Places in a list of rates: given only where the intervals part.

use serde::{Deserialize, Serialize};

use crate::Ends;

/// The place of one value among others, 1 being the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rank {
    /// 1 + the number of values that lie above all those it is tied with.
    pub place: u32,
    /// Values that share the place, this one among them; 1 for a place of its own.
    pub n_tied: u32,
}

impl Rank {
    /// The place is shared.
    pub fn is_tied(self) -> bool {
        self.n_tied > 1
    }

    /// The last of the places that the tied values take together.
    pub fn last_place(self) -> u32 {
        self.place + self.n_tied.saturating_sub(1)
    }
}

/// The place of each value by its interval, higher being better; `ranks[i]` belongs to
/// `intervals[i]`, whatever their order.
///
/// Two values are tied when their intervals have a point in common, or when a chain of such
/// values joins them: places part only at a gap that no interval spans. So no value ever stands
/// above one that it is not told from, and being tied is the same in both directions.
///
/// `None` for what has no interval, or one that is no interval (an end that is not finite, the
/// lower above the upper one): it takes no place and moves no other.
///
/// ```
/// use tokmark_stats::{Ends, ranks};
/// let of = |low, high| Some(Ends { low, high });
/// let places = ranks(&[of(90.0, 95.0), of(100.0, 110.0), None, of(94.0, 97.0)]);
/// let (place, n_tied): (Vec<_>, Vec<_>) =
///     places.iter().flatten().map(|rank| (rank.place, rank.n_tied)).unzip();
/// assert_eq!((place, n_tied), (vec![2, 1, 2], vec![2, 1, 2]));
/// ```
pub fn ranks(intervals: &[Option<Ends>]) -> Vec<Option<Rank>> {
    let mut found: Vec<(usize, Ends)> = intervals
        .iter()
        .enumerate()
        .filter_map(|(at, ends)| ends.filter(is_sound).map(|ends| (at, ends)))
        .collect();
    found.sort_by(|(_, a), (_, b)| b.high.total_cmp(&a.high));
    let mut ranks = vec![None; intervals.len()];
    let mut from = 0;
    while from < found.len() {
        // From the top down: the next belongs here while it reaches up to the lowest end so far.
        let mut lowest = found[from].1.low;
        let mut to = from + 1;
        while to < found.len() && found[to].1.high >= lowest {
            lowest = lowest.min(found[to].1.low);
            to += 1;
        }
        let rank = Rank { place: count(from) + 1, n_tied: count(to - from) };
        for (at, _) in &found[from..to] {
            ranks[*at] = Some(rank);
        }
        from = to;
    }
    ranks
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn is_sound(Ends { low, high }: &Ends) -> bool {
    low.is_finite() && high.is_finite() && low <= high
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(intervals: &[(f64, f64)]) -> Vec<Option<(u32, u32)>> {
        let ends: Vec<_> = intervals.iter().map(|&(low, high)| Some(Ends { low, high })).collect();
        ranks(&ends).into_iter().map(|rank| rank.map(|rank| (rank.place, rank.n_tied))).collect()
    }

    #[test]
    fn intervals_that_part_get_places_of_their_own() {
        let found = places(&[(10.0, 12.0), (30.0, 31.0), (20.0, 25.0)]);
        assert_eq!(found, [Some((3, 1)), Some((1, 1)), Some((2, 1))]);
    }

    #[test]
    fn intervals_that_touch_are_tied() {
        let found = places(&[(10.0, 12.0), (12.0, 14.0), (5.0, 9.0)]);
        assert_eq!(found, [Some((1, 2)), Some((1, 2)), Some((3, 1))]);
    }

    #[test]
    fn a_chain_of_overlaps_is_one_tie() {
        let found = places(&[(28.0, 32.0), (20.0, 29.0), (15.0, 21.0), (1.0, 2.0)]);
        assert_eq!(found, [Some((1, 3)), Some((1, 3)), Some((1, 3)), Some((4, 1))]);
        let wide = places(&[(1.0, 100.0), (90.0, 95.0), (10.0, 20.0)]);
        assert_eq!(wide, [Some((1, 3)); 3]);
    }

    #[test]
    fn what_has_no_interval_takes_no_place() {
        let of = |low, high| Some(Ends { low, high });
        let found = ranks(&[None, of(1.0, f64::NAN), of(3.0, 2.0), of(1.0, 2.0)]);
        assert_eq!(found[..3], [None; 3]);
        assert_eq!(found[3], Some(Rank { place: 1, n_tied: 1 }));
        assert!(ranks(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn a_place_of_its_own_means_apart_from_every_other(
            pairs in prop::collection::vec((0.0..100.0f64, 0.0..20.0f64), 0..12)
        ) {
            let ends: Vec<_> =
                pairs.iter().map(|&(low, width)| Ends { low, high: low + width }).collect();
            let ranks = ranks(&ends.iter().copied().map(Some).collect::<Vec<_>>());
            for (i, a) in ends.iter().enumerate() {
                let rank = ranks[i].unwrap();
                for (j, b) in ends.iter().enumerate() {
                    let other = ranks[j].unwrap();
                    let overlap = a.low <= b.high && b.low <= a.high;
                    prop_assert!(!overlap || rank == other);
                    prop_assert_eq!(rank.place < other.place, rank != other && a.low > b.high);
                }
                let n_same = ranks.iter().filter(|other| **other == Some(rank)).count();
                prop_assert_eq!(n_same, rank.n_tied as usize);
            }
        }
    }
}
