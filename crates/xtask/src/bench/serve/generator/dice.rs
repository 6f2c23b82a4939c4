//! Seeded numbers: the same seed gives the same records.

/// SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The sequence of one thing of a sort, apart from those of all others.
    pub(super) fn of(seed: u64, sort: u64, number: u64) -> Self {
        let first = Dice(seed ^ sort).bits() ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Dice(Dice(first).bits())
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform from 0 to below 1.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform over 0, 1, ... n - 1, by multiplication (Lemire 2019).
    pub(super) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// Over 0, 1, ... n - 1, small ones oftener: those below x n have a share of x^(2/3).
    pub(super) fn skewed(&mut self, n: u64) -> u64 {
        let uniform = self.uniform();
        ((uniform * uniform.sqrt() * n as f64) as u64).min(n.saturating_sub(1))
    }

    /// Mean 0, deviation 1, close to normal: a sum of four uniform ones, so that it is the same
    /// with every mathematical library.
    pub(super) fn normal(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.uniform()).sum();
        (sum - 2.0) * 3.0_f64.sqrt()
    }

    /// So many hexadecimal digits.
    pub(super) fn digits(&mut self, n: usize) -> String {
        let mut text = String::with_capacity(n + 16);
        while text.len() < n {
            text += &format!("{:016x}", self.bits());
        }
        text.truncate(n);
        text
    }
}
