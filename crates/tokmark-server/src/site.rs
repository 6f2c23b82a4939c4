//! The leaderboard as static files, for any web host.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use askama::Template as _;
use serde_json::json;
use tokmark_board::{Content, Query, leaderboard};
use tokmark_model::BoardRow;

use crate::pages::block::{Block, Cell, Page, PageTemplate};
use crate::pages::{board, hardware, model, words};

/// How a site is built.
#[derive(Debug, Clone, Default)]
pub struct SiteOptions {
    /// What every address begins with, `/benchmarks`; empty at the root of a host.
    pub base_path: String,
    /// Pieces for another generator instead of whole pages: the content of each page without
    /// head and navigation, and the data as JSON.
    pub embed: bool,
    /// Address of the site, for its feed, which needs whole ones.
    pub site_url: Option<String>,
}

/// What was built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Built {
    /// Pages.
    pub n_pages: usize,
    /// Rows of the leaderboard.
    pub n_rows: usize,
}

/// Why a site was not built.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file could not be written.
    #[error("cannot write {file}: {error}", file = .file.display())]
    Write {
        /// Which.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A page could not be made.
    #[error("cannot make the page {page}: {error}")]
    Page {
        /// Its address.
        page: String,
        /// Why.
        error: askama::Error,
    },
    /// The base path is none.
    #[error("the base path {path:?} must begin with / and hold only letters, digits, - _ . ~ /")]
    BasePath {
        /// As it was given.
        path: String,
    },
}

/// Writes the leaderboard, model and machine pages of `content` below `out`, with what they
/// need: style, script, icon, data as JSON, and a feed. Files that are there are overwritten;
/// others are left alone.
///
/// # Errors
/// [`SiteError`]; what was written until then stays.
pub fn build_site(
    content: &Content,
    out: &Path,
    options: &SiteOptions,
) -> Result<Built, SiteError> {
    let base = options.base_path.trim_end_matches('/').to_owned();
    let is_sound = base.is_empty()
        || (base.starts_with('/')
            && !base.contains("//")
            && base.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~/".contains(&b)));
    if !is_sound {
        return Err(SiteError::BasePath { path: options.base_path.clone() });
    }
    let mut site = Site { out, base, options, n_pages: 0, has_charts: false };
    let rows = content.rows();
    let found = leaderboard(&rows, &content.families, &Query::default());
    site.page("leaderboard", leaderboard_page(content, &rows))?;
    let mut models: BTreeMap<&str, Vec<BoardRow>> = BTreeMap::new();
    for row in &rows {
        models.entry(&row.model_name).or_default().push(row.clone());
    }
    for (name, own) in &models {
        let page = model::blocks(content, name, &model::all_files(own, &rows), false);
        site.page(&format!("models/{}", slug(name)), page)?;
    }
    let mut list = Page::new("/models", "Models");
    let link = |name: &&str| Cell::link((*name).to_owned(), format!("/models/{}", slug(name)));
    list.blocks.push(Block::Links(models.keys().map(link).collect()));
    site.page("models", list)?;
    for rig in &content.hardware {
        let own: Vec<BoardRow> =
            rows.iter().filter(|row| rig.names.contains(&row.hardware)).cloned().collect();
        site.page(&format!("hardware/{}", rig.slug), hardware::rig_blocks(content, rig, &own))?;
    }
    let mut machines: BTreeMap<&str, Vec<BoardRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.machine_fingerprint.is_empty()) {
        machines.entry(&row.machine_fingerprint).or_default().push(row.clone());
    }
    for (fingerprint, own) in &machines {
        let page =
            hardware::machine_blocks(content, hardware::shipped_facts(content, fingerprint), own);
        site.page(&format!("hardware/{}", slug(fingerprint)), page)?;
    }
    let mut list = Page::new("/hardware", "Hardware");
    list.blocks.push(Block::Links(hardware::shipped(content)));
    site.page("hardware", list)?;
    let mut terms = Page::new("/definitions", "Definitions");
    let facts = words::DEFINITIONS.iter();
    terms.blocks.push(Block::Facts(
        facts.map(|(name, text)| ((*name).to_owned(), Cell::text(*text))).collect(),
    ));
    site.page("definitions", terms)?;
    let whole = json!({ "groups": found.groups, "n_rows": found.n_rows });
    site.file("leaderboard.json", &whole.to_string())?;
    for (name, text) in [
        ("assets/page.css", crate::assets::text("page.css")),
        ("assets/page.js", crate::assets::text("page.js")),
        ("assets/icon.svg", crate::assets::text("icon.svg")),
        ("assets/plot.css", Some(tokmark_plot::stylesheet().to_owned())),
    ] {
        site.file(name, &text.unwrap_or_default())?;
    }
    if site.has_charts {
        for name in ["charts.js", "charts.LICENSE.txt"] {
            let text = crate::assets::text(name).unwrap_or_default();
            site.file(&format!("assets/{name}"), &text)?;
        }
    }
    if !options.embed {
        let to = format!("{}/leaderboard/", site.base);
        let index = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <title>Leaderboard</title><meta http-equiv=\"refresh\" content=\"0; url={to}\"></head>\
             <body><p><a href=\"{to}\">Leaderboard</a></p></body></html>\n"
        );
        site.file("index.html", &index)?;
    }
    site.file("feed.xml", &feed(content, options, &site.base))?;
    Ok(Built { n_pages: site.n_pages, n_rows: found.n_rows })
}

