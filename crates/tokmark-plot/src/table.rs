//! The table twin of a plot, and any other table of finished text.

use crate::error::PlotError;
use crate::text::{clean, columns, escape};

/// Rows that a plot's table has at most.
pub(crate) const MOST_ROWS: usize = 200;

/// A table of text. The first column names the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    caption: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    /// A table whose rows have as many cells as the header.
    ///
    /// # Errors
    ///
    /// [`PlotError::UnevenTable`] for the first row of another length.
    pub fn new(
        caption: impl AsRef<str>,
        header: &[impl AsRef<str>],
        rows: &[Vec<String>],
    ) -> Result<Table, PlotError> {
        let n_columns = header.len();
        if let Some((row, cells)) = rows.iter().enumerate().find(|(_, row)| row.len() != n_columns)
        {
            return Err(PlotError::UnevenTable { row, n_cells: cells.len(), n_columns });
        }
        Ok(Table::cleaned(caption.as_ref(), header, rows.to_vec()))
    }

    /// A table whose rows are known to be even.
    pub(crate) fn cleaned(
        caption: &str,
        header: &[impl AsRef<str>],
        rows: Vec<Vec<String>>,
    ) -> Table {
        let all = |cells: Vec<String>| cells.iter().map(|cell| clean(cell)).collect();
        Table {
            caption: clean(caption),
            header: header.iter().map(|cell| clean(cell.as_ref())).collect(),
            rows: rows.into_iter().map(all).collect(),
            notes: Vec::new(),
        }
    }

    /// The same with a remark below: what was left out, what an interval is.
    pub fn with_note(mut self, note: impl AsRef<str>) -> Table {
        self.notes.push(clean(note.as_ref()));
        self
    }

    /// What the table holds.
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// Titles of the columns, with units.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Cells, row by row, each as long as the header.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// Remarks below the table.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// `<table>` with caption and scopes; remarks stand in the caption, where a screen reader
    /// says them before the cells.
    pub fn html(&self) -> String {
        let mut html = String::from("<table class=\"tokmark-table\">\n<caption>");
        html.push_str(&escape(&self.caption));
        for note in &self.notes {
            html.push_str(&format!("<br><span class=\"tp-note\">{}</span>", escape(note)));
        }
        html.push_str("</caption>\n<thead><tr>");
        for title in &self.header {
            html.push_str(&format!("<th scope=\"col\">{}</th>", escape(title)));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (n, cell) in row.iter().enumerate() {
                let (open, close) = if n == 0 {
                    ("<th scope=\"row\" dir=\"auto\">", "</th>")
                } else {
                    ("<td dir=\"auto\">", "</td>")
                };
                html.push_str(&format!("{open}{}{close}", escape(cell)));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table>\n");
        html
    }

    /// A Markdown table (GitHub's form) below its caption in bold.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<_> = cells.iter().map(|cell| markdown_cell(cell)).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut markdown =
            format!("**{}**\n\n{}", markdown_cell(&self.caption), line(&self.header));
        let rules: Vec<_> =
            (0..self.header.len()).map(|n| if n == 0 { "---" } else { "---:" }).collect();
        markdown.push_str(&format!("| {} |\n", rules.join(" | ")));
        for row in &self.rows {
            markdown.push_str(&line(row));
        }
        for note in &self.notes {
            markdown.push_str(&format!("\n{}\n", markdown_cell(note)));
        }
        markdown
    }

    /// Columns side by side, the first flush left, the others flush right.
    pub fn text(&self) -> String {
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let widths: Vec<usize> = (0..self.header.len())
            .map(|n| lines().map(|cells| columns(&cells[n])).max().unwrap_or(0))
            .collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(n, (cell, width))| {
                let gap = " ".repeat(width.saturating_sub(columns(cell)));
                if n == 0 { format!("{cell}{gap}") } else { format!("{gap}{cell}") }
            });
            format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
        };
        let mut text = format!("{}\n\n{}", self.caption, line(&self.header));
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        text.push_str(&line(&rules));
        for row in &self.rows {
            text.push_str(&line(row));
        }
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }
}

/// Text that Markdown shows as it stands: ASCII punctuation with a meaning gets a backslash.
fn markdown_cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(
            character,
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '~' | '&' | '#' | '!'
        ) {
            cell.push('\\');
        }
        cell.push(character);
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let rows = vec![
            vec!["a|b".to_owned(), "1".to_owned()],
            vec!["<漢字>".to_owned(), "1,234".to_owned()],
        ];
        Table::new("Rates & more", &["Model", "Rate (tok/s)"], &rows)
            .unwrap()
            .with_note("2 of 9 rows")
    }

    #[test]
    fn html_has_caption_scopes_and_escaped_text() {
        insta::assert_snapshot!(table().html(), @r#"
        <table class="tokmark-table">
        <caption>Rates &amp; more<br><span class="tp-note">2 of 9 rows</span></caption>
        <thead><tr><th scope="col">Model</th><th scope="col">Rate (tok/s)</th></tr></thead>
        <tbody>
        <tr><th scope="row" dir="auto">a|b</th><td dir="auto">1</td></tr>
        <tr><th scope="row" dir="auto">&lt;漢字&gt;</th><td dir="auto">1,234</td></tr>
        </tbody>
        </table>
        "#);
    }

    #[test]
    fn markdown_shows_marks_as_they_stand() {
        insta::assert_snapshot!(table().markdown(), @r"
        **Rates \& more**

        | Model | Rate (tok/s) |
        | --- | ---: |
        | a\|b | 1 |
        | \<漢字\> | 1,234 |

        2 of 9 rows
        ");
    }

    #[test]
    fn plain_columns_are_aligned_by_their_width_on_the_screen() {
        insta::assert_snapshot!(table().text(), @r"
        Rates & more

        Model   Rate (tok/s)
        ------  ------------
        a|b                1
        <漢字>         1,234

        2 of 9 rows
        ");
    }

    #[test]
    fn uneven_rows_are_refused() {
        let rows = vec![vec!["a".to_owned()], vec![]];
        let error = Table::new("", &["x"], &rows).unwrap_err();
        assert_eq!(error.to_string(), "row 1 of the table has 0 cells under 1 columns");
    }
}
