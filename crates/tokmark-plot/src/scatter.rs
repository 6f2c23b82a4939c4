//! Points of two figures each: throughput against interactivity.

use crate::appearance::MOST_SERIES;
use crate::axis::Axis;
use crate::drawing::{Drawing, Field, FieldPoint, FieldSeries};
use crate::error::PlotError;
use crate::extent::Extent;
use crate::number::count;
use crate::plot::Plot;
use crate::series::{check_number, with_rows_note};
use crate::table::{MOST_ROWS, Table};
use crate::text::clean;
use crate::thin::{every_nth, thin_cloud};
use crate::unit::quantity;
use crate::wording::sentence;

/// Points that are drawn of all groups together.
const MOST_POINTS: usize = 2_000;
/// With more points than this, none is labelled.
const MOST_LABELS: usize = 60;

/// Points of two figures each.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// Title of the plot.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// At most 24 groups.
    pub groups: Vec<ScatterGroup>,
}

/// Points that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterGroup {
    /// Name in the legend; may be empty for an only group.
    pub label: String,
    /// The points; where they are connected, in this order.
    pub points: Vec<ScatterPoint>,
    /// A line leads from each point to the next, as along the loads of one server.
    pub connected: bool,
}

/// One point.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterPoint {
    /// Place on the horizontal axis.
    pub x: f64,
    /// Place on the vertical axis.
    pub y: f64,
    /// Its name: `x 16`. May be empty.
    pub label: String,
}

impl Scatter {
    /// The finished plot.
    ///
    /// # Errors
    ///
    /// A place that an axis cannot show, too many groups.
    pub fn plot(&self) -> Result<Plot, PlotError> {
        check_number(self.groups.len(), MOST_SERIES)?;
        let (x_axis, y_axis) = (self.x.cleaned()?, self.y.cleaned()?);
        let mut groups = Vec::new();
        for group in &self.groups {
            let label = clean(&group.label);
            let mut points = Vec::with_capacity(group.points.len());
            for point in &group.points {
                x_axis.check(&label, point.x)?;
                y_axis.check(&label, point.y)?;
                points.push(ScatterPoint { label: clean(&point.label), ..*point });
            }
            groups.push(ScatterGroup { label, points, connected: group.connected });
        }
        let title = clean(&self.title);
        let points = || groups.iter().flat_map(|group| &group.points);
        if points().next().is_none() {
            return Ok(Plot::empty(&title, "no points were given"));
        }
        let x = Extent::of(&x_axis, points().map(|point| point.x));
        let y = Extent::of(&y_axis, points().map(|point| point.y));
        let table = tabled(&title, &groups, &x_axis, &y_axis);
        let sentence = told(&groups, &x_axis, &y_axis);
        let mut notes = Vec::new();
        let most = (MOST_POINTS / groups.len()).max(2);
        let series = groups.iter().map(|group| drawn(group, &x, &y, most, &mut notes)).collect();
        let drawing = Drawing::Field(Field { x, y, series, guides: Vec::new() });
        Ok(Plot { title, sentence, table, drawing, notes })
    }
}

fn drawn(
    group: &ScatterGroup,
    x: &Extent,
    y: &Extent,
    most: usize,
    notes: &mut Vec<String>,
) -> FieldSeries {
    let all = &group.points;
    let kept = if group.connected {
        every_nth(all.len(), most)
    } else {
        let places: Vec<_> = all.iter().map(|point| (x.share(point.x), y.share(point.y))).collect();
        thin_cloud(&places, most)
    };
    if kept.len() < all.len() {
        let (kept, all) = (count(kept.len()), count(all.len()));
        let of =
            if group.label.is_empty() { String::new() } else { format!(" of {}", group.label) };
        let how = if group.connected { "at equal steps" } else { "one where several lie together" };
        notes.push(format!("{kept} of {all} points{of} drawn, {how}"));
    }
    let point = |&n: &usize| {
        let ScatterPoint { x, y, label } = &all[n];
        let label = if kept.len() <= MOST_LABELS { label.clone() } else { String::new() };
        FieldPoint { x: *x, y: *y, label }
    };
    let points: Vec<FieldPoint> = kept.iter().map(point).collect();
    let line: Vec<_> = points.iter().map(|point| (point.x, point.y)).collect();
    let lines = if group.connected { vec![line] } else { Vec::new() };
    FieldSeries { label: group.label.clone(), lines, points, ..FieldSeries::default() }
}

fn tabled(title: &str, groups: &[ScatterGroup], x: &Axis, y: &Axis) -> Table {
    let all: Vec<(&ScatterGroup, &ScatterPoint)> = groups
        .iter()
        .flat_map(|group| group.points.iter().map(move |point| (group, point)))
        .collect();
    let size = |of: fn(&ScatterPoint) -> f64| {
        all.iter().map(|(_, point)| of(point).abs()).fold(0.0, f64::max)
    };
    let (shown_x, shown_y) =
        (x.unit.shown(size(|point| point.x)), y.unit.shown(size(|point| point.y)));
    let with_groups = groups.len() > 1;
    let mut header = vec!["Point".to_owned()];
    if with_groups {
        header.push("Group".to_owned());
    }
    header.extend([shown_x.titled(&x.title), shown_y.titled(&y.title)]);
    let kept = every_nth(all.len(), MOST_ROWS);
    let rows = kept.iter().map(|&n| {
        let (group, point) = all[n];
        let name = if point.label.is_empty() { (n + 1).to_string() } else { point.label.clone() };
        let mut row = vec![name];
        if with_groups {
            row.push(group.label.clone());
        }
        row.extend([shown_x.number(point.x), shown_y.number(point.y)]);
        row
    });
    with_rows_note(Table::cleaned(title, &header, rows.collect()), kept.len(), all.len())
}

fn told(groups: &[ScatterGroup], x: &Axis, y: &Axis) -> String {
    let all: Vec<(String, &ScatterPoint)> = groups
        .iter()
        .flat_map(|group| group.points.iter().map(move |point| (name(group, point), point)))
        .collect();
    let of_x = |point: &ScatterPoint| quantity(point.x, &x.unit);
    let of_y = |point: &ScatterPoint| quantity(point.y, &y.unit);
    let (x_title, y_title) = (&x.title, &y.title);
    let at = |name: &str| if name.is_empty() { String::new() } else { format!(" at {name}") };
    let highest =
        |of: fn(&ScatterPoint) -> f64| all.iter().max_by(|a, b| of(a.1).total_cmp(&of(b.1)));
    let (Some((x_name, x_most)), Some((y_name, y_most))) =
        (highest(|point| point.x), highest(|point| point.y))
    else {
        return String::new();
    };
    if all.len() == 1 {
        let (at, x, y) = (at(x_name), of_x(x_most), of_y(x_most));
        return sentence(vec![format!("one point{at}: {x_title} {x}, {y_title} {y}")], "");
    }
    let (at_x, at_y) = (at(x_name), at(y_name));
    let parts = vec![
        format!("{} points", count(all.len())),
        format!("{y_title} is highest{at_y}: {}, with {x_title} {}", of_y(y_most), of_x(y_most)),
        format!("{x_title} is highest{at_x}: {}, with {y_title} {}", of_x(x_most), of_y(x_most)),
    ];
    sentence(parts, "")
}

fn name(group: &ScatterGroup, point: &ScatterPoint) -> String {
    format!("{} {}", group.label, point.label).trim().to_owned()
}
