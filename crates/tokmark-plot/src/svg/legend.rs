//! Names of series beside a piece of their line, point or pattern.

use crate::appearance::{dash, marker};
use crate::text::pixels;

use super::EDGE;
use super::canvas::{Anchor, Canvas, Look, px};

const ROW: f64 = 20.0;
const SAMPLE: f64 = 30.0;
const GAP: f64 = 18.0;
/// Widest name.
const MOST_NAME: f64 = 220.0;

/// What stands before a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Line and marker of a series; either may be absent.
    Series { n: usize, line: bool, marker: bool },
    /// A tile of a style.
    Tile(usize),
    /// A cross.
    Cross,
}

/// Draws names from `top` on, in as many rows as they need; returns where they end.
pub(super) fn draw(canvas: &mut Canvas, top: f64, entries: &[(Sign, &str)]) -> f64 {
    if entries.is_empty() {
        return top;
    }
    let end = canvas.width() - EDGE;
    let (mut x, mut y) = (EDGE, top + ROW / 2.0);
    for (sign, name) in entries {
        let room = pixels(name, Look::TICK.size).min(MOST_NAME);
        if x > EDGE && x + SAMPLE + room > end {
            (x, y) = (EDGE, y + ROW);
        }
        draw_sign(canvas, *sign, x, y);
        let look = Look { muted: false, ..Look::TICK };
        canvas.text(x + SAMPLE, y + 4.0, Anchor::Start, look, name, room);
        x += SAMPLE + room + GAP;
    }
    y + ROW / 2.0 + 4.0
}

fn draw_sign(canvas: &mut Canvas, sign: Sign, x: f64, y: f64) {
    match sign {
        Sign::Series { n, line, marker: has_marker } => {
            canvas.open_series(n);
            if line {
                canvas.path(&line_attributes(n), &format!("M{} {}h24", px(x), px(y)), "");
            }
            if has_marker {
                let outline = format!("{} fill=\"currentColor\"", canvas.outline(0.8));
                canvas.path(&outline, &format!("M{} {}{}", px(x + 12.0), px(y), marker(n)), "");
            }
        }
        Sign::Tile(style) => {
            canvas.open_series(style);
            let fill = canvas.fill(style);
            canvas.path(&fill, &format!("M{} {}h22v11h-22z", px(x), px(y - 5.5)), "");
        }
        Sign::Cross => {
            canvas.open_ink();
            canvas.path(CROSS_ATTRIBUTES, &cross(x + 12.0, y, 4.0), "");
        }
    }
    canvas.close();
}

/// How the line of a series is drawn.
pub(super) fn line_attributes(n: usize) -> String {
    let dash = match dash(n) {
        "" => String::new(),
        dash => format!(" stroke-dasharray=\"{dash}\""),
    };
    format!(
        "class=\"tp-line\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" \
         stroke-linejoin=\"round\"{dash}"
    )
}

/// How crosses are drawn.
pub(super) const CROSS_ATTRIBUTES: &str =
    "fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\"";

/// A cross around a point.
pub(super) fn cross(x: f64, y: f64, radius: f64) -> String {
    let (left, right) = (px(x - radius), px(x + radius));
    let (top, bottom) = (px(y - radius), px(y + radius));
    format!("M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}")
}
