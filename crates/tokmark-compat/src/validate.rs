use tokmark_model::PlannedTest;

use crate::CompatError;

/// Most tokens that llama.cpp's signed positions can address.
const MAX_CTX: u64 = i32::MAX as u64;

/// Checks what can be known of a planned test without an engine.
///
/// More threads than cores, or a context beyond the trained one, is no error: such a test
/// is measured and flagged.
///
/// # Errors
///
/// A count of 0 where at least one is needed, a test that does nothing, or a context
/// beyond what llama.cpp can address.
pub fn validate(planned: &PlannedTest) -> Result<(), CompatError> {
    let test = &planned.test;
    if test.n_prompt == 0 && test.n_gen == 0 {
        return Err(CompatError::NothingToDo);
    }
    let counts = [
        ("--batch-size", planned.params.n_batch),
        ("--ubatch-size", planned.params.n_ubatch),
        ("--threads", planned.params.n_threads),
        ("--n-parallel", test.n_parallel),
    ];
    if let Some((flag, _)) = counts.iter().find(|(_, count)| *count == 0) {
        return Err(CompatError::Zero { flag: (*flag).to_owned(), test: test.label() });
    }
    let n_ctx = test.n_ctx().saturating_mul(u64::from(test.n_parallel));
    if n_ctx > MAX_CTX {
        return Err(CompatError::ContextTooLong { test: test.label(), n_ctx, limit: MAX_CTX });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokmark_model::{EngineParams, Test};

    fn planned(test: Test, change: impl FnOnce(&mut EngineParams)) -> PlannedTest {
        let mut params = EngineParams::default();
        change(&mut params);
        PlannedTest { model: 0, test, params }
    }

    #[test]
    fn a_default_test_is_valid() {
        assert_eq!(validate(&planned(Test::pp(512), |_| ())), Ok(()));
        assert_eq!(validate(&planned(Test::tg(1).at_depth(100_000), |_| ())), Ok(()));
    }

    #[test]
    fn zero_counts_are_named() {
        let cases: [(PlannedTest, &str); 4] = [
            (
                planned(Test::pp(8), |params| params.n_batch = 0),
                "--batch-size is 0 in pp8: give at least 1",
            ),
            (
                planned(Test::pp(8), |params| params.n_ubatch = 0),
                "--ubatch-size is 0 in pp8: give at least 1",
            ),
            (
                planned(Test::tg(8), |params| params.n_threads = 0),
                "--threads is 0 in tg8: give at least 1",
            ),
            (
                planned(Test { n_parallel: 0, ..Test::tg(8) }, |_| ()),
                "--n-parallel is 0 in tg8: give at least 1",
            ),
        ];
        for (planned, message) in cases {
            assert_eq!(validate(&planned).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_test_that_does_nothing_is_refused() {
        assert_eq!(validate(&planned(Test::pp(0), |_| ())), Err(CompatError::NothingToDo));
    }

    #[test]
    fn a_context_beyond_every_engine_is_refused() {
        let test = Test { n_prompt: u32::MAX, n_gen: u32::MAX, n_depth: u32::MAX, n_parallel: 9 };
        let error = validate(&planned(test, |_| ())).unwrap_err();
        assert!(matches!(error, CompatError::ContextTooLong { .. }), "{error}");
    }
}
