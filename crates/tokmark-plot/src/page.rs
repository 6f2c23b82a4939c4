//! A self-contained HTML report.

use crate::appearance::stylesheet;
use crate::plot::Plot;
use crate::svg::{StyleSheet, SvgOptions};
use crate::table::Table;
use crate::text::{clean, escape};

/// A part of a page under its own heading.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// The heading.
    pub heading: String,
    /// What stands below it, in this order.
    pub blocks: Vec<Block>,
}

/// A piece of a section. Text is shown as it stands; markup in it has no effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A heading below the section's.
    Heading(String),
    /// A list of points.
    List(Vec<String>),
    /// A plot with its sentence, and its table below.
    Plot(Box<Plot>),
    /// A table.
    Table(Table),
}

/// A whole HTML page in English with everything it needs inside: no script, nothing fetched.
pub fn page(title: &str, sections: &[Section]) -> String {
    let title = escape(&clean(title)).into_owned();
    let mut n_plots = 0;
    let mut body = String::new();
    for (n, section) in sections.iter().enumerate() {
        let heading = clean(&section.heading);
        body.push_str(&format!(
            "<section aria-labelledby=\"section-{n}\">\n<h2 id=\"section-{n}\">{}</h2>\n",
            escape(&heading)
        ));
        for block in &section.blocks {
            body.push_str(&block_html(block, &mut n_plots));
        }
        body.push_str("</section>\n");
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{}{PAGE_RULES}</style>\n</head>\n\
         <body class=\"tokmark-page\">\n\
         <a class=\"skip\" href=\"#main\">Skip to the content</a>\n\
         <header>\n<h1>{title}</h1>\n</header>\n{}\
         <main id=\"main\" tabindex=\"-1\">\n{body}</main>\n</body>\n</html>\n",
        stylesheet(),
        contents(sections)
    )
}

/// Links to the sections, where there are several.
fn contents(sections: &[Section]) -> String {
    if sections.len() < 3 {
        return String::new();
    }
    let link = |(n, section): (usize, &Section)| {
        format!("<li><a href=\"#section-{n}\">{}</a></li>\n", escape(&clean(&section.heading)))
    };
    let links: String = sections.iter().enumerate().map(link).collect();
    format!("<nav aria-label=\"Contents\">\n<ul>\n{links}</ul>\n</nav>\n")
}

fn block_html(block: &Block, n_plots: &mut usize) -> String {
    match block {
        Block::Text(text) => format!("<p dir=\"auto\">{}</p>\n", escape(&clean(text))),
        Block::Heading(text) => format!("<h3>{}</h3>\n", escape(&clean(text))),
        Block::List(points) => {
            let point = |text: &String| format!("<li dir=\"auto\">{}</li>\n", escape(&clean(text)));
            format!("<ul>\n{}</ul>\n", points.iter().map(point).collect::<String>())
        }
        Block::Table(table) => scrolling(table.caption(), &table.html()),
        Block::Plot(plot) => {
            *n_plots += 1;
            figure(plot, *n_plots)
        }
    }
}

fn figure(plot: &Plot, n: usize) -> String {
    let options = SvgOptions {
        id: Some(format!("plot-{n}")),
        style_sheet: StyleSheet::Page,
        draw_title: false,
        ..SvgOptions::default()
    };
    let picture = scrolling(plot.title(), &plot.svg(&options));
    let table = scrolling(plot.table().caption(), &plot.table().html());
    let (title, sentence) = (escape(plot.title()), escape(plot.sentence()));
    format!(
        "<figure>\n<figcaption><strong>{title}</strong><br>{sentence}</figcaption>\n{picture}\
         <details>\n<summary>Table: {title}</summary>\n{table}</details>\n</figure>\n"
    )
}

/// What may be wider than the page, in a box that keys can scroll.
fn scrolling(name: &str, html: &str) -> String {
    let name = escape(name);
    format!(
        "<div class=\"scroll\" role=\"group\" aria-label=\"{name}\" tabindex=\"0\">\n{html}</div>\n"
    )
}

const PAGE_RULES: &str = "\
.tokmark-page{margin:0 auto;padding:1rem 1.25rem 4rem;max-width:62rem;\
background:var(--tp-background);color:var(--tp-text);\
font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}
.tokmark-page h1{font-size:1.7rem;line-height:1.2}
.tokmark-page h2{font-size:1.3rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--tp-axis)}
.tokmark-page h3{font-size:1.05rem;margin:1.4rem 0 .4rem}
.tokmark-page a{color:var(--tp-series-0)}
.tokmark-page :focus-visible{outline:3px solid var(--tp-series-0);outline-offset:2px}
.skip{position:absolute;left:-100rem}
.skip:focus{position:static}
figure{margin:1.2rem 0 1.8rem}
figcaption{margin-bottom:.5rem}
.scroll{overflow-x:auto}
.tokmark-page .tokmark-plot{display:block;width:100%;min-width:34rem;height:auto}
summary{cursor:pointer;padding:.35rem 0;min-height:1.5rem}
.tokmark-table{border-collapse:collapse;margin:.4rem 0;font-variant-numeric:tabular-nums}
.tokmark-table caption{text-align:start;font-weight:600;padding:.2rem 0}
.tokmark-table .tp-note{font-weight:400;color:var(--tp-muted)}
.tokmark-table th,.tokmark-table td{padding:.25rem .7rem;border-bottom:1px solid var(--tp-axis);\
text-align:end;vertical-align:top}
.tokmark-table th:first-child{text-align:start}
@media print{.tokmark-page{max-width:none;padding:0}.skip,nav{display:none}\
figure,tr{break-inside:avoid}h2,h3{break-after:avoid}.scroll{overflow:visible}\
.tokmark-page .tokmark-plot{min-width:0}\
details::details-content{content-visibility:visible;display:block;height:auto}}
";
