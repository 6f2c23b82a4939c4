//! What every kind of plot looks like, in each of its renderings.

use crate::samples;
use insta::assert_snapshot;
use tokmark_plot::{Block, Plot, Section, StyleSheet, SvgOptions, TerminalOptions, page};

/// Sentence, notes, both terminals and the table of a plot.
fn text(plot: &Plot) -> String {
    let room = TerminalOptions::new(72, 20);
    format!(
        "{}\nnotes: {:?}\n\n{}\n{}\n{}\n{}",
        plot.sentence(),
        plot.notes(),
        plot.terminal(&room),
        plot.terminal(&room.ascii()),
        plot.table().text(),
        plot.table().markdown()
    )
}

#[test]
fn every_kind_of_plot_as_text() {
    for (name, plot) in samples::all() {
        insta::with_settings!({ snapshot_suffix => name }, { assert_snapshot!(text(&plot)) });
    }
}

#[test]
fn every_kind_of_plot_as_an_image() {
    let options = SvgOptions { style_sheet: StyleSheet::Page, ..SvgOptions::default() };
    for (name, plot) in samples::all() {
        if matches!(name, "thinned_timeline" | "many_series") {
            continue;
        }
        insta::with_settings!({ snapshot_suffix => name }, { assert_snapshot!(plot.svg(&options)) });
    }
}

#[test]
fn the_style_sheet() {
    assert_snapshot!(tokmark_plot::stylesheet());
}

#[test]
fn a_page_of_text_tables_and_plots() {
    let plot = samples::one_point();
    let section = |heading: &str, blocks| Section { heading: heading.to_owned(), blocks };
    let sections = [
        section(
            "Summary <1>",
            vec![
                Block::Text("Fast & <b>good</b>".to_owned()),
                Block::List(vec!["one".to_owned(), "two".to_owned()]),
            ],
        ),
        section(
            "Plots",
            vec![Block::Heading("Trade-off".to_owned()), Block::Plot(Box::new(plot.clone()))],
        ),
        section("Tables", vec![Block::Table(plot.table().clone())]),
    ];
    assert_snapshot!(page("Report of \"x\"", &sections));
}
