//! Lists and ranges of values as llama-bench reads them.
//!
//! Every function takes the flag that the text belongs to, for its error. Separators are
//! commas throughout. Parts are read strictly: `16x` is no number here, while llama-bench
//! reads some flags by `std::stoi` and takes it for 16.

mod range;

use std::fmt::Display;
use std::str::FromStr;

use tokmark_model::{BufferOverride, FlashAttention};

use crate::CompatError;

pub use range::{MAX_VALUES, parse_int_range, parse_u32_range};

/// Most devices that llama.cpp splits a model over.
pub const MAX_DEVICES: usize = 16;

/// Most hexadecimal digits of a CPU mask: 512 CPUs.
const MAX_MASK_DIGITS: usize = 128;

/// Error for one value of a list.
pub(crate) fn invalid(flag: &str, value: &str, expected: impl Into<String>) -> CompatError {
    CompatError::InvalidValue {
        flag: flag.to_owned(),
        value: value.to_owned(),
        expected: expected.into(),
    }
}

/// Names separated by commas, such as model files: `a.gguf,b.gguf`.
///
/// # Errors
///
/// An empty name.
pub fn parse_names(flag: &str, text: &str) -> Result<Vec<String>, CompatError> {
    text.split(',')
        .map(|name| {
            if name.is_empty() {
                return Err(invalid(flag, text, "names separated by single commas"));
            }
            Ok(name.to_owned())
        })
        .collect()
}

/// Words of an enum such as [`tokmark_model::KvType`]: `f16,q8_0`.
///
/// # Errors
///
/// A word that the enum lacks; the message lists those that it has.
pub fn parse_words<T>(flag: &str, text: &str) -> Result<Vec<T>, CompatError>
where
    T: FromStr,
    T::Err: Display,
{
    text.split(',')
        .map(|word| {
            word.parse().map_err(|error: T::Err| {
                let error = error.to_string();
                let prefix = format!("'{word}' is not ");
                invalid(flag, word, error.strip_prefix(&prefix).unwrap_or(&error))
            })
        })
        .collect()
}

/// Switches, `0` or `1`: `0,1`. As in llama-bench, one comma may end the list, and an
/// empty text is an empty list.
///
/// # Errors
///
/// Anything else.
pub fn parse_bools(flag: &str, text: &str) -> Result<Vec<bool>, CompatError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.strip_suffix(',')
        .unwrap_or(text)
        .split(',')
        .map(|word| match word {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(invalid(flag, word, "0 or 1")),
        })
        .collect()
}

/// Flash attention: `on`, `off`, `auto`, and the words that llama.cpp takes for them.
///
/// # Errors
///
/// Any other word.
pub fn parse_flash_attention(flag: &str, text: &str) -> Result<Vec<FlashAttention>, CompatError> {
    text.split(',')
        .map(|word| match word {
            "on" | "enabled" | "true" | "1" => Ok(FlashAttention::On),
            "off" | "disabled" | "false" | "0" => Ok(FlashAttention::Off),
            "auto" | "-1" => Ok(FlashAttention::Auto),
            _ => Err(invalid(flag, word, "on, off or auto")),
        })
        .collect()
}

/// Whole numbers without ranges: `512,1024`.
///
/// # Errors
///
/// A part that isn't a whole number of the type.
pub fn parse_unsigned<T>(flag: &str, text: &str) -> Result<Vec<T>, CompatError>
where
    T: TryFrom<u64>,
{
    text.split(',')
        .map(|part| {
            part.parse::<u64>()
                .ok()
                .and_then(|number| T::try_from(number).ok())
                .ok_or_else(|| invalid(flag, part, "a whole number, 0 or more, without a range"))
        })
        .collect()
}

/// One pair of prompt and generation: `512,128`.
///
/// # Errors
///
/// Anything but two whole numbers.
pub fn parse_pair(flag: &str, text: &str) -> Result<(u32, u32), CompatError> {
    let number = |part: &str| part.parse::<u32>().ok().filter(|n| i32::try_from(*n).is_ok());
    text.split_once(',')
        .and_then(|(pp, tg)| Some((number(pp)?, number(tg)?)))
        .ok_or_else(|| invalid(flag, text, "two whole numbers as in 512,128"))
}

