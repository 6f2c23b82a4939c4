//! An image that is being written.

use std::fmt::Write;

use crate::appearance::{Palette, TILES, colour};
use crate::text::{escape, pixels, shorten, wrap_by};

/// How much wider bold text is.
const BOLD: f64 = 1.12;
/// Height of a line of notes.
const NOTE_LINE: f64 = 15.0;

/// Where text stands relative to its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How text looks.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) muted: bool,
    /// The background shines through lines below.
    pub(super) halo: bool,
}

impl Look {
    pub(super) const TEXT: Look = Look { size: 13.0, bold: false, muted: false, halo: false };
    pub(super) const TICK: Look = Look { size: 12.0, bold: false, muted: true, halo: false };
    pub(super) const LABEL: Look = Look { size: 12.0, bold: false, muted: false, halo: true };
}

/// The image. Every colour is written twice: as a class for the style sheet, and as an
/// attribute for viewers that know no variables.
pub(super) struct Canvas {
    body: String,
    width: f64,
    id: String,
    palette: &'static Palette,
}

impl Canvas {
    pub(super) fn new(width: f64, id: String, palette: &'static Palette) -> Canvas {
        Canvas { body: String::new(), width, id, palette }
    }

    pub(super) fn width(&self) -> f64 {
        self.width
    }

    /// Everything drawn, above a background of the given height.
    pub(super) fn finish(self, height: f64) -> String {
        let (width, background) = (self.width, self.palette.background);
        format!(
            "<rect class=\"tp-background\" fill=\"{background}\" width=\"{width}\" \
             height=\"{height}\"/>\n{}",
            self.body
        )
    }

    /// Text of at most `room` pixels; where it is cut, a tooltip has the whole.
    pub(super) fn text(
        &mut self,
        x: f64,
        y: f64,
        anchor: Anchor,
        look: Look,
        text: &str,
        room: f64,
    ) {
        let wider = if look.bold { BOLD } else { 1.0 };
        let shown = shorten(text, |text| pixels(text, look.size) * wider <= room + 0.1);
        if shown.is_empty() {
            return;
        }
        let (class, fill) = match look.muted {
            true => ("tp-muted", self.palette.muted),
            false => ("tp-text", self.palette.text),
        };
        let halo = if look.halo {
            format!(
                " class=\"tp-halo\" stroke=\"{}\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\"",
                self.palette.background
            )
        } else {
            String::new()
        };
        let weight = if look.bold { " font-weight=\"600\"" } else { "" };
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let tooltip =
            if shown == text { String::new() } else { format!("<title>{}</title>", escape(text)) };
        let _ = writeln!(
            self.body,
            "<g class=\"{class}\" fill=\"{fill}\"><text x=\"{}\" y=\"{}\" font-size=\"{}\"{weight}{anchor}{halo}>{}{tooltip}</text></g>",
            px(x),
            px(y),
            look.size,
            escape(&shown)
        );
    }

    /// Lines of notes from `top` on; returns where they end.
    pub(super) fn notes(&mut self, left: f64, top: f64, room: f64, notes: &[String]) -> f64 {
        let mut bottom = top;
        for line in note_lines(notes, room) {
            bottom += NOTE_LINE;
            self.text(left, bottom - 4.0, Anchor::Start, Look::TICK, &line, room);
        }
        bottom
    }

    /// Straight lines of the grid or of an axis, as one path.
    pub(super) fn rules(&mut self, path: &str, is_axis: bool) {
        let (class, stroke) = match is_axis {
            true => ("tp-axis", self.palette.axis),
            false => ("tp-grid", self.palette.grid),
        };
        if !path.is_empty() {
            let _ = writeln!(
                self.body,
                "<path class=\"{class}\" stroke=\"{stroke}\" fill=\"none\" d=\"{path}\"/>"
            );
        }
    }

    /// An empty rectangle.
    pub(super) fn frame(&mut self, x: f64, y: f64, width: f64, height: f64) {
        let (width, height) = (px(width), px(height));
        self.rules(&format!("M{} {}h{width}v{height}h-{width}z", px(x), px(y)), false);
    }

    /// Opens a group in the colour of a series; close it with [`Canvas::close`].
    pub(super) fn open_series(&mut self, n: usize) {
        let n = colour(n);
        let _ =
            writeln!(self.body, "<g class=\"tp-series-{n}\" color=\"{}\">", self.palette.series[n]);
    }

    /// Opens a group in the colour of text.
    pub(super) fn open_ink(&mut self) {
        let _ = writeln!(self.body, "<g class=\"tp-ink\" color=\"{}\">", self.palette.text);
    }

    pub(super) fn close(&mut self) {
        self.body.push_str("</g>\n");
    }

    /// A path with attributes, in the colour of its group, with a tooltip where there is one.
    pub(super) fn path(&mut self, attributes: &str, path: &str, tooltip: &str) {
        if path.is_empty() {
            return;
        }
        let attributes =
            if attributes.is_empty() { String::new() } else { format!(" {attributes}") };
        let _ = if tooltip.is_empty() {
            writeln!(self.body, "<path{attributes} d=\"{path}\"/>")
        } else {
            writeln!(
                self.body,
                "<path{attributes} d=\"{path}\"><title>{}</title></path>",
                escape(tooltip)
            )
        };
    }

    /// Attributes that outline shapes in the background's colour.
    pub(super) fn outline(&self, width: f64) -> String {
        format!("class=\"tp-halo\" stroke=\"{}\" stroke-width=\"{width}\"", self.palette.background)
    }

    /// Defines the pattern of each style; the first style is solid and needs none.
    pub(super) fn patterns(&mut self, styles: impl Iterator<Item = usize>) {
        let styles: Vec<usize> =
            styles.filter(|style| !style.is_multiple_of(TILES.len())).collect();
        if styles.is_empty() {
            return;
        }
        self.body.push_str("<defs>\n");
        for style in styles {
            let n = colour(style);
            let Palette { series, background, .. } = self.palette;
            let _ = writeln!(
                self.body,
                "<pattern id=\"{}-p{style}\" class=\"tp-series-{n}\" color=\"{}\" width=\"8\" \
                 height=\"8\" patternUnits=\"userSpaceOnUse\"><rect class=\"tp-background\" \
                 fill=\"{background}\" width=\"8\" height=\"8\"/><path d=\"{}\" \
                 stroke=\"currentColor\" stroke-width=\"1.6\"/></pattern>",
                self.id,
                series[n],
                TILES[style % TILES.len()]
            );
        }
        self.body.push_str("</defs>\n");
    }

    /// The fill of a style.
    pub(super) fn fill(&self, style: usize) -> String {
        if style.is_multiple_of(TILES.len()) {
            return "fill=\"currentColor\" stroke=\"currentColor\"".to_owned();
        }
        format!("fill=\"url(#{}-p{style})\" stroke=\"currentColor\"", self.id)
    }
}

/// Lines that notes take in `room` pixels.
fn note_lines(notes: &[String], room: f64) -> Vec<String> {
    let fits = |line: &str| pixels(line, Look::TICK.size) <= room;
    notes.iter().flat_map(|note| wrap_by(note, fits)).collect()
}

/// Height of notes in `room` pixels.
pub(super) fn notes_height(notes: &[String], room: f64) -> f64 {
    note_lines(notes, room).len() as f64 * NOTE_LINE
}

/// A coordinate with one decimal.
pub(super) fn px(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}
