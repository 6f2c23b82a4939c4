//! Pressure stall information: time in which at least one task waited (`some`).
//! Source: the kernel's Documentation/accounting/psi.rst; `total` is in microseconds.

use tokmark_model::Nanos;

use super::micros;
use crate::tree::{CounterFile, Tree};

#[derive(Debug)]
pub(super) struct Psi {
    cpu: Option<CounterFile>,
    memory: Option<CounterFile>,
    io: Option<CounterFile>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PsiTotals {
    pub(super) cpu: Option<Nanos>,
    pub(super) memory: Option<Nanos>,
    pub(super) io: Option<Nanos>,
}

impl Psi {
    pub(super) fn open(tree: &Tree) -> Self {
        let open = |name: &str| CounterFile::open(&tree.path(format!("proc/pressure/{name}")));
        Self { cpu: open("cpu"), memory: open("memory"), io: open("io") }
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> PsiTotals {
        let mut total = |file: &Option<CounterFile>| parse(file.as_ref()?.read(buffer)?);
        PsiTotals { cpu: total(&self.cpu), memory: total(&self.memory), io: total(&self.io) }
    }
}

fn parse(text: &str) -> Option<Nanos> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let total = some.split_whitespace().find_map(|word| word.strip_prefix("total="))?;
    total.parse().ok().map(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_some_is_taken() {
        let text = "some avg10=18.75 avg60=6.68 avg300=2.72 total=19903438\n\
            full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(parse(text), Some(Nanos(19_903_438_000)));
    }

    #[test]
    fn malformed_pressure_gives_nothing() {
        for text in ["", "some", "some avg10=1 total=", "full total=3", "some total=-1"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
