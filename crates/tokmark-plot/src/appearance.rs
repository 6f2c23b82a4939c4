//! How series are told apart, with colour and without, and the style sheet.

use std::fmt::Write;
use std::sync::LazyLock;

/// Colours of one mode. Text has a contrast of 4.5 to the background and more, lines of 3.
pub(crate) struct Palette {
    pub(crate) background: &'static str,
    pub(crate) text: &'static str,
    pub(crate) muted: &'static str,
    pub(crate) axis: &'static str,
    pub(crate) grid: &'static str,
    pub(crate) series: [&'static str; 8],
}

pub(crate) const LIGHT: Palette = Palette {
    background: "#ffffff",
    text: "#1b1f24",
    muted: "#4f5862",
    axis: "#6e7781",
    grid: "#dfe3e8",
    series: [
        "#0b62b8", "#b54708", "#17794a", "#8235b0", "#b3261e", "#0b7285", "#7a5200", "#b0246f",
    ],
};

pub(crate) const DARK: Palette = Palette {
    background: "#14171c",
    text: "#eceff3",
    muted: "#b3bcc7",
    axis: "#8a939e",
    grid: "#2c323a",
    series: [
        "#6cb2ff", "#ffa24d", "#58cf8b", "#cfa3ff", "#ff8f86", "#4fd0e0", "#d8b45a", "#ff93c8",
    ],
};

/// Most series of lines or points: so many pairs of dash and marker differ.
pub(crate) const MOST_SERIES: usize = 24;
/// Most series of bars: so many patterns there are.
pub(crate) const MOST_PATTERNS: usize = 6;

/// Dashes of lines in pixels; empty is solid.
const DASHES: [&str; 5] = ["", "8 4", "2 3", "10 3 2 3", "14 4 4 4"];

/// Outlines of markers, drawn from their centre.
const MARKERS: [&str; 7] = [
    "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",
    "m-3.2-3.2h6.4v6.4h-6.4z",
    "m0-4.4l4.2 7.6h-8.4z",
    "m0-4.8l4.6 4.8l-4.6 4.8l-4.6-4.8z",
    "m-1.3-4.4h2.6v3.1h3.1v2.6h-3.1v3.1h-2.6v-3.1h-3.1v-2.6h3.1z",
    "m0 4.4l-4.2-7.6h8.4z",
    "m0-1.9l2.5-2.5l1.9 1.9l-2.5 2.5l2.5 2.5l-1.9 1.9l-2.5-2.5l-2.5 2.5l-1.9-1.9l2.5-2.5l-2.5-2.5l1.9-1.9z",
];

/// Radius that every marker keeps within.
pub(crate) const MARKER_RADIUS: f64 = 5.0;

/// A tile of 8 x 8 pixels for each pattern; the first is solid.
pub(crate) const TILES: [&str; MOST_PATTERNS] = [
    "M0 0h8v8h-8z",
    "M-2 2l4-4M0 8l8-8M6 10l4-4",
    "M2 2h2v2h-2zM6 6h2v2h-2z",
    "M0 4h8M4 0v8",
    "M0 2h8M0 6h8",
    "M2 0v8M6 0v8",
];

/// Index of the colour of series `n`.
pub(crate) fn colour(n: usize) -> usize {
    n % LIGHT.series.len()
}

/// Dash of series `n`.
pub(crate) fn dash(n: usize) -> &'static str {
    DASHES[n % DASHES.len()]
}

/// Marker of series `n`.
pub(crate) fn marker(n: usize) -> &'static str {
    MARKERS[n % MARKERS.len()]
}