/// CPU masks in hexadecimal, with or without `0x`: `0xff,0xf0`.
///
/// # Errors
///
/// Other characters, or more than 512 CPUs. llama-bench finds the first out only when the
/// test runs, and ignores digits beyond.
pub fn parse_cpu_masks(flag: &str, text: &str) -> Result<Vec<String>, CompatError> {
    text.split(',')
        .map(|mask| {
            let digits = mask.strip_prefix("0x").unwrap_or(mask);
            let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            if hex && digits.len() <= MAX_MASK_DIGITS {
                Ok(mask.to_owned())
            } else {
                Err(invalid(flag, mask, "at most 128 hexadecimal digits as in 0xff"))
            }
        })
        .collect()
}

/// Devices, `/` within a combination: `CUDA0/CUDA1,none,auto`. A combination is empty for
/// `auto` and `["none"]` for no device, as in [`tokmark_model::EngineParams::devices`].
///
/// Whether a device exists, the engine knows.
///
/// # Errors
///
/// An empty name, or `none` or `auto` beside other names.
pub fn parse_devices(flag: &str, text: &str) -> Result<Vec<Vec<String>>, CompatError> {
    text.split(',').map(|combination| parse_device_combination(flag, combination)).collect()
}

fn parse_device_combination(flag: &str, text: &str) -> Result<Vec<String>, CompatError> {
    let text = text.trim();
    match text {
        "auto" => return Ok(Vec::new()),
        "none" => return Ok(vec!["none".to_owned()]),
        _ => {}
    }
    let names: Vec<_> = text.split('/').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(|name| name.is_empty() || name == "none" || name == "auto") {
        return Err(invalid(flag, text, "auto, none, or device names as in CUDA0/CUDA1"));
    }
    Ok(names)
}

/// Shares of the model per GPU, `/` or `;` within a combination: `3/1,1/1`. Separators in a
/// row count as one, and one may end a combination, as in llama-bench.
///
/// Zeros at the end are dropped: the engine fills up with zeros, and all zeros mean its
/// own choice.
///
/// # Errors
///
/// A share that isn't a number of 0 or more, or more shares than [`MAX_DEVICES`].
pub fn parse_tensor_splits(flag: &str, text: &str) -> Result<Vec<Vec<f32>>, CompatError> {
    text.split(',').map(|combination| parse_tensor_split(flag, combination)).collect()
}

fn parse_tensor_split(flag: &str, text: &str) -> Result<Vec<f32>, CompatError> {
    let mut parts: Vec<_> = text.split(['/', ';']).collect();
    // Only the first part may not be empty.
    let mut position = 0;
    parts.retain(|part| {
        position += 1;
        position == 1 || !part.is_empty()
    });
    let mut shares = parts
        .into_iter()
        .map(|part| part.parse::<f32>().ok().filter(|share| share.is_finite() && *share >= 0.0))
        .collect::<Option<Vec<_>>>()
        .filter(|shares| shares.len() <= MAX_DEVICES)
        .ok_or_else(|| {
            invalid(flag, text, format!("at most {MAX_DEVICES} shares of 0 or more as in 3/1"))
        })?;
    let used = shares.iter().rposition(|share| *share > 0.0).map_or(0, |last| last + 1);
    shares.truncate(used);
    Ok(shares)
}

/// Tensors placed by hand, `;` within a combination: `exps=CPU;attn=CUDA0,`. The part
/// after the last comma of this example is a combination without any.
///
/// Whether a buffer type exists, the engine knows.
///
/// # Errors
///
/// A part without `=`, or without a buffer type; an empty part between two others, after
/// which llama-bench would silently ignore the rest.
pub fn parse_tensor_overrides(
    flag: &str,
    text: &str,
) -> Result<Vec<Vec<BufferOverride>>, CompatError> {
    text.split(',').map(|combination| parse_override_combination(flag, combination)).collect()
}

fn parse_override_combination(flag: &str, text: &str) -> Result<Vec<BufferOverride>, CompatError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.strip_suffix(';')
        .unwrap_or(text)
        .split(';')
        .map(|part| match part.split_once('=') {
            Some((pattern, buffer_type)) if !buffer_type.is_empty() => Ok(BufferOverride {
                pattern: pattern.to_owned(),
                buffer_type: buffer_type.to_owned(),
            }),
            _ => Err(invalid(
                flag,
                if part.is_empty() { text } else { part },
                "pattern=buffer type as in 'exps=CPU'",
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests;
