//! The energy statistic of two samples, and the split of a series where it is largest.

use std::ops::Range;

use super::Windows;

/// Matteson and James's Q of two samples, with exponent 1:
///
/// ```text
/// Q = n m / (n + m) (2 / (n m) sum |x_i - y_j|
///                    - 2 / (n (n - 1)) sum over i < k of |x_i - x_k|
///                    - 2 / (m (m - 1)) sum over j < k of |y_j - y_k|)
/// ```
///
/// Around 0 for samples of one distribution, large where they differ. A sample of one value has
/// no distances within: its term is 0. `None` for an empty sample. (Matteson and James 2014,
/// *A nonparametric approach for multiple change point analysis of multivariate data*.)
///
/// ```
/// assert_eq!(tokmark_stats::energy_statistic(&[0.0], &[3.0]), Some(3.0));
/// assert_eq!(tokmark_stats::energy_statistic(&[], &[3.0]), None);
/// ```
pub fn energy_statistic(first: &[f64], second: &[f64]) -> Option<f64> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let (n, m) = (first.len() as f64, second.len() as f64);
    let between: f64 =
        first.iter().map(|x| second.iter().map(|y| (x - y).abs()).sum::<f64>()).sum();
    let within = mean_distance(first) + mean_distance(second);
    Some((2.0 * between - n * m * within) / (n + m))
}

/// Mean of |x_i - x_k| over all pairs; 0 below two values.
pub(super) fn mean_distance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let pairs = 0.5 * values.len() as f64 * (values.len() - 1) as f64;
    let sum: f64 = values
        .iter()
        .enumerate()
        .map(|(i, x)| values[..i].iter().map(|y| (x - y).abs()).sum::<f64>())
        .sum();
    sum / pairs
}

/// Where a segment is split best.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Split {
    /// First value of the second part.
    pub index: usize,
    /// Both parts together: the segment, or less of it at one end.
    pub window: Range<usize>,
    /// The statistic of the two parts.
    pub q: f64,
    /// Differences of the statistic below this are rounding.
    pub rounding: f64,
}

/// Splits that are looked at side by side.
const LANES: usize = 4;

/// Finds splits; keeps its memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    reversed: Vec<f64>,
    /// `to_left[j]`: the sum of |x_i - x_j| over the i left of the split.
    to_left: Vec<f64>,
    /// `below[k]`: the sum of |x_i - x_j| over i < j < k.
    below: Vec<f64>,
    /// `inverse[k]` = 1 / k, 0 for 0.
    inverse: Vec<f64>,
}

impl Splitter {
    /// The split of `values` with the largest statistic; among equal ones the first. `None`
    /// where not both parts can have `min_segment` values. O(n^2) time, O(n) memory.
    pub(super) fn best(
        &mut self,
        values: &[f64],
        min_segment: usize,
        windows: Windows,
    ) -> Option<Split> {
        self.best_until(values, min_segment, windows, f64::INFINITY)
    }

    /// Whether some split has at least the statistic `q`. Ends with the first that has.
    pub(super) fn reaches(
        &mut self,
        values: &[f64],
        min_segment: usize,
        windows: Windows,
        q: f64,
    ) -> bool {
        self.best_until(values, min_segment, windows, q).is_some_and(|split| split.q >= q)
    }

    fn best_until(
        &mut self,
        values: &[f64],
        min_segment: usize,
        windows: Windows,
        enough: f64,
    ) -> Option<Split> {
        let n = values.len();
        let forward = self.scan(values, min_segment, enough)?;
        if windows == Windows::FromStart || forward.q >= enough {
            return Some(forward);
        }
        let mut reversed = std::mem::take(&mut self.reversed);
        reversed.clear();
        reversed.extend(values.iter().rev());
        let backward = self.scan(&reversed, min_segment, enough);
        self.reversed = reversed;
        match backward {
            Some(split) if split.q > forward.q + forward.rounding => {
                Some(Split { index: n - split.index, window: n - split.window.end..n, ..split })
            }
            _ => Some(forward),
        }
    }

    /// The best of all pairs [0, index) and [index, end); the best so far once that is enough.
    fn scan(&mut self, values: &[f64], min_segment: usize, enough: f64) -> Option<Split> {
        let n = values.len();
        let min_segment = min_segment.max(1);
        if n < 2 * min_segment {
            return None;
        }
        self.prepare(values);
        for added in &values[..min_segment] {
            for (sum, value) in self.to_left.iter_mut().zip(values) {
                *sum += (added - value).abs();
            }
        }
        let rounding = 1e-12 * self.below[n] / n as f64;
        let mut best = Split { index: min_segment, window: 0..n, q: f64::NEG_INFINITY, rounding };
        for index in (min_segment..=n - min_segment).step_by(LANES) {
            self.scan_lanes(values, index, min_segment, &mut best);
            if best.q >= enough {
                break;
            }
        }
        Some(best)
    }