/// Style sheet of plots and tables: embed it once in a page whose plots are drawn with
/// [`StyleSheet::Page`](crate::StyleSheet). It follows `prefers-color-scheme`, and
/// `data-theme="light"` or `"dark"` on the root element, `prefers-contrast` and
/// `forced-colors`, and is light on paper.
pub fn stylesheet() -> &'static str {
    static SHEET: LazyLock<String> = LazyLock::new(|| {
        let light = variables(&LIGHT);
        let dark = variables(&DARK);
        let mut sheet = format!(
            "{SCOPE}{{{light}}}\n\
             @media (prefers-color-scheme:dark){{{SCOPE}{{{dark}}}}}\n\
             :root[data-theme=light] :is({SCOPE}){{{light}}}\n\
             :root[data-theme=dark] :is({SCOPE}){{{dark}}}\n\
             @media print{{{SCOPE},:root[data-theme] :is({SCOPE}){{{light}}}}}\n"
        );
        sheet.push_str(&rules());
        sheet
    });
    &SHEET
}

const SCOPE: &str = ".tokmark-plot,.tokmark-table,.tokmark-page";

/// The colours as declarations of variables.
pub(crate) fn variables(palette: &Palette) -> String {
    let Palette { background, text, muted, axis, grid, series } = palette;
    let mut css = format!(
        "--tp-background:{background};--tp-text:{text};--tp-muted:{muted};--tp-axis:{axis};\
         --tp-grid:{grid};"
    );
    for (n, colour) in series.iter().enumerate() {
        let _ = write!(css, "--tp-series-{n}:{colour};");
    }
    css
}

/// Which variable colours what.
pub(crate) fn rules() -> String {
    let mut css = String::from(
        ".tokmark-plot{direction:ltr}\n\
         .tp-background{fill:var(--tp-background)}\n\
         .tp-text{fill:var(--tp-text)}\n\
         .tp-muted{fill:var(--tp-muted)}\n\
         .tp-grid{stroke:var(--tp-grid)}\n\
         .tp-axis{stroke:var(--tp-axis)}\n\
         .tp-halo{stroke:var(--tp-background)}\n\
         .tp-ink{color:var(--tp-text)}\n",
    );
    for n in 0..LIGHT.series.len() {
        let _ = writeln!(css, ".tp-series-{n}{{color:var(--tp-series-{n})}}");
    }
    css.push_str(CONTRAST_RULES);
    css
}

const CONTRAST_RULES: &str = "\
@media (prefers-contrast:more){.tp-muted{fill:var(--tp-text)}.tp-axis{stroke:var(--tp-text)}\
.tp-grid{stroke:var(--tp-axis)}.tp-line{stroke-width:3}}
@media (forced-colors:active){.tokmark-plot{forced-color-adjust:none;\
--tp-background:Canvas;--tp-text:CanvasText;--tp-muted:CanvasText;--tp-axis:CanvasText;\
--tp-grid:GrayText}.tp-ink,[class^=tp-series]{color:CanvasText}}
";

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.2.
    fn luminance(colour: &str) -> f64 {
        let channel = |n: usize| {
            let value = u8::from_str_radix(&colour[n..n + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn contrast_is_computed_as_wcag_defines_it() {
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 1e-9);
        assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.01);
    }

    #[test]
    fn text_and_lines_have_the_contrast_of_wcag_aa_in_both_modes() {
        for palette in [LIGHT, DARK] {
            for text in [palette.text, palette.muted] {
                assert!(contrast(text, palette.background) >= 4.5, "{text}");
            }
            for line in palette.series.into_iter().chain([palette.axis]) {
                assert!(contrast(line, palette.background) >= 3.0, "{line}");
            }
        }
    }

    #[test]
    fn every_series_has_its_own_pair_of_dash_and_marker() {
        let mut pairs: Vec<_> = (0..MOST_SERIES).map(|n| (dash(n), marker(n))).collect();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), MOST_SERIES);
    }

    #[test]
    fn the_style_sheet_needs_no_escaping_inside_a_picture() {
        assert!(!stylesheet().contains(['<', '&']));
        assert!(stylesheet().contains("prefers-color-scheme:dark"));
    }
}
