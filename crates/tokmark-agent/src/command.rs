//! A job as a command line of this program.

use std::path::{Path, PathBuf};

use tokmark_model::JobSpec;

use crate::AgentError;

/// The arguments that do what `spec` asks for. `models[i]` is where the `i`-th of
/// [`JobSpec::models`] lies.
///
/// ```
/// use tokmark_model::JobSpec;
/// let quick = JobSpec::Quick { model: "SmolLM2".to_owned() };
/// let command = tokmark_agent::command_line(&quick, &["models/smollm2.gguf".into()]).unwrap();
/// assert_eq!(command, ["quick", "models/smollm2.gguf"]);
/// ```
///
/// # Errors
/// [`AgentError::Unsound`] when a field is out of its range, paths are missing, or a path cannot
/// be said on a command line.
pub fn command_line(spec: &JobSpec, models: &[PathBuf]) -> Result<Vec<String>, AgentError> {
    spec.check()
        .map_err(|unsound| AgentError::Unsound { field: unsound.field, reason: unsound.reason })?;
    if models.len() != spec.models().len() {
        return Err(unsound("has another number of models than there are files"));
    }
    let paths = models.iter().map(|path| word(path)).collect::<Result<Vec<_>, _>>()?;
    let mut command = Vec::new();
    let mut say = |words: &[&str]| command.extend(words.iter().map(|&word| word.to_owned()));
    match spec {
        JobSpec::Quick { .. } => {
            say(&["quick"]);
            say(&words(&paths));
        }
        JobSpec::Suite {
            model: _,
            n_prompt,
            n_gen,
            n_batch,
            n_parallel,
            n_gpu_layers,
            repetitions,
        } => {
            if paths.iter().any(|path| path.contains(',')) {
                return Err(unsound("lies in a file with a comma in its path, which ends a name"));
            }
            say(&["bench", "-m"]);
            say(&words(&paths));
            // Without these two the usual tests would be run beside those that were asked for.
            say(&["-p", &list(n_prompt, "0"), "-n", &list(n_gen, "0")]);
            for (flag, text) in [
                ("-b", list(n_batch, "")),
                ("--parallel", list(n_parallel, "")),
                ("-ngl", list(n_gpu_layers, "")),
                ("-r", list(repetitions.as_slice(), "")),
            ] {
                if !text.is_empty() {
                    say(&[flag, &text]);
                }
            }
        }
        JobSpec::Compare { models: _, n_prompt, n_gen, repetitions } => {
            say(&["compare"]);
            say(&words(&paths));
            say(&["--context", &n_prompt.to_string(), "--generate", &n_gen.to_string()]);
            if let Some(n) = repetitions {
                say(&["--repetitions", &n.to_string()]);
            }
        }
    }
    Ok(command)
}

/// A path as one argument that is no flag.
fn word(path: &Path) -> Result<String, AgentError> {
    let text = path.to_str().ok_or_else(|| unsound("lies in a file whose path is no Unicode"))?;
    Ok(if text.starts_with('-') { format!("./{text}") } else { text.to_owned() })
}

fn words(paths: &[String]) -> Vec<&str> {
    paths.iter().map(String::as_str).collect()
}

/// Numbers with commas between them; `none` where there are none.
fn list<T: ToString>(numbers: &[T], none: &str) -> String {
    if numbers.is_empty() {
        return none.to_owned();
    }
    numbers.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

fn unsound(reason: &str) -> AgentError {
    AgentError::Unsound { field: "models", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite() -> JobSpec {
        JobSpec::Suite {
            model: "A".to_owned(),
            n_prompt: vec![512, 1024],
            n_gen: Vec::new(),
            n_batch: vec![2048],
            n_parallel: vec![1, 4],
            n_gpu_layers: vec![-1, 0],
            repetitions: Some(5),
        }
    }

    fn line(spec: &JobSpec, paths: &[&str]) -> Result<String, String> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let command = command_line(spec, &paths).map_err(|error| error.to_string())?;
        Ok(command.join(" "))
    }

    #[test]
    fn each_kind_of_job_has_its_command() {
        let quick = JobSpec::Quick { model: "A".to_owned() };
        assert_eq!(line(&quick, &["a.gguf"]).unwrap(), "quick a.gguf");
        assert_eq!(
            line(&suite(), &["a.gguf"]).unwrap(),
            "bench -m a.gguf -p 512,1024 -n 0 -b 2048 --parallel 1,4 -ngl -1,0 -r 5"
        );
        let models = vec!["A".to_owned(), "B".to_owned()];
        let compare = JobSpec::Compare { models, n_prompt: 256, n_gen: 32, repetitions: Some(3) };
        assert_eq!(
            line(&compare, &["a.gguf", "b.gguf"]).unwrap(),
            "compare a.gguf b.gguf --context 256 --generate 32 --repetitions 3"
        );
    }

    #[test]
    fn nothing_is_said_of_what_was_left_open() {
        let spec = JobSpec::Suite {
            model: "A".to_owned(),
            n_prompt: Vec::new(),
            n_gen: vec![128],
            n_batch: Vec::new(),
            n_parallel: Vec::new(),
            n_gpu_layers: Vec::new(),
            repetitions: None,
        };
        assert_eq!(line(&spec, &["a.gguf"]).unwrap(), "bench -m a.gguf -p 0 -n 128");
    }

    #[test]
    fn a_path_is_never_taken_for_a_flag_or_a_list() {
        let quick = JobSpec::Quick { model: "A".to_owned() };
        assert_eq!(line(&quick, &["--db"]).unwrap(), "quick ./--db");
        assert!(line(&suite(), &["a,b.gguf"]).unwrap_err().contains("comma"));
    }

    #[test]
    fn an_unsound_job_has_no_command() {
        let models = vec!["A".to_owned(), "A".to_owned()];
        let twins = JobSpec::Compare { models, n_prompt: 256, n_gen: 32, repetitions: None };
        assert!(line(&twins, &["a.gguf", "a.gguf"]).unwrap_err().contains("each model once"));
        assert!(line(&suite(), &[]).unwrap_err().contains("number of models"));
    }
}
