//! Step 1: which models.

use console::Key;
use tokmark_model::ModelFacts;

use super::candidates::Candidate;
use super::layout::{at_most, cut, fit, pad, wrap};
use super::ranges::MODELS;
use super::specification;
use crate::view::words::printable;

/// Columns of the cursor's mark and of the box.
const MARKS: usize = 6;
/// Columns of a size.
const SIZE: usize = 11;
/// Columns below which sizes are left out.
const NARROW: usize = 40;
/// Rows of the list that stay where the table below would take them.
const ROWS: usize = 5;

/// The list with its cursor, its marks and its filter.
#[derive(Debug)]
pub(super) struct Selection {
    candidates: Vec<Candidate>,
    /// Position in `candidates`.
    cursor: usize,
    /// Positions in `candidates` in the order in which they were marked.
    marked: Vec<usize>,
    /// Part of the name of what is shown.
    filter: String,
    /// Whether letters go to the filter.
    is_filtering: bool,
    note: String,
}

/// What a key did to the list.
pub(super) enum Chose {
    /// Something else to see.
    Here,
    /// On to the settings.
    On,
    /// The user leaves.
    Leave,
}

impl Selection {
    pub(super) fn new(candidates: Vec<Candidate>) -> Self {
        Selection {
            candidates,
            cursor: 0,
            marked: Vec::new(),
            filter: String::new(),
            is_filtering: false,
            note: String::new(),
        }
    }

    /// The marked ones in the order in which they were marked.
    pub(super) fn chosen(&self) -> impl Iterator<Item = (&Candidate, &ModelFacts)> {
        let marked = self.marked.iter().map(|&at| &self.candidates[at]);
        marked.filter_map(|candidate| Some((candidate, candidate.facts.as_ref().ok()?)))
    }

    /// Marks models by what the command line calls them; whether all are there to be marked.
    pub(super) fn mark(&mut self, models: &[String]) -> bool {
        let place = |model: &String| {
            let is_it = |own: &Candidate| own.given == *model && own.facts.is_ok();
            self.candidates.iter().position(is_it)
        };
        self.marked = models.iter().filter_map(place).collect();
        self.cursor = self.marked.first().copied().unwrap_or_default();
        self.marked.len() == models.len() && self.marked.len() >= *MODELS.start()
    }

    pub(super) fn key(&mut self, key: &Key) -> Chose {
        self.note.clear();
        if self.is_filtering && self.filter_key(key) {
            return Chose::Here;
        }
        match key {
            Key::ArrowUp | Key::Char('k') => self.step(-1),
            Key::ArrowDown | Key::Char('j') => self.step(1),
            Key::PageUp => self.step(-(ROWS as isize)),
            Key::PageDown => self.step(ROWS as isize),
            Key::Home => self.step(isize::MIN),
            Key::End => self.step(isize::MAX),
            Key::Char(' ') => self.toggle(),
            Key::Char('/') => self.is_filtering = true,
            Key::Enter if self.marked.len() >= *MODELS.start() => return Chose::On,
            Key::Enter => {
                let n_missing = MODELS.start() - self.marked.len();
                self.note = format!("Mark {n_missing} more with Space first.");
            }
            Key::Escape if !self.filter.is_empty() => self.filter.clear(),
            Key::Escape => "This is the first step; q leaves.".clone_into(&mut self.note),
            Key::Char('q') | Key::CtrlC => return Chose::Leave,
            _ => {}
        }
        Chose::Here
    }

    /// Whether the key was one for the filter.
    fn filter_key(&mut self, key: &Key) -> bool {
        match key {
            Key::Char(letter) => self.filter.push(*letter),
            Key::Backspace if self.filter.is_empty() => self.is_filtering = false,
            Key::Backspace => _ = self.filter.pop(),
            Key::Enter => self.is_filtering = false,
            Key::Escape => {
                self.filter.clear();
                self.is_filtering = false;
            }
            _ => return false,
        }
        let shown = self.shown();
        if !shown.contains(&self.cursor)
            && let Some(&first) = shown.first()
        {
            self.cursor = first;
        }
        true
    }

    /// Moves the cursor among what is shown.
    fn step(&mut self, by: isize) {
        let shown = self.shown();
        let at = shown.iter().position(|&at| at == self.cursor).unwrap_or(0);
        let last = shown.len().saturating_sub(1);
        if let Some(&to) = shown.get(at.saturating_add_signed(by).min(last)) {
            self.cursor = to;
        }
    }

    fn toggle(&mut self) {
        if !self.shown().contains(&self.cursor) {
            return;
        }
        if let Some(place) = self.marked.iter().position(|&at| at == self.cursor) {
            self.marked.remove(place);
        } else if self.candidates[self.cursor].facts.is_err() {
            // Why is said wherever the cursor stands on it.
        } else if self.marked.len() >= *MODELS.end() {
            self.note = format!("{} are marked; take one away first.", MODELS.end());
        } else {
            self.marked.push(self.cursor);
        }
    }

