//! Why no requests can be made.

/// Why a shape or a trace cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WorkloadError {
    /// There is no built-in shape of this name.
    #[error("no built-in shape is called {name:?}; there are {known}")]
    UnknownShape {
        /// What was asked for.
        name: String,
        /// Every name there is, joined by commas.
        known: String,
    },
    /// The text is no YAML, or a field is missing, unknown or of another type.
    #[error("shape {shape}: {message}")]
    Yaml {
        /// Name of the shape, or of its file.
        shape: String,
        /// What the reader said, with line and column.
        message: String,
    },
    /// A field has a value that makes no sense.
    #[error("shape {shape}: {field}: {problem}")]
    Field {
        /// Name of the shape.
        shape: String,
        /// Name of the field as in the file: `output_tokens.min`.
        field: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
    /// A line of a trace cannot be read.
    #[error("trace line {line}: {problem}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The trace has no request.
    #[error("the trace has no request: {reason}")]
    EmptyTrace {
        /// Why, one clause.
        reason: String,
    },
    /// The text is in none of the known formats.
    #[error(
        "unknown trace format: {found}; known are lines of JSON with prompt, messages or \
         prompt_tokens, Mooncake's with input_length, and ShareGPT's with conversations"
    )]
    UnknownFormat {
        /// What stands there instead.
        found: String,
    },
    /// The cache mode makes no sense for what is sent.
    #[error("cache mode: {problem}")]
    Cache {
        /// What is wrong, and what to use instead.
        problem: String,
    },
}
