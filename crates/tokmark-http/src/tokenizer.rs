//! The server's own tokenizer.

use std::fmt;

use tokmark_model::Api;
use tokmark_wire::TokenizerRoute;

use crate::connection::Connection;
use crate::endpoint::{PROBE_TIMEOUT, runtime};
use crate::fetch::fetch_on_kept;
use crate::uncounted::has_template;
use crate::{Endpoint, HttpError, Uncounted};

/// Asks an endpoint's tokenizer, one text at a time, on a connection that it keeps. To be used
/// while nothing is measured.
pub struct ServerTokenizer {
    connection: Option<Connection>,
    runtime: tokio::runtime::Runtime,
    endpoint: Endpoint,
    route: TokenizerRoute,
    is_gone: bool,
}

impl fmt::Debug for ServerTokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTokenizer").field("route", &self.route).finish_non_exhaustive()
    }
}

impl ServerTokenizer {
    /// `None` where the server has no tokenizer endpoint.
    ///
    /// # Errors
    /// When no runtime can be started.
    pub fn new(endpoint: &Endpoint) -> Result<Option<Self>, HttpError> {
        let Some(route) = endpoint.abilities().tokenizer else { return Ok(None) };
        let (runtime, endpoint) = (runtime()?, endpoint.clone());
        Ok(Some(ServerTokenizer { connection: None, runtime, endpoint, route, is_gone: false }))
    }

    /// Tokens of `text` alone, special tokens left out; `None` where the server does not say.
    pub fn count_text(&mut self, text: &str) -> Option<u32> {
        self.ask(&self.route.text_body(&self.endpoint.facts().model, text))
    }

    /// Tokens of a prompt sent through `api`: with the model's chat template where the endpoint
    /// knows templates (vLLM), elsewhere those of its text.
    pub fn count_prompt(&mut self, prompt: &Uncounted<'_>, api: Api) -> Option<u32> {
        let model = &self.endpoint.facts().model;
        let body = self.route.messages_body(model, &prompt.prompt, &prompt.tools);
        match body.filter(|_| has_template(api)) {
            Some(body) => self.ask(&body),
            None => self.count_text(&prompt.prompt_text(api)),
        }
    }

    /// A server that once gave no answer at all is not asked again: thousands of texts would
    /// each wait for the time limit.
    fn ask(&mut self, body: &[u8]) -> Option<u32> {
        let target = self.endpoint.targets.first().filter(|_| !self.is_gone)?;
        let kept = &mut self.connection;
        let answer = fetch_on_kept(target, "POST", self.route.path(), body, PROBE_TIMEOUT, kept);
        let answer = self.runtime.block_on(answer);
        self.is_gone = answer.is_err();
        self.route.count(&answer.ok().filter(|answer| answer.head.status == 200)?.body).ok()
    }
}
