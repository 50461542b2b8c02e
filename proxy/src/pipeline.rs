//! The straight line of a request for an answer: every phase in order, and every branch between them.
//!
//! Each line of [`answer`] is a phase with a file of its own. Read this file to know what happens to a request, and
//! `docs/life-of-a-request.md` for why.

mod images;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};
use jiff::Timestamp;
use nova_translate::converse::ConverseResponse;
use nova_translate::reply::{self as translated, ReplyPlan};
use nova_translate::request::Translation;
use openai_api::chat::ChatRequest;
use serde::Serialize;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout};

use crate::auth::Principal;
use crate::call::{Called, Calls, RegionCalls};
use crate::context::{RequestContext, RequestHead};
use crate::error::ApiError;
use crate::limit::Admitted;
use crate::models::ServedModel;
use crate::parse::{self, IncomingBody};
use crate::record::{Outcome, RecordGuard};
use crate::repair::Repair;
use crate::reply::{self, Body};
use crate::services::Services;
use crate::stream::{self, AnswerStream, EventWriter};
use crate::surface::{AnswerHead, Asked, Form, Surface, Whole};
use crate::upstream::{Attempts, EventStream, Reply};

/// An answer, before it is a response.
enum Answer {
    Whole(Whole),
    Stream(Box<OpenStream>),
}

/// A streamed answer whose first events have come.
struct OpenStream {
    streams: Vec<EventStream>,
    plan: Arc<ReplyPlan>,
    writer: EventWriter,
    admitted: Admitted,
}

/// Answers a request on `surface`.
pub async fn respond(
    surface: Surface,
    services: &Services,
    head: &RequestHead,
    body: impl IncomingBody,
) -> Response<Body> {
    let mut record = begin(surface.route(), services, head);
    match unless_forced(services, answer(surface, services, &head.headers, body, &mut record)).await {
        Ok(Answer::Whole(whole)) => {
            record.outcome = Outcome::Completed;
            match whole {
                Whole::Chat(completion) => reply::json(&*completion, Some(&record)),
                Whole::Response(response) => reply::json(&response.object(), Some(&record)),
            }
        }
        Ok(Answer::Stream(open)) => begin_stream(services, *open, record),
        Err(error) => {
            let response = reply::error(&error, Some(&record));
            record.outcome = Outcome::Failed(Box::new(error));
            response
        }
    }
}

/// Opens the record of a request on `route`.
pub(crate) fn begin(route: &'static str, services: &Services, head: &RequestHead) -> RecordGuard {
    let context = RequestContext::begin(route, services.snapshots.current(), &services.log).with_head(head);
    RecordGuard::open(context).listed_in(&services.requests)
}

/// Ends a request whose answer is one JSON object.
pub(crate) fn conclude<T: Serialize>(result: Result<T, ApiError>, mut record: RecordGuard) -> Response<Body> {
    match result {
        Ok(answer) => {
            record.outcome = Outcome::Completed;
            reply::json(&answer, Some(&record))
        }
        Err(error) => {
            let response = reply::error(&error, Some(&record));
            record.outcome = Outcome::Failed(Box::new(error));
            response
        }
    }
}

/// A stop that cannot wait answers what is still under way, rather than let its connection vanish.
pub(crate) async fn unless_forced<T>(
    services: &Services,
    work: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    tokio::select! {
        biased;
        result = work => result,
        () = services.shutdown.forced().cancelled() => {
            services.shutdown.report_cut();
            Err(ApiError::stopped())
        }
    }
}

