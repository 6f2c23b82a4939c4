//! Which order statistics enclose a quantile of the population.

/// Masses below this share of the largest one are left out of the sums.
const NEGLIGIBLE: f64 = 1e-25;

/// Ranks `(l, u)`, counted from 1, of the order statistics that enclose the population's `p`
/// quantile with probability `level` at least: the largest l with P(Bin(n, p) < l) <= a and the
/// smallest u with P(Bin(n, p) >= u) <= a, a = (1 - level) / 2.
///
/// Exact for independent values of any continuous distribution, conservative with ties
/// (David and Nagaraja 2003, *Order Statistics*, section 7.1; Hahn and Meeker 1991). At p = 1/2
/// the ranks of [`crate::order_statistic_ranks`]. `None` where not even the extremes reach the
/// level: at 95 % below n = 6, 36, 72, 368 and 3,688 for p = 0.5, 0.9, 0.95, 0.99 and 0.999.
pub fn quantile_ranks(n: u64, p: f64, level: f64) -> Option<(u64, u64)> {
    let masses = Masses::of(n, p)?;
    let allowed = 0.5 * (1.0 - level);
    Some((masses.lower_rank(allowed)?, masses.upper_rank(allowed)?))
}

/// Rank, counted from 1, of the order statistic that the population's `p` quantile does not
/// exceed with probability `level` at least: the smallest u with P(Bin(n, p) >= u) <= 1 - level.
/// `None` where the largest value does not reach the level: at 95 % below n = 5, 29, 59, 299 and
/// 2,995 for p = 0.5, 0.9, 0.95, 0.99 and 0.999.
pub fn upper_bound_rank(n: u64, p: f64, level: f64) -> Option<u64> {
    Masses::of(n, p)?.upper_rank(1.0 - level)
}

/// The masses of a binomial distribution that are not negligible, relative to the largest, so
/// that nothing underflows however many values there are.
struct Masses {
    n: u64,
    /// Successes to which `masses[0]` belongs.
    first: u64,
    masses: Vec<f64>,
    total: f64,
}

impl Masses {
    /// `None` without values, or where `p` is not inside (0, 1).
    fn of(n: u64, p: f64) -> Option<Self> {
        if n == 0 || !(p > 0.0 && p < 1.0) {
            return None;
        }
        let odds = p / (1.0 - p);
        let mode = (((n + 1) as f64 * p) as u64).min(n);
        let mut masses = Vec::new();
        let (mut mass, mut k) = (1.0, mode);
        while k > 0 && mass > NEGLIGIBLE {
            mass *= k as f64 / ((n - k + 1) as f64 * odds);
            k -= 1;
            masses.push(mass);
        }
        masses.reverse();
        (mass, k) = (1.0, mode);
        masses.push(mass);
        while k < n && mass > NEGLIGIBLE {
            mass *= (n - k) as f64 * odds / (k + 1) as f64;
            k += 1;
            masses.push(mass);
        }
        let first = k + 1 - masses.len() as u64;
        let total = masses.iter().sum();
        Some(Masses { n, first, masses, total })
    }

    fn lower_rank(&self, allowed: f64) -> Option<u64> {
        let outside = count_within(self.masses.iter(), allowed * self.total);
        Some(self.first + outside).filter(|rank| *rank > 0)
    }

    fn upper_rank(&self, allowed: f64) -> Option<u64> {
        let outside = count_within(self.masses.iter().rev(), allowed * self.total);
        let last = self.first + self.masses.len() as u64 - 1;
        Some(last + 1 - outside).filter(|rank| *rank <= self.n)
    }
}

/// How many of the first masses together do not exceed `allowed`.
fn count_within<'a>(masses: impl Iterator<Item = &'a f64>, allowed: f64) -> u64 {
    let sums = masses.scan(0.0, |sum, mass| {
        *sum += mass;
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= allowed).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fewest values with a two-sided interval and with a one-sided bound.
    const FEWEST: [(f64, u64, u64); 5] =
        [(0.5, 6, 5), (0.9, 36, 29), (0.95, 72, 59), (0.99, 368, 299), (0.999, 3_688, 2_995)];

    #[test]
    fn intervals_and_bounds_begin_where_the_definition_says() {
        for (p, two_sided, one_sided) in FEWEST {
            assert_eq!(quantile_ranks(two_sided - 1, p, 0.95), None, "{p}");
            assert_eq!(quantile_ranks(two_sided, p, 0.95).unwrap().1, two_sided, "{p}");
            assert_eq!(upper_bound_rank(one_sided - 1, p, 0.95), None, "{p}");
            assert_eq!(upper_bound_rank(one_sided, p, 0.95), Some(one_sided), "{p}");
        }
    }

    #[test]
    fn at_one_half_they_are_the_ranks_of_the_median() {
        for n in [1, 5, 6, 7, 20, 61, 400, 4_000] {
            let ours = quantile_ranks(n as u64, 0.5, 0.95);
            let median = crate::order_statistic_ranks(n, 0.95);
            assert_eq!(ours, median.map(|(l, u)| (l as u64, u as u64)), "{n}");
        }
    }

    #[test]
    fn fifty_million_values_are_no_trouble() {
        // SciPy's: 1.96 standard deviations of 223.5 around the mean of 49,950,000.
        let found = quantile_ranks(50_000_000, 0.999, 0.95);
        assert_eq!(found, Some((49_949_561, 49_950_439)));
    }

    #[test]
    fn without_values_or_levels_there_are_no_ranks() {
        assert_eq!(quantile_ranks(0, 0.5, 0.95), None);
        assert_eq!(quantile_ranks(100, 1.0, 0.95), None);
        assert_eq!(upper_bound_rank(100, 0.0, 0.95), None);
    }
}
