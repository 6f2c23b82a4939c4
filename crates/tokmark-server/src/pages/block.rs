//! What pages are made of.

use askama::Template;
use tokmark_plot::{Plot, PlotData, StyleSheet, SvgOptions};
use tokmark_store::Cursor;

use super::words;
use crate::query::PageQuery;

/// A page before it is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// Its heading.
    pub(crate) title: String,
    /// One or two sentences below it.
    pub(crate) lead: String,
    /// Its content, in order.
    pub(crate) blocks: Vec<Block>,
    /// What every address begins with; for static sites below a folder.
    pub(crate) base: String,
    /// A file without a server behind it: its script sorts and filters.
    pub(crate) is_static: bool,
    /// Its own address, for the navigation.
    pub(crate) here: String,
}

impl Page {
    pub(crate) fn new(here: &str, title: &str) -> Self {
        Page { title: title.to_owned(), here: here.to_owned(), ..Page::default() }
    }

    /// Name, address, and whether it is this page.
    pub(crate) fn navigation(&self) -> Vec<(&'static str, &'static str, bool)> {
        let all = [
            ("Leaderboard", "/leaderboard"),
            ("Benchmarks", "/benchmarks"),
            ("Workloads", "/workloads"),
            ("Latency", "/latency"),
            ("Raw engine", "/engines"),
            ("Models", "/models"),
            ("Hardware", "/hardware"),
            ("History", "/history"),
            ("Compare", "/compare"),
            ("Measure", "/wizard"),
            ("Jobs", "/jobs"),
            ("Quality", "/quality"),
            ("API", "/api"),
        ];
        let files = ["/leaderboard", "/models", "/hardware"];
        all.into_iter()
            .filter(|(_, href)| !self.is_static || files.contains(href))
            .map(|(name, href)| (name, href, href == self.here))
            .collect()
    }

    /// Whether the script that draws charts is of use here.
    pub(crate) fn has_charts(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block, Block::Plot(_)))
    }

    pub(crate) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// A part of a page.
#[derive(Debug, Clone)]
pub(crate) enum Block {
    /// A heading below the page's.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A sentence that is told when it changes.
    Live(String),
    /// Addresses.
    Links(Vec<Cell>),
    /// A table.
    Table(TableView),
    /// A table that can be folded.
    Group(Group),
    /// Names with their values.
    Facts(Vec<(String, Cell)>),
    /// What is typed into a terminal.
    Command(String),
    /// A chart with its table.
    Plot(PlotView),
    /// Filters, kept in the address.
    Filters(FilterForm),
    /// A form that starts something.
    Form(WorkForm),
    /// A job that goes on.
    Job(JobView),
}

impl Block {
    /// Prepares it for a file: addresses begin with `base` and lead only to files that are
    /// there, and headings sort by the page's own script.
    pub(crate) fn below(&mut self, base: &str) {
        let cell = |cell: &mut Cell| {
            let Some(href) = &cell.href else { return };
            cell.href = match href.strip_prefix("/models/") {
                Some(name) => {
                    let name = crate::site::slug(&super::words::unescaped(name));
                    Some(format!("{base}/models/{name}/"))
                }
                None => href.strip_prefix("/hardware/").map(|place| {
                    let place = crate::site::slug(&super::words::unescaped(place));
                    format!("{base}/hardware/{place}/")
                }),
            };
        };
        let table = |view: &mut TableView| {
            view.rows.iter_mut().flatten().for_each(cell);
            for column in &mut view.columns {
                column.sort_href = None;
            }
        };
        match self {
            Block::Links(cells) => cells.iter_mut().for_each(cell),
            Block::Facts(facts) => facts.iter_mut().for_each(|(_, one)| cell(one)),
            Block::Table(view) => table(view),
            Block::Group(group) => table(&mut group.table),
            _ => {}
        }
    }
}

/// A link as a block.
pub(crate) fn link(text: &str, href: &str) -> Block {
    Block::Links(vec![Cell::link(text, href)])
}

/// How many things a page lists, and whether another page follows.
pub(crate) fn counted(n: usize, what: [&str; 2], next: Option<&Cursor>) -> Block {
    let what = if n == 1 { what[0] } else { what[1] };
    let more = if next.is_some() { ", more on the next page" } else { "" };
    Block::Live(format!("{n} {what}{more}"))
}

/// The link to the page that follows.
pub(crate) fn next_page(address: &str, query: &PageQuery, next: Option<Cursor>) -> Option<Block> {
    let query = PageQuery { cursor: Some(next?.to_string()), ..query.clone() };
    Some(link("Next page", &format!("{address}?{}", words::query(&query))))
}

/// A value, perhaps with an address and tags.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) href: Option<String>,
    pub(crate) tags: Vec<String>,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Cell { text: text.into(), ..Cell::default() }
    }

    pub(crate) fn link(text: impl Into<String>, href: impl Into<String>) -> Self {
        Cell { text: text.into(), href: Some(href.into()), tags: Vec::new() }
    }

    pub(crate) fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}

/// A column's heading.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    pub(crate) label: String,
    /// What its figures are, shown on hover and focus.
    pub(crate) definition: Option<&'static str>,
    pub(crate) numeric: bool,
    /// Address of the page sorted by it.
    pub(crate) sort_href: Option<String>,
    /// `ascending` or `descending`, where the table is sorted by it.
    pub(crate) sorted: Option<&'static str>,
}