fn leaderboard_page(content: &Content, rows: &[BoardRow]) -> Page {
    let query = Query::default();
    let found = leaderboard(rows, &content.families, &query);
    let mut page = Page::new("/leaderboard", "Leaderboard");
    page.lead = board::LEAD.to_owned();
    page.blocks.push(Block::Live(found.sentence.clone()));
    if found.n_prompt_rows > 0 {
        let text = "Rates of prompts stand on the pages of the models.";
        page.blocks.push(Block::Text(text.to_owned()));
    }
    page.blocks.extend(board::groups(content, &found, &query));
    page.blocks.extend(board::planned(content));
    page
}

/// A name as a folder: letters, digits and hyphens. A name that loses anything else has a mark
/// of its own at the end, so that no two names share a folder.
pub(crate) fn slug(name: &str) -> String {
    let slug = plain(name);
    if slug == name {
        return slug;
    }
    let mark = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).simple().to_string();
    format!("{slug}-{}", &mark[..6])
}

fn plain(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        match c {
            c if c.is_ascii_alphanumeric() || c == '.' || c == '_' => slug.push(c),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_matches(['-', '.']).to_owned();
    if slug.is_empty() { "unnamed".to_owned() } else { slug }
}

struct Site<'a> {
    out: &'a Path,
    base: String,
    options: &'a SiteOptions,
    n_pages: usize,
    has_charts: bool,
}

impl Site<'_> {
    fn page(&mut self, address: &str, page: Page) -> Result<(), SiteError> {
        let mut page = page;
        page.base.clone_from(&self.base);
        page.is_static = true;
        self.has_charts |= page.has_charts();
        for block in &mut page.blocks {
            block.below(&self.base);
        }
        let template = PageTemplate::new(&page);
        let made = if self.options.embed { template.fragment() } else { template.render() };
        let html = made.map_err(|error| SiteError::Page { page: address.to_owned(), error })?;
        self.n_pages += 1;
        match self.options.embed {
            true => self.file(&format!("{address}.html"), &html),
            false => self.file(&format!("{address}/index.html"), &html),
        }
    }

    fn file(&self, name: &str, text: &str) -> Result<(), SiteError> {
        let file = self.out.join(name);
        let failed = |error| SiteError::Write { file: file.clone(), error };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(&file, text).map_err(failed)
    }
}

/// An Atom feed: an entry for each file of runs, the newest first.
fn feed(content: &Content, options: &SiteOptions, base: &str) -> String {
    let site = options.site_url.as_deref().map(|url| url.trim_end_matches('/'));
    let id = site.map_or_else(|| "urn:tokmark:site".to_owned(), |site| format!("{site}{base}/"));
    let mut runs: Vec<_> =
        content.runs.iter().filter_map(|run| Some((run.records.first()?, run))).collect();
    runs.sort_by_key(|(record, _)| std::cmp::Reverse(record.created_at));
    let updated =
        runs.first().map_or_else(String::new, |(record, _)| record.created_at.to_string());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <title>Leaderboard</title>\n<id>{id}</id>\n<updated>{updated}</updated>\n"
    );
    for (record, run) in runs.iter().take(100) {
        let name = &record.model.name;
        // Without the site's address a reader has nothing to open.
        let link = site.map_or_else(String::new, |site| {
            let href = format!("{site}{base}/models/{}/", slug(name));
            format!("<link href=\"{}\"/>", escaped(&href))
        });
        let n = run.records.len();
        let title = escaped(&format!("{name}, {n} rate{}", if n == 1 { "" } else { "s" }));
        text += &format!(
            "<entry><title>{title}</title><id>urn:uuid:{}</id><updated>{}</updated>\
             {link}<summary>{}</summary></entry>\n",
            record.id,
            record.created_at,
            escaped(&run.file)
        );
    }
    text + "</feed>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
