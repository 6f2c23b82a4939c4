//! A fixed piece of work whose time tells whether the machine is as fast as before.

use std::hint::black_box;
use std::time::Instant;

use tokmark_model::Nanos;

/// Words of the buffer: 16 MiB. A change of any constant here makes the times of
/// earlier records incomparable.
const BUFFER_WORDS: usize = 2 * 1024 * 1024;
/// Steps of the arithmetic chain.
const CHAIN_STEPS: u32 = 1_000_000;
/// Independent accumulators: enough to keep the multiply-add units busy, and a
/// multiple of every vector width.
const ACCUMULATORS: usize = 64;
/// Words from one cache line to the next.
const LINE_WORDS: usize = 8;

/// The probe with its buffer of 16 MiB, more than the L2 of any processor's core.
///
/// One run is a chain of single-precision multiply-adds in 64 accumulators, then the
/// buffer read once in order and once a word per cache line: about 5 ms on a core of a
/// 2.1 GHz server processor. It runs on one thread, so it sees a lower clock, a busy
/// memory system and time stolen from its CPU, and other processes only where they
/// take its own CPU. Iteration counts are constants, so times compare across runs of
/// one build; another `target-cpu` makes other instructions of the same work.
///
/// It leaves its buffer in the caches; decode once, untimed, after it.
#[derive(Debug)]
pub struct Probe {
    buffer: Vec<u64>,
}

impl Probe {
    /// Allocates and fills the buffer, and runs once, so that the first measured run
    /// meets mapped pages.
    pub fn new() -> Self {
        // Any values do; these differ, so that no page is merged or left unmapped.
        let buffer = (0..BUFFER_WORDS as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let probe = Self { buffer: buffer.collect() };
        probe.run();
        probe
    }

    /// Runs the probe and gives its wall time.
    pub fn run(&self) -> Nanos {
        let start = Instant::now();
        black_box(multiply_add_chain(black_box(CHAIN_STEPS)));
        black_box(sum_in_order(black_box(&self.buffer)));
        black_box(sum_by_lines(black_box(&self.buffer)));
        Nanos::from(start.elapsed())
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}

/// `a <- a * m + c` in each accumulator. Multiply and add are written apart:
/// `mul_add` becomes a library call on processors without the instruction.
fn multiply_add_chain(n_steps: u32) -> [f32; ACCUMULATORS] {
    let mut sums: [f32; ACCUMULATORS] = std::array::from_fn(|i| 1.0 + i as f32);
    let factor = black_box(0.999_f32);
    let term = black_box(0.001_f32);
    for _ in 0..n_steps {
        for sum in &mut sums {
            *sum = *sum * factor + term;
        }
    }
    sums
}

fn sum_in_order(buffer: &[u64]) -> u64 {
    buffer.iter().fold(0, |sum, word| sum.wrapping_add(*word))
}

/// One word of each cache line, lines taken in 64 interleaved passes: most prefetchers
/// follow it less well than the plain order.
fn sum_by_lines(buffer: &[u64]) -> u64 {
    const LINES_APART: usize = 64;
    (0..LINES_APART)
        .flat_map(|first| buffer.iter().skip(first * LINE_WORDS).step_by(LINES_APART * LINE_WORDS))
        .fold(0, |sum, word| sum.wrapping_add(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_the_same_each_time() {
        assert_eq!(multiply_add_chain(1_000), multiply_add_chain(1_000));
        let probe = Probe::new();
        let sum = sum_in_order(&probe.buffer);
        assert_eq!(sum, sum_in_order(&Probe::new().buffer));
        assert_eq!(sum_by_lines(&probe.buffer), sum_by_lines(&Probe::new().buffer));
    }

    #[test]
    fn the_chain_converges_and_never_becomes_slow_denormals() {
        for sum in multiply_add_chain(100_000) {
            assert!((sum - 1.0).abs() < 0.01, "{sum}");
        }
    }

    #[test]
    fn each_cache_line_is_read_once() {
        let mut buffer = vec![0; 128 * LINE_WORDS];
        for line in buffer.chunks_mut(LINE_WORDS) {
            line[0] = 1;
            line[1] = 1_000;
        }
        assert_eq!(sum_by_lines(&buffer), 128);
    }

    #[test]
    fn a_run_takes_some_time() {
        assert!(Probe::default().run() > Nanos(0));
    }
}
