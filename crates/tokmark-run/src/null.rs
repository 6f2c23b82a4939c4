use tokmark_model::{EngineFacts, EngineParams, Test};

use crate::{
    Engine, EngineError, Event, LoadRequest, Loaded, LocalEngine, Sink, Token, Vocabulary, Work,
};

/// Does nothing, at once: what is measured with it is the cost of the harness.
#[derive(Debug, Default)]
pub struct NullEngine;

impl Engine for NullEngine {
    fn facts(&self) -> EngineFacts {
        EngineFacts {
            name: "null".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            backends: "none".to_owned(),
            ..EngineFacts::default()
        }
    }

    fn prepare(&mut self, _work: &Work) -> Result<(), EngineError> {
        Ok(())
    }

    fn run(&mut self, work: &Work, sink: &mut dyn Sink) -> Result<(), EngineError> {
        let Work::Tokens(tokens) = work;
        if tokens.test.n_prompt > 0 {
            sink.event(Event::PromptDone);
        }
        for _ in 0..work.n_steps() {
            sink.event(Event::Step);
        }
        sink.event(Event::End);
        Ok(())
    }
}

impl LocalEngine for NullEngine {
    fn load(&mut self, _request: &LoadRequest) -> Result<bool, EngineError> {
        Ok(true)
    }

    fn open_context(
        &mut self,
        _test: &Test,
        _params: &EngineParams,
    ) -> Result<Loaded, EngineError> {
        Ok(Loaded { description: "null".to_owned(), n_ctx_train: u32::MAX, ..Loaded::default() })
    }

    fn close_context(&mut self) {}

    fn vocabulary(&self) -> Vocabulary {
        Vocabulary { n_tokens: 32_000, bos: Some(1) }
    }

    fn tokenize(&self, text: &str) -> Result<Vec<Token>, EngineError> {
        Ok(text.bytes().map(Token::from).collect())
    }

    fn settle(&mut self) -> Result<(), EngineError> {
        Ok(())
    }
}
