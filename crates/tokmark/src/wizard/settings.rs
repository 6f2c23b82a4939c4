//! Step 2: the figures, the same for every model.

use std::ops::RangeInclusive;

use console::Key;

use super::command_line::Preset;
use super::layout::{at_most, cut, fit, pad, wrap};
use super::ranges::{CONTEXT, GENERATE, REPETITIONS};
use crate::view::words::thousands;

/// What stands for no fixed number.
const ADAPTIVE: &str = "adaptive";
/// Digits that a field takes.
const DIGITS: usize = 6;
/// Columns of a field's name, its cursor included.
const LABEL: usize = 15;
/// Columns of a field's value.
const VALUE: usize = 10;
/// Where the arrows stop.
const CONTEXT_STOPS: [u32; 5] = [256, 512, 1024, 2048, 4096];
const GENERATE_STOPS: [u32; 4] = [32, 64, 128, 256];

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Context,
    Generate,
    Repetitions,
}

const FIELDS: [Field; 3] = [Field::Context, Field::Generate, Field::Repetitions];

/// The chosen model that was trained for the fewest tokens: prompt and generation together
/// may not be more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shortest {
    /// Tokens; enough for the least prompt and generation.
    pub(super) trained: u32,
    /// Its name.
    pub(super) model: String,
}

/// Figures that are all in their ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) context: u32,
    pub(super) generate: u32,
    pub(super) repetitions: Option<u32>,
}

/// What was typed, right or wrong, and where the cursor stands.
#[derive(Debug)]
pub(super) struct Settings {
    /// A text for each of [`FIELDS`].
    texts: [String; FIELDS.len()],
    cursor: usize,
    /// Whether the next digit begins a new number.
    is_fresh: bool,
    note: String,
}

/// What a key did to the figures.
pub(super) enum Set {
    /// Something else to see.
    Here,
    /// On; every figure is right.
    On,
    /// Back to the models.
    Back,
    /// The user leaves.
    Leave,
}

impl Settings {
    pub(super) fn new(preset: &Preset) -> Self {
        let repetitions = preset.repetitions.map_or(ADAPTIVE.to_owned(), |n| n.to_string());
        Settings {
            texts: [preset.context.to_string(), preset.generate.to_string(), repetitions],
            cursor: 0,
            is_fresh: true,
            note: String::new(),
        }
    }

    /// The figures, or what is wrong with the first that is wrong.
    pub(super) fn figures(&self, shortest: Option<&Shortest>) -> Result<Figures, String> {
        let read = |field| self.read(field, shortest);
        Ok(Figures {
            context: read(Field::Context)?.unwrap_or(*CONTEXT.start()),
            generate: read(Field::Generate)?.unwrap_or(*GENERATE.start()),
            repetitions: read(Field::Repetitions)?,
        })
    }

    /// The number in `field`; `None`: adaptive.
    fn read(&self, field: Field, shortest: Option<&Shortest>) -> Result<Option<u32>, String> {
        let text = &self.texts[field as usize];
        if field == Field::Repetitions && text == ADAPTIVE {
            return Ok(None);
        }
        let range = self.range(field, shortest);
        let hint = self.hint(field, shortest);
        let Ok(number) = text.parse::<u32>() else {
            return Err(format!("type a number: {hint}"));
        };
        let shown = thousands(text);
        if number < *range.start() {
            Err(format!("{shown} is too few: {hint}"))
        } else if number > *range.end() {
            Err(format!("{shown} is too many: {hint}"))
        } else {
            Ok(Some(number))
        }
    }

    /// What may stand in `field` beside what stands in the others.
    fn range(&self, field: Field, shortest: Option<&Shortest>) -> RangeInclusive<u32> {
        let trained = shortest.map_or(u32::MAX, |shortest| shortest.trained);
        match field {
            Field::Context => {
                let generate = self.read(Field::Generate, shortest).ok().flatten();
                let rest = trained.saturating_sub(generate.unwrap_or(*GENERATE.start()));
                *CONTEXT.start()..=rest.min(*CONTEXT.end())
            }
            Field::Generate => {
                let rest = trained.saturating_sub(*CONTEXT.start());
                *GENERATE.start()..=rest.min(*GENERATE.end())
            }
            Field::Repetitions => REPETITIONS,
        }
    }

