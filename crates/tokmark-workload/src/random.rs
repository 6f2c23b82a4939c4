//! Numbers that are the same for a seed on every platform and in every version.

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Output function of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(state: u64) -> u64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What a stream of random numbers decides. The numbers are part of what a seed means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    PromptLength = 1,
    OutputLength = 2,
    FollowUpLength = 3,
    CommonText = 4,
    OwnText = 5,
    BlockText = 6,
    CommonCall = 7,
    OwnCall = 8,
}

/// SplitMix64, started from a seed, a purpose and a path such as session and part.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The stream for `purpose` at `path`; streams of other paths are unrelated.
    pub(crate) fn new(seed: u64, purpose: Purpose, path: &[u64]) -> Self {
        let start = mix(seed.wrapping_add(GOLDEN_GAMMA)) ^ mix(purpose as u64);
        let state = path.iter().fold(start, |state, step| {
            mix(state.wrapping_add(GOLDEN_GAMMA)) ^ mix(step.wrapping_add(GOLDEN_GAMMA))
        });
        Random { state }
    }

    /// The next number, uniform over all of `u64`.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// Uniform in `0..n`; 0 for `n` = 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// One of `choices`; `None` when there are none.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len() as u64) as usize)
    }

    /// Nearly normal with mean 0 and standard deviation 1, between -6 and 6: the sum of twelve
    /// uniform numbers less 6. No logarithm or cosine of the platform takes part.
    pub(crate) fn normal(&mut self) -> f64 {
        let sum: u64 = (0..12).map(|_| self.next() >> 32).sum();
        (sum as f64) / f64::from(1u32 << 31) / 2.0 - 6.0
    }
}

/// The seed of what differs from run to run; `seed` itself for a nonce of 0.
pub(crate) fn salted(seed: u64, nonce: u32) -> u64 {
    match nonce {
        0 => seed,
        _ => mix(seed ^ mix(u64::from(nonce))),
    }
}

/// Another number for each `number`, in an order that depends on the seed: no two numbers
/// share one. A Feistel network of four rounds over the two halves.
pub(crate) fn scatter(seed: u64, number: u32) -> u32 {
    let key = mix(seed ^ GOLDEN_GAMMA);
    let (mut left, mut right) = ((number >> 16) as u16, number as u16);
    for round in 1..=4u64 {
        let mixed = mix(key.wrapping_add((round << 16) | u64::from(right))) as u16;
        (left, right) = (right, left ^ mixed);
    }
    (u32::from(left) << 16) | u32::from(right)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_mixer_is_that_of_split_mix() {
        // The reference implementation gives these for seed 0.
        let mut random = Random { state: 0 };
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(first, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn every_part_of_the_path_makes_another_stream() {
        let paths: [(u64, Purpose, &[u64]); 7] = [
            (1, Purpose::OwnText, &[]),
            (2, Purpose::OwnText, &[]),
            (1, Purpose::CommonText, &[]),
            (1, Purpose::OwnText, &[0]),
            (1, Purpose::OwnText, &[1]),
            (1, Purpose::OwnText, &[0, 1]),
            (1, Purpose::OwnText, &[1, 0]),
        ];
        let firsts: HashSet<u64> = paths
            .iter()
            .map(|(seed, purpose, path)| Random::new(*seed, *purpose, path).next())
            .collect();
        assert_eq!(firsts.len(), paths.len());
    }

    #[test]
    fn normal_numbers_have_mean_0_and_deviation_1() {
        let mut random = Random::new(5, Purpose::PromptLength, &[]);
        let n = 20_000;
        let numbers: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / f64::from(n);
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
        let within = numbers.iter().filter(|x| x.abs() < 1.0).count() as f64 / f64::from(n);
        assert!((within - 0.683).abs() < 0.015, "{within}");
    }

    #[test]
    fn scattered_numbers_are_all_different() {
        let scattered: HashSet<u32> = (0..200_000).map(|n| scatter(9, n)).collect();
        assert_eq!(scattered.len(), 200_000);
        assert_ne!(scatter(9, 0), scatter(10, 0));
        let high: HashSet<u32> = (0..50_000).map(|n| scatter(9, u32::MAX - n)).collect();
        assert!(high.is_disjoint(&scattered));
    }

    #[test]
    fn below_covers_its_range_evenly() {
        let mut random = Random::new(1, Purpose::OwnText, &[]);
        let mut counts = [0u32; 10];
        for _ in 0..10_000 {
            counts[random.below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.pick::<u8>(&[]), None);
    }
}
