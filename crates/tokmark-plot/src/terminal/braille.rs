//! Dots of which eight share a cell.

/// Dots; a cell of a terminal has two columns and four rows of them.
pub(super) struct Dots {
    width: usize,
    cells: Vec<u8>,
}

/// The bit of each dot in a cell of the Unicode block "Braille Patterns", by row and column.
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

impl Dots {
    /// Room for a drawing of so many cells.
    pub(super) fn new(width: usize, height: usize) -> Dots {
        Dots { width, cells: vec![0; width * height] }
    }

    /// Sets the dot at a place in dots; places outside are left out.
    pub(super) fn set(&mut self, x: usize, y: usize) {
        let (column, row) = (x / 2, y / 4);
        if column < self.width
            && let Some(cell) = self.cells.get_mut(row * self.width + column)
        {
            *cell |= BITS[y % 4][x % 2];
        }
    }

    /// The character of a cell; a space where no dot is set.
    pub(super) fn character(&self, column: usize, row: usize) -> char {
        match self.cells.get(row * self.width + column) {
            None | Some(0) => ' ',
            Some(bits) => char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' '),
        }
    }

    /// Whether a cell has a dot.
    pub(super) fn is_set(&self, column: usize, row: usize) -> bool {
        self.cells.get(row * self.width + column).is_some_and(|bits| *bits != 0)
    }
}

/// Places on the straight line between two places, both included (Bresenham).
pub(super) fn straight(from: (usize, usize), to: (usize, usize)) -> Vec<(usize, usize)> {
    let (width, height) = (from.0.abs_diff(to.0), from.1.abs_diff(to.1));
    let steps = width.max(height);
    let between = |a: usize, b: usize, step: usize| {
        let moved = (a.abs_diff(b) * step * 2 + steps) / (steps * 2).max(1);
        if a <= b { a + moved } else { a - moved }
    };
    (0..=steps).map(|step| (between(from.0, to.0, step), between(from.1, to.1, step))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_become_the_characters_of_their_cells() {
        let mut dots = Dots::new(2, 1);
        dots.set(0, 0);
        dots.set(3, 3);
        dots.set(9, 0);
        dots.set(0, 9);
        assert_eq!((dots.character(0, 0), dots.character(1, 0)), ('⠁', '⢀'));
        assert_eq!(dots.character(5, 5), ' ');
    }

    #[test]
    fn a_straight_line_has_no_gap_and_both_ends() {
        assert_eq!(straight((0, 0), (3, 1)), [(0, 0), (1, 0), (2, 1), (3, 1)]);
        assert_eq!(straight((2, 5), (2, 3)), [(2, 5), (2, 4), (2, 3)]);
        assert_eq!(straight((4, 4), (4, 4)), [(4, 4)]);
    }
}
