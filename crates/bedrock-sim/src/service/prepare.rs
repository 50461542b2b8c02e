//! From the bytes of a request to what is answered: each operation checks its own body and computes its own answer.

use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::Call;
use crate::answer::{self, Answer};
use crate::catalogue::{self, Purpose};
use crate::exception::Exception;
use crate::ledger::{OpenInvocation, lock};
use crate::route::Operation;
use crate::script::Script;
use crate::tokens::Usage;
use crate::validate::{self, Subject};
use crate::{count_tokens, invoke, plan, shape};

/// Everything that a response needs.
pub(super) struct Prepared {
    pub(super) script: Script,
    pub(super) reply: Reply,
}

/// What is answered.
pub(super) enum Reply {
    /// A JSON body at once.
    Whole { body: Value, usage: Usage, stop_reason: Option<String> },
    /// An event stream.
    Stream { answer: Answer, request: Value },
}

impl Call<'_> {
    /// Checks the request and computes its answer.
    pub(super) fn prepare(
        &self,
        bytes: &Bytes,
        invocation: &mut OpenInvocation,
    ) -> Result<Prepared, Exception> {
        let state = &self.site.state;
        let body: Value = serde_json::from_slice(bytes).map_err(|_| not_json())?;
        if let Some(shape) = self.route.operation.shape() {
            shape::check(&state.model, shape, &body)?;
        }
        match self.route.operation {
            Operation::Converse | Operation::ConverseStream => self.prepare_conversation(body, invocation),
            Operation::InvokeModel => self.prepare_invocation(&body, invocation),
            Operation::CountTokens => self.prepare_count(&body),
        }
    }

    fn prepare_conversation(
        &self,
        body: Value,
        invocation: &mut OpenInvocation,
    ) -> Result<Prepared, Exception> {
        let state = &self.site.state;
        invocation.note(|record| {
            record.request_metadata = body.get("requestMetadata").cloned();
            record.service_tier =
                body.pointer("/serviceTier/type").and_then(Value::as_str).map(ToOwned::to_owned);
        });
        let region = &self.site.region;
        let model = self.model()?;
        if model.purpose != Purpose::Chat {
            return Err(Exception::validation("This action doesn't support the model that you provided."));
        }
        validate::check(&Subject { body: &body, model })?;
        let script = self.scripted(Script::find(&body)?)?;
        let input = lock(&state.cache).account(&format!("{region} {}", model.id), &body, Instant::now());
        if input.total_tokens() > model.context_tokens {
            return Err(Exception::validation("Input is too long for requested model."));
        }
        let answer = answer::answer(&body, model, script.as_ref(), input);
        invocation.note(|record| {
            record.model = Some(model.id.to_owned());
            record.usage = answer.usage;
            record.usage.output_tokens = 0;
        });
        let script = script.unwrap_or_default();
        let reply = if self.route.operation == Operation::ConverseStream {
            Reply::Stream { answer, request: body }
        } else {
            Reply::Whole {
                body: answer::converse_body(&answer, &body, script.fault.empty_output),
                usage: answer.usage,
                stop_reason: Some(answer.stop_reason),
            }
        };
        Ok(Prepared { script, reply })
    }

    fn prepare_invocation(
        &self,
        body: &Value,
        invocation: &mut OpenInvocation,
    ) -> Result<Prepared, Exception> {
        let model = self.model()?;
        let request = invoke::Request::read(model, body)?;
        let script = self.scripted(Script::find_in(request.text())?)?.unwrap_or_default();
        let invoke::Answer { mut body, usage } = request.answer(&script)?;
        let usage = answer::scripted_usage(usage, &script);
        invocation.note(|record| record.model = Some(model.id.to_owned()));
        if script.fault.empty_output {
            body = Value::Object(serde_json::Map::new());
        }
        Ok(Prepared { script, reply: Reply::Whole { body, usage, stop_reason: None } })
    }

    /// Counting is free: no model is billed.
    fn prepare_count(&self, body: &Value) -> Result<Prepared, Exception> {
        let found = count_tokens::conversation(body).map(Script::find).transpose()?.flatten();
        let script = self.scripted(found)?;
        let body = count_tokens::answer(&self.route.model_id, body, script.as_ref())?;
        let reply = Reply::Whole { body, usage: Usage::default(), stop_reason: None };
        Ok(Prepared { script: script.unwrap_or_default(), reply })
    }

    fn model(&self) -> Result<&'static catalogue::Model, Exception> {
        let profiles = &self.site.state.config.application_profiles;
        catalogue::resolve(&self.route.model_id, &self.site.region, profiles)
    }

    /// The script as it applies this time, unless it is a refusal.
    fn scripted(&self, found: Option<Script>) -> Result<Option<Script>, Exception> {
        let state = &self.site.state;
        let script = found.map(|script| script.counted(&mut lock(&state.key_counts)));
        match script.as_ref().and_then(|script| script.fault.error.as_ref()) {
            Some(error)
                if error.after_events.is_none() || self.route.operation != Operation::ConverseStream =>
            {
                Err(plan::scripted(error, &state.model))
            }
            _ => Ok(script),
        }
    }
}

fn not_json() -> Exception {
    Exception::front_end(
        "SerializationException",
        StatusCode::BAD_REQUEST,
        "The request body is not valid JSON.",
    )
}
