//! Random gaps of mean 1, from a generator that is part of what a seed means.

/// Keeps the gaps apart from everything else that is drawn from the same seed.
const ARRIVALS: u64 = 0xa441_7a15_5c8e_d01e;

/// SplitMix64 (Steele, Lea and Flood 2014). Written out here because the sequence is part of
/// the record's meaning and must not change with a library.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    state: u64,
}

impl Stream {
    /// Every rate has gaps of its own: the points of a search would otherwise all be one path in
    /// other units, and one short path that is too dense would be so at every rate.
    pub(super) fn new(seed: u64, per_s: f64) -> Self {
        Stream { state: seed ^ ARRIVALS ^ mixed(per_s.to_bits()) }
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.state)
    }

    /// Uniform on the open interval (0, 1), in steps of 2^-53.
    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal, by Marsaglia's polar method (Marsaglia and Bray 1964); the second of
    /// each pair is not used.
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }
}

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Distribution of the gaps, in units of their mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Gaps {
    Exponential,
    /// Shape 1 / cv^2, scale cv^2.
    Gamma {
        shape: f64,
    },
}

impl Gaps {
    /// Gaps with this coefficient of variation; `None` where it is so small that they are all
    /// equal.
    pub(super) fn gamma(cv: f64) -> Option<Self> {
        let shape = 1.0 / (cv * cv);
        shape.is_finite().then_some(Gaps::Gamma { shape })
    }

    pub(super) fn draw(self, stream: &mut Stream) -> f64 {
        match self {
            Gaps::Exponential => -stream.uniform().ln(),
            Gaps::Gamma { shape } if shape < 1.0 => {
                let larger = gamma(shape + 1.0, stream);
                larger * stream.uniform().powf(1.0 / shape) / shape
            }
            Gaps::Gamma { shape } => gamma(shape, stream) / shape,
        }
    }
}

/// Gamma of scale 1 and `shape` >= 1, by Marsaglia and Tsang (2000), *A simple method for
/// generating gamma variables*, without their squeeze, which saves logarithms and changes
/// nothing else. Shapes below 1 are made from one above by their section 6.
fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = stream.normal();
        let v = (1.0 + c * x).powi(3);
        if v <= 0.0 {
            continue;
        }
        if stream.uniform().ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
            return d * v;
        }
    }
}
