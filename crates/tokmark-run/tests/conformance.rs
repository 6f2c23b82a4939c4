//! The suite of every engine, on the two that need no model.

use tokmark_model::{EngineParams, ProcessParams};
use tokmark_run::{FakeClock, FakeEngine, LoadRequest, NullEngine, Script, conformance};

fn request() -> LoadRequest {
    LoadRequest {
        path: "none".into(),
        params: EngineParams::default(),
        process: ProcessParams::default(),
    }
}

#[test]
fn the_null_engine_conforms() {
    conformance::check(&mut NullEngine, &request());
}

#[test]
fn the_fake_engine_conforms() {
    let mut engine = FakeEngine::new(FakeClock::default(), Script::default());
    conformance::check(&mut engine, &request());
}
