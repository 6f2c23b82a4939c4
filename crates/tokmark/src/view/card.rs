//! The result of `tokmark quick`.

use tokmark_lab::{Advice, Comfort};
use tokmark_model::{GradeLetter, Record};

use super::table::{load, memory, reasons, status_word, tokens};
use super::words::{counted, estimate, grade_of, half_width, number, short_id};

/// The card: figures, grade, one plain sentence, and where the records are.
pub(crate) fn quick(records: &[Record], advice: Option<&Advice>, place: &str) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        text += &format!("{name:<18}{value}\n");
    };
    for record in records {
        let what = match record.test.n_gen {
            0 => "prompt",
            _ => "generation",
        };
        let name = format!("{what} {}", record.label());
        match &record.summary {
            Some(summary) => line(
                &name,
                format!(
                    "{} tok/s{}, {}, grade {}",
                    estimate(&summary.rate),
                    half_width(summary),
                    counted(summary.n, "repetition"),
                    grade_of(record)
                ),
            ),
            None => line(&name, status_word(record.status).to_owned()),
        }
    }
    if let Some(generation) = records.iter().find(|record| record.test.n_gen > 0) {
        line("per token", format!("{} (p50 / p99)", tokens(generation)));
        if let Some(record) = records.first() {
            line("load", load(record));
        }
        line("peak memory", memory(generation));
        let efficiency =
            generation.summary.as_ref().and_then(|summary| summary.efficiency_tps_per_gb);
        if let Some(efficiency) = efficiency {
            line("efficiency", format!("{} tok/s/GB", number(efficiency)));
        }
        if let Some(share) = generation.memory.gpu_share_percent {
            line(
                "on the GPU",
                format!("{share:.0} % of the weights ({})", generation.engine.backends),
            );
        }
    }
    text += &reasons(records);
    if let Some(advice) = advice {
        text += &format!("\n{}\n", sentence(advice, doubt(records).as_deref()));
    }
    let ids: Vec<String> = records.iter().map(|record| short_id(record.id)).collect();
    if !ids.is_empty() {
        text += &format!("kept as {} in {place}\n", ids.join(" and "));
    }
    text
}

/// Why the rates are in doubt, if so: the worst reason of the worst grade.
fn doubt(records: &[Record]) -> Option<String> {
    let grades = records.iter().filter_map(|record| record.grade.as_ref());
    let worst = grades.max_by_key(|grade| grade.letter)?;
    let reason = worst.reasons.first().filter(|_| worst.letter >= GradeLetter::D)?;
    let how = if worst.letter == GradeLetter::D { "uncertain" } else { "not to be trusted" };
    Some(format!("{how}, because {}", reason.text))
}

/// One plain sentence: `Comfortable for chat and coding, usable for documents; ...`. Figures
/// that are in doubt decide nothing but what was seen.
fn sentence(advice: &Advice, doubt: Option<&str>) -> String {
    let uses = [(advice.chat, "chat"), (advice.documents, "documents"), (advice.coding, "coding")];
    let mut parts = Vec::new();
    for comfort in [Comfort::Comfortable, Comfort::Usable, Comfort::Slow] {
        let names: Vec<&str> =
            uses.iter().filter(|(found, _)| *found == comfort).map(|(_, name)| *name).collect();
        if !names.is_empty() {
            parts.push(format!("{} for {}", comfort.as_str(), enumerate(&names)));
        }
    }
    let mut text = parts.join(", ");
    if let Some(doubt) = doubt {
        text = format!("{doubt}; as measured {text}");
    }
    if let Some(first) = text.get(..1).map(str::to_uppercase) {
        text.replace_range(..1, &first);
    }
    match advice.largest_context {
        Some(0) => text += "; not even a short context fits into the free memory",
        Some(n) => text += &format!("; a context of up to {n} tokens fits"),
        None => {}
    }
    text + "."
}

fn enumerate(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::records;
    use super::*;

    #[test]
    fn the_card_of_two_real_records() {
        let advice = Advice {
            chat: Comfort::Comfortable,
            documents: Comfort::Usable,
            coding: Comfort::Comfortable,
            largest_context: Some(8192),
        };
        insta::assert_snapshot!(quick(&records(), Some(&advice), "tokmark.db"));
    }

    #[test]
    fn the_sentence_names_each_use_once() {
        let advice = Advice {
            chat: Comfort::Comfortable,
            documents: Comfort::Usable,
            coding: Comfort::Comfortable,
            largest_context: Some(8192),
        };
        assert_eq!(
            sentence(&advice, None),
            "Comfortable for chat and coding, usable for documents; a context of up to 8192 \
             tokens fits."
        );
    }

    #[test]
    fn a_worthless_figure_says_so_in_the_sentence() {
        let (chat, documents, coding) = (Comfort::Slow, Comfort::Slow, Comfort::Slow);
        let advice = Advice { chat, documents, coding, largest_context: None };
        let text = sentence(
            &advice,
            Some("not to be trusted, because other processes used 1.4 of 2 cores"),
        );
        assert_eq!(
            text,
            "Not to be trusted, because other processes used 1.4 of 2 cores; as measured slow for \
             chat, documents and coding."
        );
    }
}