/// The phases of a request.
async fn answer(
    surface: Surface,
    services: &Services,
    headers: &HeaderMap,
    body: impl IncomingBody,
    record: &mut RecordGuard,
) -> Result<Answer, ApiError> {
    let snapshot = Arc::clone(&record.context.snapshot);
    let principal = authenticate(services, headers, record)?;
    let Asked { chat: request, form } = surface.parse(&read(services, headers, body, record).await?)?;
    let admitted = admit(services, record).await?;
    let model = resolve(&request.model, &principal, record)?;
    note_chat(&request, record);
    let began = Instant::now();
    let images = images::fetch(&snapshot, &request).await.map_err(|error| form.error(error))?;
    record.timings.images = (!images.is_empty()).then(|| began.elapsed());
    let (stream, name) = (request.stream, request.model.clone());
    let translation = translate_for(services, request, &form, &model, &images, record)?;

    record.attempts = vec![Attempts::new(); translation.choices as usize];
    let calls = Calls {
        regions: RegionCalls { snapshot: &snapshot, model: &model, breakers: &services.breakers },
        translation: &translation,
        refusals: &services.refusals,
    };
    let began = Instant::now();
    if stream {
        let called = calls.converse_stream(&mut record.attempts).await;
        record.timings.upstream_first_byte = Some(began.elapsed());
        let streams = note_repairs(called?, record);
        Ok(Answer::Stream(Box::new(OpenStream {
            streams,
            writer: form.writer(head(name, &translation), translation.plan.include_usage),
            plan: Arc::new(translation.plan),
            admitted,
        })))
    } else {
        let called = calls.converse(&mut record.attempts).await;
        record.timings.upstream_first_byte = Some(began.elapsed());
        let replies = note_repairs(called?, record);
        let answers = complete(&replies, &translation, record)?;
        drop(admitted);
        let usage = (record.usage.len() == answers.len())
            .then(|| translated::usage(translated::sum(record.usage.iter().copied())));
        Ok(Answer::Whole(form.whole(head(name, &translation), answers, usage)))
    }
}

/// Who is calling.
pub(crate) fn authenticate(
    services: &Services,
    headers: &HeaderMap,
    record: &mut RecordGuard,
) -> Result<Arc<Principal>, ApiError> {
    let principal = services.authenticator.authenticate(headers, Timestamp::now())?;
    record.principal = Some(Arc::clone(&principal));
    record.update_listing();
    Ok(principal)
}

/// Reads the body, of known callers only.
pub(crate) async fn read(
    services: &Services,
    headers: &HeaderMap,
    mut body: impl IncomingBody,
    record: &mut RecordGuard,
) -> Result<Bytes, ApiError> {
    parse::check_content_type(headers)?;
    parse::check_content_encoding(headers)?;
    let began = Instant::now();
    let limits = &record.context.snapshot.loaded.config.runtime.limits;
    let announced = parse::announced_bytes(headers, limits.body_bytes);
    // Held while the body arrives; what comes of it counts among the requests that admission bounds.
    let memory = services.body_memory.reserve(announced, limits.queue_timeout).await;
    let _memory = memory.ok_or_else(ApiError::busy_reading)?;
    let body = parse::read(&mut body, headers, limits.body_bytes, limits.body_timeout).await;
    record.timings.read = Some(began.elapsed());
    body
}

/// Waits for memory to gather vectors in, for as long as for a place.
pub(crate) async fn reserve_vectors<'a>(
    services: &'a Services,
    bytes: u64,
    record: &RecordGuard,
) -> Result<SemaphorePermit<'a>, ApiError> {
    let limit = record.context.snapshot.loaded.config.runtime.limits.queue_timeout;
    let permit = timeout(limit, services.vector_budget.acquire_many(kib(bytes))).await;
    permit.ok().and_then(Result::ok).ok_or_else(ApiError::busy_embedding)
}

fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// Waits for a place.
pub(crate) async fn admit(services: &Services, record: &mut RecordGuard) -> Result<Admitted, ApiError> {
    let began = Instant::now();
    let admitted = services.admission.admit().await;
    // Also those who waited in vain count: they waited longest.
    record.timings.queue = Some(began.elapsed());
    Ok(admitted?)
}

/// From the model's name to what is called.
pub(crate) fn resolve(
    name: &str,
    principal: &Principal,
    record: &mut RecordGuard,
) -> Result<Arc<ServedModel>, ApiError> {
    let model = record.context.snapshot.models.find(name, principal)?;
    // The name of the table, not the caller's spelling: it is a label of metrics.
    record.model = Some(model.name.clone());
    record.update_listing();
    record.target = Some(model.target.clone());
    Ok(model)
}

