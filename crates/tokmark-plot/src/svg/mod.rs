//! Plots as SVG images.

mod canvas;
mod field;
mod labels;
mod legend;
mod marks;
mod rows;

use crate::appearance::{DARK, LIGHT, rules, stylesheet, variables};
use crate::drawing::Drawing;
use crate::plot::Plot;
use crate::text::escape;

use canvas::{Anchor, Canvas, Look};

/// Least width that a plot is laid out for.
const LEAST_WIDTH: f64 = 320.0;
/// Least height of a plot over two axes.
const LEAST_HEIGHT: f64 = 200.0;
/// Greatest width and height.
const MOST_SIZE: f64 = 4_000.0;
/// Distance of text from the image's edges.
const EDGE: f64 = 14.0;

/// Colours of an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Those that the reader's system asks for.
    #[default]
    Reader,
    /// Light, always.
    Light,
    /// Dark, always.
    Dark,
}

/// Where an image has its style sheet from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StyleSheet {
    /// The image holds it and can stand alone.
    #[default]
    Own,
    /// The page around holds [`stylesheet`](crate::stylesheet()).
    Page,
}

/// How an image is laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct SvgOptions {
    /// Width of the view box in pixels, 320 to 4,000; the image scales to the room it gets.
    pub width: f64,
    /// Height of plots over two axes in pixels, 200 to 4,000. It grows where legend and notes
    /// need it; plots of rows take what they need.
    pub height: f64,
    /// Beginning of the ids inside, which must differ within a page. Made from the title and
    /// the sentence where absent.
    pub id: Option<String>,
    /// Colours.
    pub mode: Mode,
    /// Style sheet.
    pub style_sheet: StyleSheet,
    /// Whether the title is drawn. It is told to screen readers in any case.
    pub draw_title: bool,
}

impl Default for SvgOptions {
    fn default() -> SvgOptions {
        SvgOptions {
            width: 720.0,
            height: 400.0,
            id: None,
            mode: Mode::Reader,
            style_sheet: StyleSheet::Own,
            draw_title: true,
        }
    }
}

/// `plot` as an image.
pub(crate) fn render(plot: &Plot, options: &SvgOptions) -> String {
    let palette = if options.mode == Mode::Dark { &DARK } else { &LIGHT };
    let id = id(plot, options.id.as_deref());
    let width = bounded(options.width, LEAST_WIDTH);
    let mut canvas = Canvas::new(width, id.clone(), palette);
    let top = if options.draw_title { draw_title(&mut canvas, &plot.title) } else { 8.0 };
    let notes = plot.notes.as_slice();
    let height = bounded(options.height, LEAST_HEIGHT);
    let height = match &plot.drawing {
        Drawing::Empty(reason) => draw_reason(&mut canvas, top, reason),
        Drawing::Field(field) => field::draw(&mut canvas, field, top, height, notes),
        Drawing::Rows(rows) => rows::draw(&mut canvas, rows, top, notes),
    };
    let sheet = match (options.style_sheet, options.mode) {
        (StyleSheet::Page, _) => String::new(),
        (StyleSheet::Own, Mode::Reader) => format!("<style>{}</style>\n", stylesheet()),
        (StyleSheet::Own, _) => format!("<style>{}</style>\n", rules()),
    };
    let colours = match options.mode {
        Mode::Reader => String::new(),
        _ => format!(" style=\"{}\"", variables(palette)),
    };
    let (title, sentence) = (escape(&plot.title), escape(&plot.sentence));
    let body = canvas.finish(height);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tokmark-plot\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" lang=\"en\" \
         aria-labelledby=\"{id}-title {id}-desc\"{colours} \
         font-family=\"system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif\">\n\
         <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{sentence}</desc>\n\
         {sheet}{body}</svg>\n"
    )
}

fn bounded(size: f64, least: f64) -> f64 {
    if size.is_finite() { size.round().clamp(least, MOST_SIZE) } else { least }
}

fn draw_title(canvas: &mut Canvas, title: &str) -> f64 {
    let look = Look { size: 16.0, bold: true, ..Look::TEXT };
    canvas.text(EDGE, 25.0, Anchor::Start, look, title, canvas.width() - 2.0 * EDGE);
    38.0
}

/// The frame of a plot without data, with the reason in its middle.
fn draw_reason(canvas: &mut Canvas, top: f64, reason: &str) -> f64 {
    let (width, height) = (canvas.width(), 150.0);
    canvas.frame(EDGE, top, width - 2.0 * EDGE, height - top - EDGE);
    let middle = top + (height - top - EDGE) / 2.0;
    let (x, room) = (width / 2.0, width - 4.0 * EDGE);
    let bold = Look { bold: true, ..Look::TEXT };
    canvas.text(x, middle - 6.0, Anchor::Middle, bold, "No data", room);
    canvas.text(x, middle + 14.0, Anchor::Middle, Look::TEXT, reason, room);
    height
}

/// The id asked for with what may not stand in one left out, else a hash (FNV-1a) of the text.
fn id(plot: &Plot, asked: Option<&str>) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let asked: String = asked.unwrap_or_default().chars().filter(allowed).collect();
    if !asked.is_empty() {
        return format!("tp-{asked}");
    }
    let bytes = plot.title.bytes().chain([0]).chain(plot.sentence.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("tp-{hash:016x}")
}