    /// Values at which the arrows stop, rising, within the range.
    fn stops(&self, field: Field, shortest: Option<&Shortest>) -> Vec<u32> {
        let range = self.range(field, shortest);
        let mut stops = match field {
            Field::Context => CONTEXT_STOPS.to_vec(),
            Field::Generate => GENERATE_STOPS.to_vec(),
            Field::Repetitions => range.clone().collect(),
        };
        stops.retain(|stop| range.contains(stop));
        if stops.last() != Some(range.end()) {
            stops.push(*range.end());
        }
        stops
    }

    /// What may stand there, and why no more.
    fn hint(&self, field: Field, shortest: Option<&Shortest>) -> String {
        let range = self.range(field, shortest);
        let text = format!("{} to {}", range.start(), tokens(*range.end()));
        let most = match field {
            Field::Context => *CONTEXT.end(),
            Field::Generate => *GENERATE.end(),
            Field::Repetitions => {
                return format!("{} to {}, or adaptive", range.start(), range.end());
            }
        };
        match (field, shortest.filter(|_| *range.end() < most)) {
            (_, Some(Shortest { trained, model })) => {
                let trained = thousands(&trained.to_string());
                format!("{text}; {model} was trained for {trained} in all")
            }
            (Field::Context, None) => format!("{text} of prompt"),
            (_, None) => text,
        }
    }

    pub(super) fn key(&mut self, key: &Key, shortest: Option<&Shortest>) -> Set {
        self.note.clear();
        match key {
            Key::ArrowUp | Key::BackTab | Key::Char('k') => {
                self.go_to(self.cursor.saturating_sub(1))
            }
            Key::ArrowDown | Key::Tab | Key::Char('j') => self.go_to(self.cursor + 1),
            Key::ArrowRight | Key::Char('l') => self.change(shortest, true),
            Key::ArrowLeft | Key::Char('h') => self.change(shortest, false),
            Key::Char(digit @ '0'..='9') => self.digit(*digit),
            Key::Char('a') if FIELDS[self.cursor] == Field::Repetitions => self.put(ADAPTIVE),
            Key::Backspace => self.rub_out(),
            Key::Del => self.put(""),
            Key::Enter => {
                let is_wrong = |field: &Field| self.read(*field, shortest).is_err();
                match FIELDS.iter().position(is_wrong) {
                    None => return Set::On,
                    Some(wrong) => {
                        self.go_to(wrong);
                        "Not yet: one figure is wrong.".clone_into(&mut self.note);
                    }
                }
            }
            Key::Escape => return Set::Back,
            Key::Char('q') | Key::CtrlC => return Set::Leave,
            Key::Char(_) => "Only digits can be typed here.".clone_into(&mut self.note),
            _ => {}
        }
        Set::Here
    }

    fn go_to(&mut self, field: usize) {
        self.cursor = field.min(FIELDS.len() - 1);
        self.is_fresh = true;
    }

    fn put(&mut self, text: &str) {
        text.clone_into(&mut self.texts[self.cursor]);
        self.is_fresh = false;
    }

    fn digit(&mut self, digit: char) {
        let text = &mut self.texts[self.cursor];
        if self.is_fresh || text == ADAPTIVE {
            text.clear();
        }
        if text.len() < DIGITS {
            text.push(digit);
        }
        self.is_fresh = false;
    }

    fn rub_out(&mut self) {
        let text = &mut self.texts[self.cursor];
        if text == ADAPTIVE {
            text.clear();
        }
        text.pop();
        self.is_fresh = false;
    }

