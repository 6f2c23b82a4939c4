//! From samples to figures that say how far they can be believed.
//!
//! Three nouns: a *session* is the repetitions of one test in the order measured; its median
//! carries an interval that widens where repetitions depend on each other. A *look* is a
//! number of repetitions, or of pairs, at which the data may end the measuring; every look is
//! paid for. A *grade* is what the machine did meanwhile, as a letter with its reasons.
//!
//! The crate is pure: no file, clock, thread or random number (permutations come from a seed
//! that is an argument). It deliberately does not know what an engine is, nor where samples
//! come from or go to. Every formula and threshold stands in `docs/statistics.md`; a change of
//! any of them raises [`STATISTICS_VERSION`].
//!
//! ```
//! use tokmark_model::{MemoryUse, Nanos, Repetition, Repetitions, StopReason, Test};
//!
//! let samples: Vec<Repetition> = [1_000, 1_010, 990, 1_005, 995, 1_000, 1_002]
//!     .map(|ms| Repetition { duration_ns: Nanos(ms * 1_000_000), ..Repetition::default() })
//!     .into();
//! let ask = Repetitions::Fixed { n: 7 };
//! let memory = MemoryUse::default();
//! let summary =
//!     tokmark_stats::summarize(&Test::tg(128), &samples, &ask, StopReason::Fixed, &memory, &[])
//!         .unwrap();
//! assert_eq!(summary.rate.rate_tps.get(), 128.0);
//! assert_eq!(summary.half_width, Some(0.01));
//! ```

mod board_row;
mod change;
mod compare;
mod dependence;
mod difference;
mod experiment;
mod grade;
mod guard;
mod histogram;
mod history;
mod length;
mod normal;
mod order;
mod plausible;
mod probe;
mod random;
mod ranks;
mod recompute;
mod resources;
mod rounds;
mod serving;
mod session;
mod sessions;
mod stopping;
mod summary;
mod tokens;
mod trend;

pub use board_row::{board_row, family};
pub use change::{
    ChangeLevel, ChangeOptions, ChangePoint, Changes, DEFAULT_CHANGE_ALPHA, DEFAULT_MIN_SEGMENT,
    DEFAULT_SMALLEST_STEP, Dependence, Direction, MIN_PERMUTATIONS, RatioInterval, Regression,
    Windows, change_points, energy_statistic, regression,
};
pub use compare::{
    CompareOptions, DEFAULT_MAX_PAIRS, DEFAULT_SAME_WITHIN, PairGoal, PairRule, compare,
    decide_together, holm,
};
pub use dependence::{CORRELATION_ALPHA, MAX_LAG1, autocorrelation_lag1, correlation};
pub use difference::{
    Better, Comparability, Difference, Explanation, Figure, FigureValue, Group, Level, NoVerdict,
    Unit, Weight, comparability, differences, explain, figures,
};
pub use experiment::{
    FEWEST_FOR_POWER, POWER_TRIES, VisitTimes, is_decided, is_disturbed, is_experiment_look,
    judge_experiment, judge_so_far, overall, visit_flags, visit_time, visit_times,
};
pub use grade::{DEFAULT_HALF_WIDTH, GradeInput, grade};
pub use guard::{
    CGROUP_THROTTLED, CLOCK_FLAGGED, OTHER_CORES_TOUCHED, OTHER_CORES_WORTHLESS, PRESSURE_FLAGGED,
    PROBE_MOVED, STEAL_TOUCHED, STEAL_WORTHLESS, SWAPPED_IN_PAGES,
};
pub use histogram::Histogram;
pub use history::{Annotation, Failure, SeriesKey, SeriesPoint, Watched, watch};
pub use length::{
    Length, Pace, ROUNDS_IN_REPETITION, compared_rounds, length_from_history, rounds_within,
};
pub use order::{
    OUTLIER_MODIFIED_Z, mad, median, order_statistic_ranks, outliers, quantile, sign_test,
};
pub use probe::probe_ratio;
pub use ranks::{Rank, ranks};
pub use recompute::{SAME_FIGURE, Unsound, recomputed};
pub use resources::{VisitResources, judge_resources, visit_resources};
pub use rounds::{can_decide, can_decide_at, design_can_decide, n_comparisons, rounds_needed};
pub use serving::{
    ARRIVALS_MOVED, CACHE_HIT_FLAGGED, CACHE_HIT_TOUCHED, DEFAULT_ABORT_ERROR_SHARE,
    DEFAULT_SERVING_HALF_WIDTH, FEWEST_FOR_RATE, FIRST_ANSWERS, HISTOGRAM_ABOVE, IN_FLIGHT_HELD,
    ITL_PER_EVENT_FROM, LATE_FROM, LATE_RELATIVE, LENGTH_FLAGGED, LEVEL_QUANTILE, OFFERED_ELSE,
    OFFERED_TOUCHED, RUN_IN_QUANTILE, RequestFigures, Requests, RequestsWithEvents,
    SERVER_RATE_FLAGGED, SERVING_QUANTILES, ServingGradeInput, ServingInput, ServingPrecision,
    WINDOW_PIECES, add_early_end, fewest_to_meet, grade_serving, is_level_met, itl_is_per_event,
    next_serving_look, quantile_ranks, request_figures, server_step_ns, serving_levels,
    serving_precision, summarize_again, summarize_serving, upper_bound_rank,
};
pub use session::{LEVEL, PRESUMED_LAG1, PRESUMED_WEIGHT, median_with_interval};
pub use sessions::{Ends, SessionRatio, compare_sessions, difference};
pub use stopping::{StoppingRule, is_look, next_look};
pub use summary::summarize;
pub use tokens::{STALL_FACTOR, token_times};
pub use trend::{DRIFT_ALPHA, DRIFT_RELATIVE, MIN_FOR_DEPENDENCE, mann_kendall, theil_sen};

/// Version of these statistics, kept with every summary.
pub const STATISTICS_VERSION: u32 = 9;
