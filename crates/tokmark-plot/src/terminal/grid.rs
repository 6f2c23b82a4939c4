//! A grid of cells that are written into.

use unicode_width::UnicodeWidthChar;

/// Cells of a drawing, row by row. A wide character takes its cell and empties the next.
pub(super) struct Grid {
    width: usize,
    cells: Vec<Option<String>>,
}

impl Grid {
    pub(super) fn new(width: usize, height: usize) -> Grid {
        Grid { width, cells: vec![None; width * height] }
    }

    /// Whether nothing was written from a column on, for `n` columns.
    pub(super) fn is_free(&self, column: usize, row: usize, n: usize) -> bool {
        let start = row * self.width + column;
        column + n <= self.width
            && self
                .cells
                .get(start..start + n)
                .is_some_and(|cells| cells.iter().all(Option::is_none))
    }

    /// Whether nothing was written in a cell, or it lies beyond the right edge.
    pub(super) fn is_free_or_edge(&self, column: usize, row: usize) -> bool {
        column >= self.width || self.is_free(column, row, 1)
    }

    /// Writes text from a column on; what does not fit is left out.
    pub(super) fn write(&mut self, column: usize, row: usize, text: &str) {
        let (mut column, start) = (column, row * self.width);
        for character in text.chars() {
            let width = character.width().unwrap_or(0);
            if width == 0 {
                let before = column.checked_sub(1).and_then(|n| self.cells.get_mut(start + n));
                if let Some(Some(cell)) = before {
                    cell.push(character);
                }
                continue;
            }
            if column + width > self.width || start + column + width > self.cells.len() {
                return;
            }
            self.cells[start + column] = Some(character.to_string());
            for behind in 1..width {
                self.cells[start + column + behind] = Some(String::new());
            }
            column += width;
        }
    }

    /// A row with `empty` giving what stands in cells that were not written.
    pub(super) fn row(&self, row: usize, empty: impl Fn(usize) -> char) -> String {
        let cells = &self.cells[row * self.width..(row + 1) * self.width];
        let mut line = String::new();
        for (column, cell) in cells.iter().enumerate() {
            match cell {
                Some(text) => line.push_str(text),
                None => line.push(empty(column)),
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_within_the_grid() {
        let mut grid = Grid::new(4, 2);
        grid.write(2, 1, "abcdef");
        grid.write(3, 0, "漢");
        assert_eq!(grid.row(0, |_| '.'), "....");
        assert_eq!(grid.row(1, |_| '.'), "..ab");
        assert!(grid.is_free(0, 1, 2) && !grid.is_free(1, 1, 2) && !grid.is_free(3, 0, 2));
    }

    #[test]
    fn wide_and_joined_characters_take_their_columns() {
        let mut grid = Grid::new(5, 1);
        grid.write(0, 0, "漢e\u{301}x");
        assert_eq!(grid.row(0, |_| '.'), "漢e\u{301}x.");
    }
}
