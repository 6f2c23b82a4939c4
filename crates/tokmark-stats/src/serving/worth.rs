//! How many independent requests those of a load point are worth.

use super::distribution::{Ordered, SERVING_QUANTILES};
use super::flow::WINDOW_PIECES;
use crate::dependence::correlation;

const N: usize = SERVING_QUANTILES.len();
/// (97.5 % quantile of Student's t with one less degree of freedom / that of the normal
/// distribution) squared, for each of [`WINDOW_PIECES`].
const FOR_FEW: [f64; WINDOW_PIECES.len()] = [1.140_38, 1.197_48, 1.261_04, 1.332_11, 1.720_14];

/// For each of [`SERVING_QUANTILES`], as how many independent requests its interval takes them.
pub(super) type Worth = [u64; N];

/// The values of one figure above its quantiles, in groups of successive requests. A group is at
/// least a wave: requests under way at once share batches and a queue.
///
/// The share of the values above a quantile varies from group to group more than independent
/// requests would make it, by the variance inflation; so many times fewer they are worth (batch
/// means of an indicator: Heidelberger and Lewis 1984, Schmeiser 1982).
#[derive(Debug)]
pub(super) struct Groups {
    quantiles: [f64; N],
    n_requests: u64,
    n_seen: u64,
    groups: Vec<Group>,
    for_few: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Group {
    n: f64,
    above: [f64; N],
}

impl Groups {
    /// Of `n_requests` that have the figure, `wave` of them under way at once. `None` below six
    /// waves: what those of one have in common can't be seen in so few.
    pub(super) fn new(ordered: &Ordered, n_requests: u64, wave: usize) -> Option<Self> {
        let n_waves = n_requests / wave.max(1) as u64;
        let numbers = WINDOW_PIECES.into_iter().zip(FOR_FEW);
        let (n_groups, for_few) = numbers.into_iter().find(|(n, _)| *n as u64 <= n_waves)?;
        Some(Groups {
            quantiles: SERVING_QUANTILES.map(|q| ordered.quantile(q)),
            n_requests,
            n_seen: 0,
            groups: vec![Group::default(); n_groups],
            for_few,
        })
    }

    /// The values of the next request that has any, in the order of their due times.
    pub(super) fn add(&mut self, values: impl Iterator<Item = f64>) {
        let group = u128::from(self.n_seen) * self.groups.len() as u128;
        let group = (group / u128::from(self.n_requests)) as usize;
        self.n_seen += 1;
        if let Some(group) = self.groups.get_mut(group) {
            for value in values {
                group.n += 1.0;
                for (above, quantile) in group.above.iter_mut().zip(self.quantiles) {
                    *above += f64::from(value > quantile);
                }
            }
        }
    }

    /// No quantile counts as more independent requests than the median does: an extreme one is
    /// exceeded too seldom to show by itself what the requests have in common.
    pub(super) fn worth(&self) -> Worth {
        let inflation = std::array::from_fn::<f64, N, _>(|i| self.inflation(i));
        let n_values: f64 = self.groups.iter().map(|group| group.n).sum();
        inflation.map(|own| {
            let worth = n_values / own.max(inflation[0]);
            (worth as u64).clamp(1, self.n_requests)
        })
    }

    /// Variance of the groups' shares above a quantile / that of independent values; 1 at least.
    /// What goes beyond 1 is known from a few groups only, and Student's t pays for that.
    fn inflation(&self, quantile: usize) -> f64 {
        let above = || self.groups.iter().map(|group| group.above[quantile]);
        let n: f64 = self.groups.iter().map(|group| group.n).sum();
        let share = above().sum::<f64>() / n;
        if share <= 0.0 || self.groups.iter().any(|group| group.n <= 0.0) {
            return 1.0;
        }
        let n_groups = self.groups.len() as f64;
        let squares: f64 = self
            .groups
            .iter()
            .zip(above())
            .map(|(group, above)| (above - share * group.n).powi(2))
            .sum();
        let unbiased = n_groups / (n_groups - 1.0) * (n - 1.0) / n;
        let inflation = squares / (share * (1.0 - share) * n) * unbiased;
        let shares: Vec<f64> =
            self.groups.iter().zip(above()).map(|(group, above)| above / group.n).collect();
        let lasting = correlation(&shares).filter(|found| found.significant);
        let lasting = lasting.map_or(1.0, |found| n_groups / found.effective_n);
        1.0 + (inflation.max(1.0) * lasting - 1.0) * self.for_few
    }
}

#[cfg(test)]
mod tests {
    use super::super::distribution::Values;
    use super::super::student_t::two_sided_quantile;
    use super::*;
    use crate::normal::upper_quantile;

    fn worth(values: &[f64], wave: usize) -> Option<Worth> {
        let mut all = Values::new();
        all.extend(values.iter().copied());
        let mut groups = Groups::new(&all.into_ordered().unwrap(), values.len() as u64, wave)?;
        for value in values {
            groups.add([*value].into_iter());
        }
        Some(groups.worth())
    }

    #[test]
    fn requests_that_know_nothing_of_each_other_are_worth_themselves() {
        // The golden ratio spreads them evenly over each group.
        let even: Vec<f64> = (0..400).map(|i| (f64::from(i) * 0.618_033_988_75).fract()).collect();
        assert_eq!(worth(&even, 1), Some([400; N]));
        assert_eq!(worth(&[1.0; 40], 4), Some([40; N]));
    }

    #[test]
    fn waves_in_which_all_take_the_same_time_are_worth_one_each_at_most() {
        let waves: Vec<f64> =
            (0..400).map(|i| (f64::from(i / 20) * 0.618_033_988_75).fract()).collect();
        let found = worth(&waves, 20).unwrap();
        assert!((10..=20).contains(&found[0]), "{found:?}");
        assert!(found.iter().all(|n| *n <= found[0]), "{found:?}");
    }

    #[test]
    fn a_rare_stall_of_a_whole_wave_tells_of_the_tail_alone() {
        let noise = |i: i32| (f64::from(i) * 0.618_033_988_75).fract();
        let stalled: Vec<f64> =
            (0..400).map(|i| noise(i) + if (80..120).contains(&i) { 9.0 } else { 0.0 }).collect();
        let found = worth(&stalled, 8).unwrap();
        assert!(found[0] > 150 && found[1] < 60, "{found:?}");
    }

    #[test]
    fn few_groups_pay_by_students_t() {
        for (n, factor) in WINDOW_PIECES.into_iter().zip(FOR_FEW) {
            let t = two_sided_quantile(n as f64 - 1.0, 0.95) / upper_quantile(0.025);
            assert!((factor - t * t).abs() < 1e-4, "{n}: {}", t * t);
        }
    }

    #[test]
    fn below_six_waves_nothing_is_known() {
        let even: Vec<f64> = (0..47).map(f64::from).collect();
        assert_eq!(worth(&even, 8), None);
        assert!(worth(&even[..6], 1).is_some());
    }
}
