use std::fmt::Write;

use crate::spelling::{FLAGS, Flag, Group};

/// The text of `--help` in llama-bench's manner, from the table of spellings.
///
/// `program` is the name it was called by, `n_threads` the machine's default number of
/// threads. Flags and defaults are llama-bench's with one difference: its help states
/// 4096 for `--fit-ctx`, its code uses 0, and so does this text.
pub fn usage(program: &str, n_threads: u32) -> String {
    let mut text = format!("usage: {program} [options]\n");
    let groups = [
        ("options", Group::Options, 46),
        ("test parameters", Group::TestParameters, 52),
        ("beyond llama-bench", Group::Beyond, 52),
    ];
    for (title, group, column) in groups {
        text += &format!("\n{title}:\n");
        for flag in FLAGS.iter().filter(|flag| flag.group == group) {
            push_flag(&mut text, flag, column, n_threads);
        }
    }
    text += "
Most parameters take several values: separate them with ',' or give the flag again.
Whole numbers may be ranges: 'first-last', 'first-last+step' or 'first-last*factor'.
";
    text
}

fn push_flag(text: &mut String, flag: &Flag, column: usize, n_threads: u32) {
    let mut left = format!("  {}", flag.spellings.join(", "));
    if let Some(value) = flag.value {
        left += " ";
        left += value;
    }
    let default = match flag.default {
        Some("") => " (default: none)".to_owned(),
        Some(default) => format!(" (default: {default})"),
        None if flag.takes_value() => format!(" (default: {n_threads})"),
        None => String::new(),
    };
    let gap = if left.len() < column { column - left.len() } else { 1 };
    // Writing to a string can't fail.
    let _ = writeln!(text, "{left}{:gap$}{}{default}", "", flag.help);
}

#[cfg(test)]
mod tests;
