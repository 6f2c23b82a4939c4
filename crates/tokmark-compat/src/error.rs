use crate::spelling::Capability;

/// Why a command line in llama-bench's manner can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompatError {
    /// A value that the flag doesn't take.
    #[error("invalid value '{value}' for {flag}: expected {expected}")]
    InvalidValue {
        /// The flag, as its canonical long form.
        flag: String,
        /// The value, or the part of the list that is at fault.
        value: String,
        /// What would have been right.
        expected: String,
    },
    /// A range whose step never reaches its end.
    #[error(
        "range '{range}' of {flag} doesn't advance: give a step of at least 1 after '+', or a \
         factor of at least 2 after '*' with a first value of at least 1"
    )]
    RangeDoesNotAdvance {
        /// The flag.
        flag: String,
        /// The range.
        range: String,
    },
    /// A range that ends before it begins.
    #[error("range '{range}' of {flag} is empty: give the smaller value first")]
    EmptyRange {
        /// The flag.
        flag: String,
        /// The range.
        range: String,
    },
    /// A list that stands for more values than anybody can mean.
    #[error(
        "'{list}' of {flag} stands for {n} values, more than {limit}: give a larger step, \
         as in 'first-last+step' or 'first-last*factor'"
    )]
    TooManyValues {
        /// The flag.
        flag: String,
        /// The list as it was typed.
        list: String,
        /// How many values it stands for.
        n: u64,
        /// The most that are allowed.
        limit: u64,
    },
    /// A flag that isn't one of the matrix's parameters.
    #[error("{flag} takes no list of test parameters: {} does, for example", "--n-prompt")]
    NotAParameter {
        /// The flag.
        flag: String,
    },
    /// The flag needs something that this engine lacks.
    #[error("{flag} needs {capability}, which this engine lacks: leave {flag} out, or {}", capability.remedy())]
    Unsupported {
        /// The flag.
        flag: String,
        /// What it needs.
        capability: Capability,
    },
    /// A count of 0 where at least one is needed.
    #[error("{flag} is 0 in {test}: give at least 1")]
    Zero {
        /// The flag.
        flag: String,
        /// Label of the test at fault.
        test: String,
    },
    /// A test that neither processes a prompt nor generates.
    #[error(
        "nothing to measure: --n-prompt and --n-gen are both 0; give one of them a number of tokens"
    )]
    NothingToDo,
    /// A test that needs more context than an engine can address.
    #[error(
        "{test} needs a context of {n_ctx} tokens, more than {limit}: lower --n-prompt, --n-gen, \
         --n-depth or --n-parallel"
    )]
    ContextTooLong {
        /// Label of the test.
        test: String,
        /// Tokens it needs, all sequences together.
        n_ctx: u64,
        /// The most that llama.cpp can address.
        limit: u64,
    },
}