impl Column {
    pub(crate) fn named(label: impl Into<String>) -> Self {
        Column { label: label.into(), ..Column::default() }
    }

    pub(crate) fn number(label: impl Into<String>) -> Self {
        Column { label: label.into(), numeric: true, ..Column::default() }
    }

    pub(crate) fn defined(mut self, definition: &'static str) -> Self {
        self.definition = Some(definition);
        self
    }

    pub(crate) fn arrow(&self) -> &'static str {
        match self.sorted {
            Some("ascending") => " \u{2191}",
            Some(_) => " \u{2193}",
            None => "",
        }
    }

    /// An id that no other column of the page has.
    pub(crate) fn id(&self, at: &usize) -> String {
        let name: String = self
            .label
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_lowercase();
        format!("d{at}-{name}")
    }
}

/// A table. `rows[i][j]` belongs to `columns[j]`; the first cell is the row's heading.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableView {
    pub(crate) caption: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A table that can be folded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) remark: String,
    pub(crate) is_open: bool,
    pub(crate) table: TableView,
}

/// A chart, drawn.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlotView {
    pub(crate) title: String,
    pub(crate) sentence: String,
    pub(crate) svg: String,
    pub(crate) table: String,
    /// What a script draws it from: JSON that is inert in HTML.
    pub(crate) data: String,
}

impl PlotView {
    /// `id` differs within a page.
    pub(crate) fn of(plot: &Plot, id: &str) -> Self {
        let options = SvgOptions {
            id: Some(id.to_owned()),
            style_sheet: StyleSheet::Page,
            draw_title: false,
            ..SvgOptions::default()
        };
        PlotView {
            title: plot.title().to_owned(),
            sentence: plot.sentence().to_owned(),
            svg: plot.svg(&options),
            table: plot.table().html(),
            data: inert(&plot.data()),
        }
    }
}

/// JSON that may stand in a script element: without `<` no element ends or begins in it.
fn inert(data: &PlotData) -> String {
    serde_json::to_string(data).unwrap_or_default().replace('<', "\\u003c")
}

/// Filters of a list.
#[derive(Debug, Clone)]
pub(crate) struct FilterForm {
    pub(crate) action: String,
    pub(crate) fields: Vec<FilterField>,
    /// Names and values that the form sends along.
    pub(crate) kept: Vec<(String, String)>,
    /// What its button says: [`FILTER`], or what is done instead.
    pub(crate) verb: &'static str,
}

/// The verb of a form that narrows a list down.
pub(crate) const FILTER: &str = "Filter";

impl FilterForm {
    pub(crate) fn is_filter(&self) -> bool {
        self.verb == FILTER
    }
}

/// One filter; without choices a free text.
#[derive(Debug, Clone, Default)]
pub(crate) struct FilterField {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: String,
    /// There is no choice of all values.
    pub(crate) always: bool,
    /// Value and what is shown.
    pub(crate) choices: Vec<(String, String)>,
}

/// A form that starts something.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkForm {
    pub(crate) action: String,
    pub(crate) sets: Vec<InputSet>,
    pub(crate) button: String,
    /// Another button, which asks for this page again with `step` and what was filled in.
    pub(crate) look: Option<(&'static str, &'static str)>,
    /// What that showed.
    pub(crate) seen: Option<String>,
    /// Why the last try was refused.
    pub(crate) refused: Option<String>,
}

/// Inputs that belong together.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputSet {
    pub(crate) legend: String,
    pub(crate) help: String,
    pub(crate) inputs: Vec<Input>,
}

/// One input.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) help: String,
    pub(crate) checked: bool,
    pub(crate) kind: InputKind,
}

/// One that is not checked.
pub(crate) fn input(
    name: &'static str,
    label: &str,
    value: &str,
    help: &str,
    kind: InputKind,
) -> Input {
    Input {
        id: name.to_owned(),
        name,
        label: label.to_owned(),
        value: value.to_owned(),
        help: help.to_owned(),
        checked: false,
        kind,
    }
}

/// What an input takes.
#[derive(Debug, Clone)]
pub(crate) enum InputKind {
    Check,
    Number { min: i64, max: i64 },
    Text,
    Secret,
    Choice(Vec<(String, String)>),
}

/// A job that goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct JobView {
    pub(crate) events: String,
    pub(crate) cancel: String,
    pub(crate) percent: u32,
    pub(crate) text: String,
    pub(crate) can_cancel: bool,
}

/// The one template.
#[derive(Template)]
#[template(path = "page.html")]
pub(crate) struct PageTemplate<'a> {
    page: &'a Page,
}

impl<'a> PageTemplate<'a> {
    pub(crate) fn new(page: &'a Page) -> Self {
        PageTemplate { page }
    }

    /// Its content alone, without head and navigation, for another page to hold.
    pub(crate) fn fragment(&self) -> askama::Result<String> {
        let whole = self.render()?;
        let begin = whole.find("<main").unwrap_or(0);
        let end = whole.find("</main>").map_or(whole.len(), |at| at + "</main>".len());
        Ok(whole[begin..end]
            .replacen("<main id=\"main\" tabindex=\"-1\"", "<section", 1)
            .replace("</main>", "</section>"))
    }
}
