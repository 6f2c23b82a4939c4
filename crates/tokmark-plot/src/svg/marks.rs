//! Lines, bands, whiskers and points as paths. Places are pixels.

use std::fmt::Write;

use super::canvas::px;

/// A place in the image.
pub(super) type Point = (f64, f64);

/// A line through points.
pub(super) fn line(points: &[Point], steps: bool) -> String {
    let mut path = String::new();
    for (n, (x, y)) in points.iter().enumerate() {
        let (x, y) = (px(*x), px(*y));
        let _ = match (n, steps) {
            (0, _) => write!(path, "M{x} {y}"),
            (_, true) => write!(path, "H{x}V{y}"),
            (_, false) => write!(path, "L{x} {y}"),
        };
    }
    path
}

/// The area between a line and a level.
pub(super) fn area(points: &[Point], steps: bool, level: f64) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let mut path = line(points, steps);
    let _ = write!(path, "L{} {}L{} {}z", px(last.0), px(level), px(first.0), px(level));
    path
}

/// The area between upper and lower ends, given as (x, lower, upper).
pub(super) fn band(points: &[(f64, f64, f64)]) -> String {
    let upper = points.iter().map(|&(x, _, upper)| (x, upper));
    let lower = points.iter().rev().map(|&(x, lower, _)| (x, lower));
    let around: Vec<Point> = upper.chain(lower).collect();
    let mut path = line(&around, false);
    path.push('z');
    path
}

/// An upright line with ends.
pub(super) fn upright_whisker(x: f64, from: f64, to: f64) -> String {
    let (left, x) = (px(x - 4.0), px(x));
    let (from, to) = (px(from), px(to));
    format!("M{x} {from}V{to}M{left} {from}h8M{left} {to}h8")
}

/// A level line with ends.
pub(super) fn level_whisker(y: f64, from: f64, to: f64) -> String {
    let (top, y) = (px(y - 4.0), px(y));
    let (from, to) = (px(from), px(to));
    format!("M{from} {y}H{to}M{from} {top}v8M{to} {top}v8")
}

/// A filled rectangle; a sliver where it has no width.
pub(super) fn rectangle(x: f64, y: f64, width: f64, height: f64) -> String {
    let (width, height) = (px(width.max(0.5)), px(height));
    format!("M{} {}h{width}v{height}h-{width}z", px(x), px(y))
}
