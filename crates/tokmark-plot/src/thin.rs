//! Fewer points that draw the same picture.

/// Items of a list that are kept: every `every`-th, and the last.
pub(crate) fn every_nth(n: usize, most: usize) -> Vec<usize> {
    let most = most.max(2);
    if n <= most {
        return (0..n).collect();
    }
    let every = (n - 1).div_ceil(most - 1);
    let mut kept: Vec<usize> = (0..n).step_by(every).collect();
    if kept.last() != Some(&(n - 1)) {
        kept.push(n - 1);
    }
    kept
}

/// Items of a list of which at most `most` are kept: up to a third of these are special ones,
/// the others are taken at equal steps.
pub(crate) fn every_nth_and_special(
    n: usize,
    most: usize,
    is_special: impl Fn(usize) -> bool,
) -> Vec<usize> {
    if n <= most {
        return (0..n).collect();
    }
    let special: Vec<usize> = (0..n).filter(|&item| is_special(item)).collect();
    let n_special = special.len().min(most / 3);
    let mut kept: Vec<usize> = match n_special {
        0 => Vec::new(),
        1 => special[..1].to_vec(),
        _ => every_nth(special.len(), n_special).into_iter().map(|item| special[item]).collect(),
    };
    kept.extend(every_nth(n, most - kept.len()));
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Of points whose `x` never falls, the first, lowest, highest and last in each of `columns`
/// equal parts of the axis: what a line of that width shows. `share` gives the place of an
/// `x`, 0 to 1.
pub(crate) fn thin_line(
    points: &[(f64, f64)],
    columns: usize,
    share: impl Fn(f64) -> f64,
) -> Vec<(f64, f64)> {
    if points.len() <= 4 * columns {
        return points.to_vec();
    }
    let column = |point: &(f64, f64)| (share(point.0) * columns as f64) as usize;
    let mut thinned = Vec::new();
    for part in points.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |a: &usize, b: &usize| part[*a].1.total_cmp(&part[*b].1);
        let lowest = (0..part.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..part.len()).max_by(by_height).unwrap_or(0);
        let mut kept = [0, lowest, highest, part.len() - 1];
        kept.sort_unstable();
        for (n, index) in kept.iter().enumerate() {
            if n == 0 || kept[n - 1] != *index {
                thinned.push(part[*index]);
            }
        }
    }
    thinned
}

/// Of intervals as (x, lower, upper), the least lower and greatest upper end in each of
/// `columns` equal parts of the axis, at the first and last `x` there.
pub(crate) fn thin_band(
    band: &[(f64, f64, f64)],
    columns: usize,
    share: impl Fn(f64) -> f64,
) -> Vec<(f64, f64, f64)> {
    if band.len() <= 2 * columns {
        return band.to_vec();
    }
    let column = |x: f64| (share(x) * columns as f64) as usize;
    let mut thinned = Vec::new();
    for part in band.chunk_by(|a, b| column(a.0) == column(b.0)) {
        let lower = part.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
        let upper = part.iter().map(|point| point.2).fold(f64::NEG_INFINITY, f64::max);
        thinned.push((part[0].0, lower, upper));
        if part.len() > 1 {
            thinned.push((part[part.len() - 1].0, lower, upper));
        }
    }
    thinned
}

/// Positions of points of which no two share a cell of a grid, the finest that leaves at most
/// `most`. The first point in a cell is kept. Places are shares from 0 to 1.
pub(crate) fn thin_cloud(places: &[(f64, f64)], most: usize) -> Vec<usize> {
    if places.len() <= most {
        return (0..places.len()).collect();
    }
    let mut cells = 256;
    loop {
        let mut seen = vec![false; (cells + 1) * (cells + 1)];
        let kept: Vec<usize> = (0..places.len())
            .filter(|&n| {
                let (x, y) = places[n];
                let cell = |share: f64| (share * cells as f64) as usize;
                let place = cell(x) * (cells + 1) + cell(y);
                !std::mem::replace(&mut seen[place], true)
            })
            .collect();
        if kept.len() <= most || cells == 1 {
            return kept;
        }
        cells /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_last_stay() {
        assert_eq!(every_nth(3, 5), [0, 1, 2]);
        assert_eq!(every_nth(10, 4), [0, 3, 6, 9]);
        assert_eq!(every_nth(11, 4), [0, 4, 8, 10]);
        for n in 1..300 {
            for most in 2..40 {
                let kept = every_nth(n, most);
                assert!(kept.len() <= most, "{n} {most}");
                assert_eq!((kept[0], kept[kept.len() - 1]), (0, n - 1));
            }
        }
    }

    #[test]
    fn special_items_stay_before_others() {
        assert_eq!(every_nth_and_special(9, 9, |_| true).len(), 9);
        assert_eq!(every_nth_and_special(100, 3, |n| n == 41), [0, 41, 99]);
        let kept = every_nth_and_special(1_000, 30, |n| n % 100 == 7);
        assert!(kept.len() <= 30 && (0..10).all(|n| kept.contains(&(n * 100 + 7))), "{kept:?}");
        assert!(every_nth_and_special(1_000, 30, |_| true).len() <= 30);
    }

    #[test]
    fn peaks_stay_in_a_thinned_line() {
        let points: Vec<_> = (0..10_000)
            .map(|n| (f64::from(n), if n == 4_321 { 9.0 } else { f64::from(n % 2) }))
            .collect();
        let thinned = thin_line(&points, 100, |x| x / 10_000.0);
        assert!(thinned.len() <= 400);
        assert!(thinned.contains(&(4_321.0, 9.0)));
        assert!(thinned.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!((thinned[0], thinned[thinned.len() - 1]), (points[0], points[9_999]));
    }

    #[test]
    fn a_thinned_band_holds_every_interval() {
        let band: Vec<_> =
            (0..1_000).map(|n| (f64::from(n), -f64::from(n % 7), f64::from(n % 5))).collect();
        let thinned = thin_band(&band, 10, |x| x / 1_000.0);
        assert_eq!(thinned.len(), 20);
        assert!(thinned.iter().all(|&(_, lower, upper)| lower == -6.0 && upper == 4.0));
    }

    #[test]
    fn a_cloud_keeps_one_point_in_a_cell() {
        let places: Vec<_> = (0..100_000)
            .map(|n| (f64::from(n % 317) / 317.0, f64::from(n / 317) / 316.0))
            .collect();
        let kept = thin_cloud(&places, 2_000);
        assert!(kept.len() <= 2_000 && kept.len() > 500, "{}", kept.len());
        assert_eq!(thin_cloud(&places[..10], 2_000).len(), 10);
    }
}