/// What the record keeps of a chat request.
pub(crate) fn note_chat(request: &ChatRequest, record: &mut RecordGuard) {
    record.stream = request.stream;
    note_user(request.safety_identifier.as_deref().or(request.user.as_deref()), record);
}

/// Keeps the caller's own id of the end user.
pub(crate) fn note_user(user: Option<&str>, record: &mut RecordGuard) {
    record.user = user.map(loggable);
}

/// A caller's own text as a log line can bear it: short, and without line breaks.
fn loggable(text: &str) -> String {
    const CHARS_MAX: usize = 128;
    text.chars().take(CHARS_MAX).map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// From OpenAI to Converse, without what the model was found to refuse.
pub(crate) fn translate_for(
    services: &Services,
    request: ChatRequest,
    form: &Form,
    model: &ServedModel,
    images: &nova_translate::request::RemoteImages,
    record: &mut RecordGuard,
) -> Result<Translation, ApiError> {
    let began = Instant::now();
    let options = model.options_for(record.principal.as_deref());
    let mut translation = form.translate(request, &model.target, &options, images)?;
    if translation.has_cache_points()
        && services.refusals.refuses_cache_points(&model.target.model.id, Instant::now())
    {
        translation.strip_cache_points();
    }
    record.notes.clone_from(&translation.notes);
    record.timings.translate = Some(began.elapsed());
    Ok(translation)
}

fn head(model: String, translation: &Translation) -> AnswerHead {
    let created = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    AnswerHead { model, created, service_tier: asked_tier(translation) }
}

/// The tier that is asked for. A stream names it in each chunk, before Bedrock says at the end which one served.
fn asked_tier(translation: &Translation) -> &'static str {
    translation.body.service_tier.map_or("default", |tier| tier.kind)
}

/// What had to be changed on the way becomes part of the record, and so of the response's headers.
fn note_repairs<T>(called: Vec<Called<T>>, record: &mut RecordGuard) -> Vec<T> {
    let mut answers = Vec::with_capacity(called.len());
    for Called { answer, repair } in called {
        match repair {
            Some(Repair::StripCachePoints) => {
                record.drop_param("cache_control", "the model refuses cache points at this moment")
            }
            Some(Repair::Greedy) => record.drop_param(
                "temperature",
                "the model broke off with an invalid tool call and was asked again greedily",
            ),
            None => {}
        }
        answers.push(answer);
    }
    answers
}

/// From Converse's answers to OpenAI's.
fn complete(
    replies: &[Reply],
    translation: &Translation,
    record: &mut RecordGuard,
) -> Result<Vec<translated::Answer>, ApiError> {
    let parsed: Vec<Result<ConverseResponse, _>> =
        replies.iter().map(|reply| serde_json::from_slice(&reply.body)).collect();
    // Usage first, and of all: also an answer that cannot be used has to be paid.
    record.usage.extend(parsed.iter().flatten().filter_map(|response| response.usage));
    let mut answers = Vec::with_capacity(parsed.len());
    for (response, reply) in parsed.into_iter().zip(replies) {
        let response =
            response.map_err(|error| ApiError::unreadable_reply(&error, reply.aws_request_id.as_deref()))?;
        let answer = translated::read(response, &translation.plan)?;
        record.note_finish(&answer.finish);
        answers.push(answer);
    }
    Ok(answers)
}

fn begin_stream(services: &Services, open: OpenStream, record: RecordGuard) -> Response<Body> {
    let mut headers = HeaderMap::new();
    reply::add_headers(&mut headers, &record);
    let keep_alive = record.context.snapshot.loaded.config.runtime.limits.keep_alive_interval;
    let choices = (0..)
        .zip(open.streams)
        .map(|(index, events)| stream::Choice::new(index, events, Arc::clone(&open.plan)))
        .collect();
    let answer = AnswerStream {
        choices,
        writer: open.writer,
        keep_alive,
        last_sent: Instant::now(),
        record,
        _admitted: open.admitted,
        shutdown: services.shutdown.clone(),
    };
    reply::event_stream(answer.into_body(), headers)
}