    /// Positions of what the filter lets through.
    fn shown(&self) -> Vec<usize> {
        let wanted = self.filter.to_lowercase();
        let is_wanted = |at: &usize| self.candidates[*at].name.to_lowercase().contains(&wanted);
        (0..self.candidates.len()).filter(is_wanted).collect()
    }

    pub(super) fn screen(&self, width: usize, height: usize, title: String) -> Vec<String> {
        let shown = self.shown();
        let chosen: Vec<(&str, &ModelFacts)> =
            self.chosen().map(|(candidate, facts)| (candidate.name.as_str(), facts)).collect();
        let mut table = specification::table(&chosen, width);
        if !table.is_empty() {
            table.insert(0, String::new());
        }
        let tail = self.tail(width, height);

        let mut head = vec![title, String::new()];
        head.extend(wrap(&self.status(), width, 0));
        let taken = head.len() + tail.len();
        let least = shown.len().min(ROWS);
        let rows = height.saturating_sub(taken + table.len()).max(least);
        let rows = rows.min(height.saturating_sub(taken)).max(1);
        let window = window(&shown, self.cursor, rows);
        if window.len() < shown.len()
            && let Some(first) = window.first().and_then(|at| shown.iter().position(|s| s == at))
        {
            let text = format!("{} to {} of {}:", first + 1, first + window.len(), shown.len());
            // In place of the blank line, so that nothing moves.
            head[1] = cut(&text, width);
        }
        head.extend(window.iter().map(|&at| self.row(at, width)));
        if shown.is_empty() {
            head.push(cut("> no name has this in it", width));
        }
        fit(height, head, table, tail)
    }

    fn status(&self) -> String {
        let chosen = format!(
            "Choose {} to {} models; {} chosen.",
            MODELS.start(),
            MODELS.end(),
            self.marked.len()
        );
        match (self.is_filtering, self.filter.is_empty()) {
            (true, _) => format!("{chosen} Filter: {}_", self.filter),
            (false, false) => format!("{chosen} Filter: {}", self.filter),
            (false, true) => chosen,
        }
    }

    fn row(&self, at: usize, width: usize) -> String {
        let candidate = &self.candidates[at];
        let cursor = if at == self.cursor { ">" } else { " " };
        let place = self.marked.iter().position(|&marked| marked == at);
        let mark = match (&candidate.facts, place) {
            (Err(_), _) => "-".to_owned(),
            (Ok(_), Some(place)) => (place + 1).to_string(),
            (Ok(_), None) => " ".to_owned(),
        };
        let name = printable(&candidate.name);
        let text = match &candidate.facts {
            Err(reason) => {
                cut(&format!("{name}: {}", printable(reason)), width.saturating_sub(MARKS))
            }
            Ok(_) if width < NARROW => cut(&name, width.saturating_sub(MARKS)),
            Ok(_) => {
                let room = self.name_columns().min(width - MARKS - SIZE);
                format!("{}{:>SIZE$}", pad(&name, room), candidate.size.to_string())
            }
        };
        cut(&format!("{cursor} [{mark}] {text}"), width)
    }

    /// Columns of the longest name.
    fn name_columns(&self) -> usize {
        let columns =
            |candidate: &Candidate| console::measure_text_width(&printable(&candidate.name));
        let usable = self.candidates.iter().filter(|candidate| candidate.facts.is_ok());
        usable.map(columns).max().unwrap_or(0)
    }

    fn tail(&self, width: usize, height: usize) -> Vec<String> {
        let mut tail = vec![String::new()];
        let here = self.candidates.get(self.cursor).filter(|_| !self.shown().is_empty());
        if let Some(Candidate { name, facts: Err(reason), .. }) = here {
            let text = format!("{name} can't be chosen: {reason}.");
            tail.extend(at_most(wrap(&printable(&text), width, 2), height / 4, width));
        }
        tail.extend(at_most(wrap(&self.note, width, 0), height / 4, width));
        let help = match self.is_filtering {
            true => "Type a part of the name; Enter keeps the filter, Esc removes it",
            false => "Space marks, Up and Down move, / filters, Enter goes on, q leaves",
        };
        tail.extend(at_most(wrap(help, width, 0), height / 4, width));
        tail
    }
}

/// At most `rows` of `shown`, with `cursor` as near their middle as may be.
fn window(shown: &[usize], cursor: usize, rows: usize) -> &[usize] {
    let at = shown.iter().position(|&at| at == cursor).unwrap_or(0);
    let last = shown.len().saturating_sub(rows);
    let first = at.saturating_sub(rows / 2).min(last);
    &shown[first..shown.len().min(first + rows)]
}