    /// All ends for the splits at `start` and the next few: side by side, since each is a chain
    /// of additions that wait for each other. `to_left` belongs to `start`, and afterwards to
    /// the first split that was left.
    fn scan_lanes(&mut self, values: &[f64], start: usize, min_segment: usize, best: &mut Split) {
        let n = values.len();
        let Splitter { to_left, below, inverse, .. } = self;
        let mut threshold = best.q + best.rounding;
        // Lane r is the split at start + LANES - 1 - r: then the divisors ascend with r.
        let splits: [usize; LANES] = std::array::from_fn(|r| start + LANES - 1 - r);
        let is_split = |split: usize| split <= n - min_segment;
        let below_split = splits.map(|split| if is_split(split) { below[split] } else { 0.0 });
        let mean_first: [f64; LANES] = std::array::from_fn(|r| {
            if is_split(splits[r]) { 2.0 * below_split[r] * inverse[splits[r] - 1] } else { 0.0 }
        });
        let twice_n = splits.map(|split| 2.0 * split as f64);
        let mut between = [0.0; LANES];
        // The first ends, for which not every lane has a second part that is long enough.
        let all_lanes = (start + LANES + min_segment - 1).min(n + 1);
        for end in start + 1..all_lanes {
            let mut sum = to_left[end - 1];
            for r in (0..LANES).rev().filter(|&r| splits[r] < end) {
                between[r] += sum;
                sum += (values[splits[r]] - values[end - 1]).abs();
                let m = end - splits[r];
                if m < min_segment {
                    continue;
                }
                let within = below[end] - below_split[r] - between[r];
                let first = 2.0 * between[r] - mean_first[r] * m as f64;
                let q = (first - twice_n[r] * within * inverse[m - 1]) * inverse[end];
                if q > threshold {
                    threshold = q + best.rounding;
                    *best = Split { index: splits[r], window: 0..end, q, ..*best };
                }
            }
            to_left[end - 1] = sum;
        }
        if all_lanes > n {
            return;
        }
        let of_split = splits.map(|split| values[split]);
        let mut n_second = splits.map(|split| (all_lanes - 1 - split) as f64);
        let columns = to_left[all_lanes - 1..].iter_mut().zip(&values[all_lanes - 1..]);
        let divisors = inverse[min_segment - 1..].windows(LANES).zip(&inverse[all_lanes..]);
        let columns = columns.zip(&below[all_lanes..]).zip(divisors).enumerate();
        for (i, (((to_left, value), below_end), (inverse_m, inverse_end))) in columns {
            let mut sums = [0.0; LANES];
            let mut sum = *to_left;
            for r in (0..LANES).rev() {
                sums[r] = sum;
                sum += (of_split[r] - value).abs();
            }
            *to_left = sum;
            let mut q = [0.0; LANES];
            for r in 0..LANES {
                between[r] += sums[r];
                n_second[r] += 1.0;
                let within = below_end - below_split[r] - between[r];
                let first = 2.0 * between[r] - mean_first[r] * n_second[r];
                q[r] = (first - twice_n[r] * within * inverse_m[r]) * inverse_end;
            }
            if q.iter().any(|q| *q > threshold) {
                for r in (0..LANES).rev() {
                    if q[r] > threshold {
                        threshold = q[r] + best.rounding;
                        let window = 0..all_lanes + i;
                        *best = Split { index: splits[r], window, q: q[r], ..*best };
                    }
                }
            }
        }
    }

    /// Fills `below` and `inverse`, and sets `to_left` to 0.
    fn prepare(&mut self, values: &[f64]) {
        let n = values.len();
        self.to_left.clear();
        self.to_left.resize(n, 0.0);
        for (i, value) in values.iter().enumerate() {
            for (sum, later) in self.to_left[i..].iter_mut().zip(&values[i..]) {
                *sum += (value - later).abs();
            }
        }
        self.below.clear();
        self.below.push(0.0);
        let mut sum = 0.0;
        for to_left in &mut self.to_left {
            sum += std::mem::take(to_left);
            self.below.push(sum);
        }
        for k in self.inverse.len()..=n {
            self.inverse.push(if k == 0 { 0.0 } else { 1.0 / k as f64 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(values: &[f64], min_segment: usize, windows: Windows) -> Option<Split> {
        Splitter::default().best(values, min_segment, windows)
    }

    #[test]
    fn the_statistic_of_four_values_by_hand() {
        // n = m = 2: between 4 + 6 + 2 + 4 = 16, within 2 and 2: (2 * 16 - 4 * (2 + 2)) / 4.
        assert_eq!(energy_statistic(&[0.0, 2.0], &[4.0, 6.0]), Some(4.0));
        assert_eq!(energy_statistic(&[5.0; 3], &[5.0; 4]), Some(0.0));
    }

    #[test]
    fn the_fast_scan_finds_what_the_definition_does() {
        let values: Vec<f64> =
            (0..23u32).map(|i| f64::from(i * i * 7 % 31) + f64::from(i / 9) * 9.0).collect();
        for min_segment in 1..6 {
            let mut largest = (f64::NEG_INFINITY, 0, 0..0);
            let n = values.len();
            for index in min_segment..=n - min_segment {
                let ends = (index + min_segment..=n).map(|end| 0..end);
                let starts = (0..=index - min_segment).map(|start| start..n);
                for window in ends.chain(starts) {
                    let (first, second) =
                        (&values[window.start..index], &values[index..window.end]);
                    let q = energy_statistic(first, second).unwrap();
                    if q > largest.0 + 1e-9 {
                        largest = (q, index, window);
                    }
                }
            }
            let found = best(&values, min_segment, Windows::BothEnds).unwrap();
            assert!((found.q - largest.0).abs() < 1e-9, "{found:?} {largest:?}");
            assert_eq!((found.index, found.window), (largest.1, largest.2));
        }
    }

    #[test]
    fn a_segment_too_short_for_two_parts_has_no_split() {
        assert_eq!(best(&[1.0; 5], 3, Windows::BothEnds), None);
        assert_eq!(best(&[], 0, Windows::BothEnds), None);
        assert_eq!(best(&[1.0; 6], 3, Windows::FromStart).map(|split| split.q), Some(0.0));
    }

    #[test]
    fn a_short_dip_is_split_off_by_a_window_that_ends_with_it() {
        let mut values = vec![0.0; 60];
        values[20..25].fill(-1.0);
        let found = best(&values, 3, Windows::FromStart).unwrap();
        assert_eq!((found.index, found.window), (20, 0..25));
    }
}