    /// To the next stop above or below.
    fn change(&mut self, shortest: Option<&Shortest>, up: bool) {
        let field = FIELDS[self.cursor];
        let stops = self.stops(field, shortest);
        let (first, last) = (stops[0], stops[stops.len() - 1]);
        let text = &self.texts[self.cursor];
        let to = match text.parse::<u32>() {
            Ok(number) if up => stops.iter().find(|&&stop| stop > number).or(Some(&last)),
            Ok(number) => match stops.iter().rev().find(|&&stop| stop < number) {
                None if field == Field::Repetitions => None,
                lower => lower.or(Some(&first)),
            },
            // Adaptive stands below 1.
            Err(_) if text == ADAPTIVE && !up => None,
            Err(_) => Some(&first),
        };
        let text = to.map_or(ADAPTIVE.to_owned(), u32::to_string);
        self.put(&text);
        self.is_fresh = true;
    }

    pub(super) fn screen(
        &self,
        width: usize,
        height: usize,
        title: String,
        shortest: Option<&Shortest>,
    ) -> Vec<String> {
        let fields = |shown| self.fields(width, shortest, shown);
        let full = fields(Shown::All);
        let mut head = vec![title, String::new()];
        let mut tail = vec![String::new()];
        let letters = match FIELDS[self.cursor] {
            Field::Repetitions => ", a means adaptive",
            Field::Context | Field::Generate => "",
        };
        let help = format!(
            "Digits type, Left and Right change{letters}, Up and Down move, Enter goes on, \
             Esc goes back, q leaves"
        );
        let help = wrap(&help, width, 0);
        if head.len() + 1 + full.len() + tail.len() + 1 + help.len() <= height {
            head.extend(wrap("The same for every model:", width, 0));
            head.extend(full);
            tail.extend(wrap(&self.note, width, 0));
        } else {
            let short = fields(Shown::HintHere);
            let n_help = help.len().min(height / 3);
            let fits = head.len() + short.len() + tail.len() + n_help <= height;
            head.extend(if fits { short } else { fields(Shown::Here) });
        }
        tail.extend(at_most(help, height / 3, width));
        fit(height, head, Vec::new(), tail)
    }

    /// The lines of the fields.
    fn fields(&self, width: usize, shortest: Option<&Shortest>, shown: Shown) -> Vec<String> {
        let mut lines = Vec::new();
        for (index, field) in FIELDS.into_iter().enumerate() {
            let is_here = index == self.cursor;
            if shown == Shown::Here && !is_here {
                continue;
            }
            let label = format!("{} {}", if is_here { ">" } else { " " }, field.name());
            let text = &self.texts[index];
            let value = match width < LABEL + VALUE + 3 {
                true => format!("{label}: {text}"),
                false => format!("{} [{text:>VALUE$}]", pad(&label, LABEL)),
            };
            let hint = match self.read(field, shortest) {
                Ok(_) => self.hint(field, shortest),
                Err(reason) => format!("wrong: {reason}"),
            };
            let line = format!("{value}  {hint}");
            if shown == Shown::HintHere && !is_here {
                lines.push(cut(&value, width));
            } else if console::measure_text_width(&line) <= width {
                lines.push(line);
            } else {
                lines.push(cut(&value, width));
                lines.extend(wrap(&format!("    {hint}"), width, 4));
            }
        }
        lines
    }
}

/// How much of the fields there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    All,
    /// A hint for the field at the cursor only.
    HintHere,
    /// The field at the cursor only.
    Here,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Field::Context => "Context",
            Field::Generate => "Generation",
            Field::Repetitions => "Repetitions",
        }
    }
}

impl Figures {
    /// The figures in words, a line each.
    pub(super) fn lines(&self) -> [String; 3] {
        let line =
            |field: Field, text: String| format!("  {} {text}", pad(field.name(), LABEL - 2));
        [
            line(Field::Context, format!("{} of prompt", tokens(self.context))),
            line(Field::Generate, tokens(self.generate)),
            line(
                Field::Repetitions,
                match self.repetitions {
                    None => "adaptive: until every verdict is there".to_owned(),
                    Some(n) => n.to_string(),
                },
            ),
        ]
    }
}

/// `8,192 tokens`.
fn tokens(n: u32) -> String {
    format!("{} tokens", thousands(&n.to_string()))
}
