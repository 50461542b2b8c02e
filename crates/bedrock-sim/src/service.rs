//! One request in a straight line: read, capture, authenticate, check, answer, send.

mod prepare;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::Value;

use crate::answer::Answer;
use crate::connection::{Broken, ResetSwitch};
use crate::exception::Exception;
use crate::faults::{Outcome, Verdict};
use crate::ledger::{CapturedRequest, OpenInvocation};
use crate::plan::{self, Step};
use crate::request_body::{self, UnreadBody};
use crate::route::{Operation, Route};
use crate::script::{Script, ScriptedFault};
use crate::state::Site;
use crate::stream::{self, Body};
use crate::tokens::Usage;
use crate::{auth, control, frame, secrets_manager, sts};
use prepare::{Prepared, Reply};

/// Serves a request.
///
/// # Errors
/// `Broken` when the connection is to be closed without, or within, a response.
pub(crate) async fn serve(
    site: Arc<Site>,
    request: Request<Incoming>,
    switch: ResetSwitch,
) -> Result<Response<Body>, Broken> {
    let state = Arc::clone(&site.state);
    let mut response = dispatch(site, request, switch).await?;
    let date = state.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(http::header::DATE, date);
    }
    Ok(response)
}

async fn dispatch(
    site: Arc<Site>,
    request: Request<Incoming>,
    switch: ResetSwitch,
) -> Result<Response<Body>, Broken> {
    let (parts, body) = request.into_parts();
    let limit = site.state.config.limits.body_bytes;
    if let Some(path) = parts.uri.path().strip_prefix("/_sim/") {
        let bytes = request_body::read(body, limit).await.map_err(|_| Broken)?;
        return Ok(control::respond(&site, &parts, path, &bytes));
    }
    let request_id = uuid::Uuid::new_v4().to_string();
    let route = Route::parse(&parts.method, parts.uri.path());
    let verdict =
        route.as_ref().map(|route| site.state.judge(&site.region, &route.model_id)).unwrap_or_default();
    if verdict.outcome == Some(Outcome::Down) {
        switch.arm();
        return Err(Broken);
    }
    let bytes = match request_body::read(body, limit).await {
        Ok(bytes) => bytes,
        Err(UnreadBody::TooLarge) => return Ok(refuse(&too_large(), &request_id)),
        Err(UnreadBody::ClientWentAway) => return Err(Broken),
    };
    capture(&site, &parts, &bytes, &request_id);
    if secrets_manager::is_call(&parts) {
        return Ok(secrets_manager::respond(&site, &parts, &bytes, &request_id));
    }
    if sts::is_call(&parts) {
        return Ok(sts::respond(&site, &parts, &bytes, &request_id));
    }
    let Some(route) = route else { return Ok(refuse(&unknown_operation(), &request_id)) };
    let name = route.operation.name();
    let ledger = Arc::clone(&site.state.ledger);
    let invocation = OpenInvocation::new(ledger, &request_id, &site.region, &route.model_id, name);
    let call = Call { site: &site, route: &route, request_id: &request_id, switch };
    call.run(&parts, &bytes, verdict, invocation).await
}

/// One invocation on its way.
struct Call<'a> {
    site: &'a Site,
    route: &'a Route,
    request_id: &'a str,
    switch: ResetSwitch,
}

