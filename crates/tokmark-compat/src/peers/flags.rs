//! The words in [`tokmark_model::Record::flags`] that say how figures of another tool differ
//! from our own definitions, or what its file leaves open.

/// The first event with a choice counts as the first token, even one without text.
pub(super) const TTFT_COUNTS_EMPTY_OPENING_EVENT: &str = "ttft_counts_empty_opening_event";
/// The event that only carries the reason to end counts as a gap of the text.
pub(super) const ITL_COUNTS_EMPTY_FINISH_EVENT: &str = "itl_counts_empty_finish_event";
/// Some versions let a request end with the event of its token counts, however late that is; the
/// file doesn't tell which version it is. Concerns the end-to-end time and that per token.
pub(super) const E2E_MAY_END_WITH_USAGE: &str = "e2e_may_end_with_usage_event";
/// Reasoning isn't text for the tool: the first token is the first of the answer.
pub(super) const TTFT_IGNORES_REASONING: &str = "ttft_ignores_reasoning";
/// Requests waited inside the client for a free connection, within their measured times.
pub(super) const TTFT_INCLUDES_CLIENT_QUEUE: &str = "ttft_includes_client_queue";
/// `n` of the distribution of gaps is 0: the file doesn't tell it.
pub(super) const ITL_COUNT_UNKNOWN: &str = "itl_count_unknown";
/// Each request counts in the time per output token as often as it has tokens.
pub(super) const TPOT_WEIGHTED_BY_TOKENS: &str = "tpot_weighted_by_tokens";
/// Standard deviations divide by n, not by n - 1.
pub(super) const STDDEV_OF_POPULATION: &str = "stddev_of_population";
/// Quantiles are measured values, not interpolated between two.
pub(super) const QUANTILES_NOT_INTERPOLATED: &str = "quantiles_not_interpolated";
/// The file tells no smallest and largest value; the outermost of its figures stand there.
pub(super) const MIN_MAX_UNKNOWN: &str = "min_max_are_outermost_figures";
/// The load isn't in the file: it is the most requests that were under way at once.
pub(super) const LOAD_INFERRED: &str = "load_inferred_from_requests";
/// The file doesn't say how the server was asked, or in a way that has no name here.
pub(super) const API_UNKNOWN: &str = "api_unknown";
/// The file doesn't name the model.
pub(super) const MODEL_UNKNOWN: &str = "model_unknown";
/// A time of the file has no zone and was taken for UTC.
pub(super) const TIME_ZONE_ASSUMED_UTC: &str = "time_zone_assumed_utc";
/// The file has no time; the record's is the one that the caller gave.
pub(super) const TIME_UNKNOWN: &str = "time_unknown";
/// The rate rose or fell during the run; the record has its last.
pub(super) const RATE_RAMPED: &str = "rate_ramped";
/// A limit on requests under way held back the asked rate.
pub(super) const CONCURRENCY_LIMITED: &str = "concurrency_limited";
/// Without a limit: all requests were sent at the start.
pub(super) const ALL_REQUESTS_AT_ONCE: &str = "all_requests_at_once";
/// Requests are in the file, but not when each was sent: they can't be laid on a time line.
pub(super) const START_TIMES_UNKNOWN: &str = "start_times_unknown";
/// The file keeps only some of the requests, too few to compute anything from.
pub(super) const REQUESTS_LEFT_OUT: &str = "requests_left_out";
/// Some errors are none of the known kinds and stand as broken streams.
pub(super) const ERRORS_OF_UNKNOWN_KIND: &str = "errors_of_unknown_kind";
