//! Where labels go so that none covers another.

use crate::text::pixels;

use super::canvas::{Anchor, Look};

/// Height of a label.
const HEIGHT: f64 = 14.0;
/// Widest label.
const MOST_WIDTH: f64 = 180.0;

/// A rectangle of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Area {
    pub(super) fn around(x: f64, y: f64, radius: f64) -> Area {
        Area { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }
    }

    fn overlaps(&self, other: &Area) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn holds(&self, inner: &Area) -> bool {
        self.left <= inner.left
            && inner.right <= self.right
            && self.top <= inner.top
            && inner.bottom <= self.bottom
    }
}

/// A label's place for [`Canvas::text`](super::canvas::Canvas::text).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) text: String,
    pub(super) room: f64,
}

impl Placed {
    pub(super) const ANCHOR: Anchor = Anchor::Start;
}

/// Finds places for labels inside an area.
pub(super) struct Places {
    area: Area,
    taken: Vec<Area>,
    /// Pieces of lines, which labels avoid where they can.
    lines: Vec<Area>,
    placed: Vec<Placed>,
    n_left_out: usize,
}

impl Places {
    pub(super) fn new(area: Area) -> Places {
        Places { area, taken: Vec::new(), lines: Vec::new(), placed: Vec::new(), n_left_out: 0 }
    }

    /// Nothing may be written over `area`.
    pub(super) fn take(&mut self, area: Area) {
        self.taken.push(area);
    }

    /// A line leads from one point to another.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.lines.push(Area {
            left: from.0.min(to.0),
            right: from.0.max(to.0),
            top: from.1.min(to.1),
            bottom: from.1.max(to.1),
        });
    }

    /// Writes `text` beside a point.
    pub(super) fn beside(&mut self, x: f64, y: f64, text: &str) {
        let width = width(text);
        let (right, left, middle) = (x + 8.0, x - 8.0 - width, x - width / 2.0);
        let (level, above, below) = (y - HEIGHT / 2.0, y - 7.0 - HEIGHT, y + 7.0);
        let corners = [
            (right, level),
            (right, below),
            (right, above),
            (left, level),
            (left, above),
            (left, below),
            (middle, above),
            (middle, below),
            (right + 6.0, below + 8.0),
            (left - 6.0, above - 8.0),
        ];
        self.at_best(&corners, width, text);
    }

    /// Writes `text` along an upright line, as high as there is room.
    pub(super) fn along_upright(&mut self, x: f64, text: &str) {
        let width = width(text);
        let rows = (0..6).map(|row| self.area.top + 2.0 + f64::from(row) * (HEIGHT + 2.0));
        let corners: Vec<_> =
            rows.flat_map(|top| [(x + 4.0, top), (x - 4.0 - width, top)]).collect();
        self.at_best(&corners, width, text);
    }

    /// Writes `text` along a level line, as far to the right as there is room.
    pub(super) fn along_level(&mut self, y: f64, text: &str) {
        let width = width(text);
        let room = self.area.right - self.area.left - width;
        let columns = (0..4).map(|n| self.area.right - width - room.max(0.0) * f64::from(n) / 3.0);
        let corners: Vec<_> =
            columns.flat_map(|left| [(left, y - HEIGHT - 2.0), (left, y + 2.0)]).collect();
        self.at_best(&corners, width, text);
    }

    /// The labels that found a place, and how many found none.
    pub(super) fn finish(self) -> (Vec<Placed>, usize) {
        (self.placed, self.n_left_out)
    }

    /// Of free places the one that covers fewest lines; earlier ones first.
    fn at_best(&mut self, corners: &[(f64, f64)], width: f64, text: &str) {
        let area = |&(left, top): &(f64, f64)| Area {
            left,
            top,
            right: left + width,
            bottom: top + HEIGHT,
        };
        let free = corners.iter().map(area).filter(|area| {
            self.area.holds(area) && !self.taken.iter().any(|taken| taken.overlaps(area))
        });
        let crossed = |area: &Area| self.lines.iter().filter(|line| touches(line, area)).count();
        match free.min_by_key(crossed) {
            None => self.n_left_out += 1,
            Some(area) => {
                self.taken.push(area);
                let text = text.to_owned();
                self.placed.push(Placed { x: area.left, y: area.bottom - 3.0, text, room: width });
            }
        }
    }
}

/// Whether a line's piece lies in an area; pieces may be level or upright.
fn touches(line: &Area, area: &Area) -> bool {
    line.left <= area.right
        && area.left <= line.right
        && line.top <= area.bottom
        && area.top <= line.bottom
}

fn width(text: &str) -> f64 {
    pixels(text, Look::LABEL.size).min(MOST_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area { left: 0.0, top: 0.0, right: 300.0, bottom: 100.0 };

    #[test]
    fn labels_never_cover_each_other() {
        let mut places = Places::new(AREA);
        for n in 0..20 {
            places.beside(150.0 + f64::from(n), 50.0, "label");
        }
        let (taken, placed) = (places.taken.clone(), places.placed.len());
        for (n, one) in taken.iter().enumerate() {
            assert!(AREA.holds(one));
            assert!(taken[..n].iter().all(|other| !one.overlaps(other)));
        }
        let (labels, n_left_out) = places.finish();
        assert!(placed >= 6 && n_left_out > 0);
        assert_eq!(labels.len() + n_left_out, 20);
    }

    #[test]
    fn a_label_avoids_lines_where_it_can() {
        let mut places = Places::new(AREA);
        places.line((150.0, 50.0), (300.0, 0.0));
        places.beside(150.0, 50.0, "label");
        let (labels, _) = places.finish();
        assert_eq!(labels[0].x, 158.0);
        assert!(labels[0].y > 60.0);
    }

    #[test]
    fn a_label_without_room_is_counted() {
        let mut places = Places::new(Area { right: 20.0, ..AREA });
        places.along_upright(10.0, "a long label");
        places.along_level(10.0, "a long label");
        assert_eq!(places.finish(), (Vec::new(), 2));
    }
}