impl Call<'_> {
    async fn run(
        self,
        parts: &Parts,
        bytes: &Bytes,
        verdict: Verdict,
        mut invocation: OpenInvocation,
    ) -> Result<Response<Body>, Broken> {
        pause(verdict.latency_ms).await;
        let mut refusal = None;
        match verdict.outcome {
            Some(Outcome::Hang) => std::future::pending().await,
            Some(Outcome::Reset | Outcome::Down) => return Err(self.reset(invocation)),
            Some(Outcome::Error(error)) => refusal = Some(plan::scripted(&error, &self.site.state.model)),
            None => {}
        }
        let state = &self.site.state;
        let prepared =
            auth::check(&state.config, &state.issued, &self.site.region, parts, bytes, state.now())
                .and_then(|()| refusal.map_or(Ok(()), Err))
                .and_then(|()| self.prepare(bytes, &mut invocation));
        match prepared {
            Ok(prepared) => self.respond(prepared, invocation).await,
            Err(exception) => Ok(self.raise(&exception, invocation)),
        }
    }

    async fn respond(
        self,
        prepared: Prepared,
        mut invocation: OpenInvocation,
    ) -> Result<Response<Body>, Broken> {
        let Prepared { script, reply } = prepared;
        pause(script.first_byte_delay_ms).await;
        let fault = &script.fault;
        if fault.hang {
            std::future::pending::<()>().await;
        }
        if fault.disconnect {
            return Err(self.reset(invocation));
        }
        invocation.note(|record| record.status = Some(200));
        Ok(match reply {
            Reply::Whole { body, usage, stop_reason } => {
                let response = self.whole(&body, usage, stop_reason, fault, invocation);
                with_counts(response, usage, self.route.operation)
            }
            Reply::Stream { answer, request } => self.stream(&answer, &request, &script, invocation),
        })
    }

    fn whole(
        &self,
        body: &Value,
        usage: Usage,
        stop_reason: Option<String>,
        fault: &ScriptedFault,
        mut invocation: OpenInvocation,
    ) -> Response<Body> {
        let mut bytes = Bytes::from(body.to_string());
        if fault.malformed_body {
            bytes = bytes.slice(..bytes.len() / 2);
        }
        invocation.note(|record| record.usage = usage);
        let length = bytes.len();
        let body = if fault.disconnect_after_events.is_some() {
            let half = Step::Send { bytes: bytes.slice(..length / 2), output_tokens: usage.output_tokens };
            stream::play(vec![half, Step::Reset], invocation, None, self.switch.clone())
        } else {
            invocation.note(|record| record.stop_reason = stop_reason);
            invocation.finish();
            stream::whole(bytes)
        };
        let mut response = respond(StatusCode::OK, "application/json", self.request_id, body);
        response.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
        response
    }

    fn stream(
        &self,
        answer: &Answer,
        request: &Value,
        script: &Script,
        mut invocation: OpenInvocation,
    ) -> Response<Body> {
        let steps = plan::stream(answer, request, script, &self.site.state.model);
        let breaks = script.fault.end_after_events.is_some() || script.fault.empty_stream;
        invocation.note(|record| {
            record.broken_off = breaks;
            record.error = script.fault.error.as_ref().map(|error| error.name.clone());
        });
        let complete = script.fault.error.is_none() && !breaks;
        let stop_reason = complete.then(|| answer.stop_reason.clone());
        let body = stream::play(steps, invocation, stop_reason, self.switch.clone());
        respond(StatusCode::OK, frame::CONTENT_TYPE, self.request_id, body)
    }

    fn raise(&self, exception: &Exception, mut invocation: OpenInvocation) -> Response<Body> {
        invocation.note(|record| {
            record.status = Some(exception.status.as_u16());
            record.error = Some(exception.name.clone());
        });
        invocation.finish();
        refuse(exception, self.request_id)
    }

    fn reset(&self, mut invocation: OpenInvocation) -> Broken {
        self.switch.arm();
        invocation.note(|record| record.broken_off = true);
        invocation.finish();
        Broken
    }
}

/// InvokeModel tells its tokens in a header, whatever the model writes into its body.
fn with_counts(mut response: Response<Body>, usage: Usage, operation: Operation) -> Response<Body> {
    if operation == Operation::InvokeModel && usage.input_tokens > 0 {
        let count = HeaderValue::from(usage.input_tokens);
        response.headers_mut().insert("x-amzn-bedrock-input-token-count", count);
    }
    response
}

/// Waits. Even a sleep of nothing would cost the timer's resolution, a millisecond.
async fn pause(milliseconds: u64) {
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

fn capture(site: &Site, parts: &Parts, bytes: &Bytes, request_id: &str) {
    let written = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    site.state.ledger.capture(CapturedRequest {
        request_id: request_id.to_owned(),
        region: site.region.clone(),
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), written(value))).collect(),
        body: STANDARD.encode(bytes),
    });
}

/// The response of an exception.
fn refuse(exception: &Exception, request_id: &str) -> Response<Body> {
    let body = stream::whole(exception.body().to_string());
    let mut response = respond(exception.status, "application/json", request_id, body);
    if let Ok(error_type) = HeaderValue::from_str(&exception.error_type()) {
        response.headers_mut().insert("x-amzn-errortype", error_type);
    }
    response
}

/// A response with the headers that every answer of Bedrock has.
pub(crate) fn respond(
    status: StatusCode,
    content_type: &'static str,
    request_id: &str,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    response
}

/// The text is the simulator's; AWS names the limit in the same way for InvokeModel.
fn too_large() -> Exception {
    Exception::front_end(
        "RequestEntityTooLargeException",
        StatusCode::PAYLOAD_TOO_LARGE,
        "The request body exceeds the maximum size.",
    )
}

fn unknown_operation() -> Exception {
    Exception::front_end(
        "UnknownOperationException",
        StatusCode::NOT_FOUND,
        "The requested operation is not recognized by the service.",
    )
}
