//! The wizard as a state machine: keys in, screens out.

use console::Key;

use super::candidates::Candidate;
use super::command_line::{self, Choice, Preset};
use super::layout::{cut, fit, wrap, wrap_command};
use super::ranges::repetitions_needed;
use super::selection::{Chose, Selection};
use super::settings::{Figures, Set, Settings, Shortest};
use super::specification;
use crate::view::words::printable;

/// What a key led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something to see.
    Stay,
    /// The user leaves without a choice.
    Leave,
    /// The choice stands.
    Start(Choice),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Models,
    Settings,
    Confirm,
}

/// The three steps with all that was entered in them; going back and forth loses nothing.
#[derive(Debug)]
pub(super) struct State {
    page: Page,
    selection: Selection,
    settings: Settings,
    /// Flags that the command line to show repeats.
    flags: Vec<String>,
}

impl State {
    /// The first step, with nothing marked.
    pub(super) fn new(candidates: Vec<Candidate>, preset: Preset) -> Self {
        State {
            page: Page::Models,
            selection: Selection::new(candidates),
            settings: Settings::new(&preset),
            flags: preset.flags,
        }
    }

    /// Marks these models, and goes on to the settings where all of them are there.
    pub(super) fn mark(&mut self, models: &[String]) {
        if !models.is_empty() && self.selection.mark(models) {
            self.page = Page::Settings;
        }
    }

    /// What `key` does.
    pub(super) fn key(&mut self, key: Key) -> Step {
        match self.page {
            Page::Models => match self.selection.key(&key) {
                Chose::Here => {}
                Chose::On => self.page = Page::Settings,
                Chose::Leave => return Step::Leave,
            },
            Page::Settings => match self.settings.key(&key, self.shortest().as_ref()) {
                Set::Here => {}
                Set::On => self.page = Page::Confirm,
                Set::Back => self.page = Page::Models,
                Set::Leave => return Step::Leave,
            },
            Page::Confirm => match key {
                Key::Enter => {
                    if let Ok(figures) = self.settings.figures(self.shortest().as_ref()) {
                        return Step::Start(self.choice(&figures));
                    }
                }
                Key::Backspace | Key::ArrowLeft | Key::Char('h') | Key::Escape => {
                    self.page = Page::Settings;
                }
                Key::Char('q') | Key::CtrlC => return Step::Leave,
                _ => {}
            },
        }
        Step::Stay
    }

    /// The lines to show: at most `height`, none wider than `width` columns. The first is the
    /// title, and the one that begins with `>` is where the user stands.
    pub(super) fn screen(&self, width: usize, height: usize) -> Vec<String> {
        let (n, name) = match self.page {
            Page::Models => (1, "models"),
            Page::Settings => (2, "settings"),
            Page::Confirm => (3, "start"),
        };
        let title = cut(&format!("Compare models, step {n} of 3: {name}"), width);
        match self.page {
            Page::Models => self.selection.screen(width, height, title),
            Page::Settings => self.settings.screen(width, height, title, self.shortest().as_ref()),
            Page::Confirm => self.confirmation(width, height, title),
        }
    }

    fn confirmation(&self, width: usize, height: usize, title: String) -> Vec<String> {
        let chosen: Vec<_> = self
            .selection
            .chosen()
            .map(|(candidate, facts)| (candidate.name.as_str(), facts))
            .collect();
        let table = specification::table(&chosen, width);
        let mut tail = vec![String::new()];
        match self.settings.figures(self.shortest().as_ref()) {
            Ok(figures) => {
                tail.extend(figures.lines().iter().flat_map(|line| wrap(line, width, 4)));
                let needed = repetitions_needed(chosen.len());
                if let Some(n) = figures.repetitions.filter(|n| *n < needed) {
                    let few = format!(
                        "  Too few: {n} can't end with a verdict on {} models; {needed} can, or \
                         adaptive.",
                        chosen.len()
                    );
                    tail.extend(wrap(&few, width, 4));
                }
                tail.push(String::new());
                tail.extend(wrap("The same again, without questions:", width, 0));
                let words = command_line::words(&self.choice(&figures), &self.flags);
                tail.extend(wrap_command(&words, width, 2));
            }
            Err(reason) => tail.extend(wrap(&reason, width, 2)),
        }
        tail.push(String::new());
        let help = "> Enter starts, Backspace, Left or Esc goes back, q leaves";
        tail.extend(wrap(help, width, 2));
        fit(height, vec![title, String::new()], table, tail)
    }

    fn choice(&self, figures: &Figures) -> Choice {
        Choice {
            models: self.selection.chosen().map(|(candidate, _)| candidate.given.clone()).collect(),
            context: figures.context,
            generate: figures.generate,
            repetitions: figures.repetitions,
        }
    }

    /// The model that bounds the figures, of those that are marked now.
    fn shortest(&self) -> Option<Shortest> {
        let trained = self.selection.chosen().filter_map(|(candidate, facts)| {
            let trained = u32::try_from(facts.context_length?).unwrap_or(u32::MAX);
            Some(Shortest { trained, model: printable(&candidate.name) })
        });
        trained.min_by_key(|shortest| shortest.trained)
    }
}
