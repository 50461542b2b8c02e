//! The straight line of a chat request: every phase in order, and every branch between them.
//!
//! Each line of [`answer`] is a phase with a file of its own. Read this file to know what happens to a request, and
//! `docs/life-of-a-request.md` for why.

mod images;

use std::sync::Arc;

use http::{HeaderMap, Response};
use jiff::Timestamp;
use nova_translate::converse::ConverseResponse;
use nova_translate::reply::{self as translated, ReplyPlan};
use nova_translate::request::{Translation, translate};
use openai_api::chat::{ChatCompletion, ChatRequest, Choice};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::auth::Principal;
use crate::call::{Called, Calls};
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
use crate::upstream::{Attempts, EventStream, Reply};

/// An answer, before it is a response.
enum Answer {
    Whole(Box<ChatCompletion>),
    Stream(Box<OpenStream>),
}

/// A streamed answer whose first events have come.
struct OpenStream {
    streams: Vec<EventStream>,
    plan: Arc<ReplyPlan>,
    head: Arc<stream::ChunkHead>,
    admitted: Admitted,
}

/// Answers `POST /v1/chat/completions`.
pub async fn chat_completions(
    services: &Services,
    head: &RequestHead,
    body: impl IncomingBody,
) -> Response<Body> {
    let context = RequestContext::begin("chat_completions", services.snapshots.current(), &services.log)
        .with_head(head);
    let mut record = RecordGuard::open(context).listed_in(&services.requests);
    match unless_forced(services, answer(services, &head.headers, body, &mut record)).await {
        Ok(Answer::Whole(completion)) => {
            record.outcome = Outcome::Completed;
            reply::json(&*completion, Some(&record))
        }
        Ok(Answer::Stream(open)) => begin_stream(services, *open, record),
        Err(error) => {
            let response = reply::error(&error, Some(&record));
            record.outcome = Outcome::Failed(Box::new(error));
            response
        }
    }
}

/// A stop that cannot wait answers what is still under way, rather than let its connection vanish.
async fn unless_forced<T>(
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

/// The phases of a chat request.
async fn answer(
    services: &Services,
    headers: &HeaderMap,
    body: impl IncomingBody,
    record: &mut RecordGuard,
) -> Result<Answer, ApiError> {
    let snapshot = Arc::clone(&record.context.snapshot);
    let principal = authenticate(services, headers, record)?;
    let request: ChatRequest = read(services, headers, body, record).await?;
    let admitted = admit(services, record).await?;
    let model = resolve(&request, &principal, record)?;
    let began = Instant::now();
    let images = images::fetch(&snapshot, &request).await?;
    record.timings.images = (!images.is_empty()).then(|| began.elapsed());
    let wanted = Wanted::of(&request);
    let translation = translate_for(services, request, &model, &images, record)?;

    record.attempts = vec![Attempts::new(); translation.choices as usize];
    let calls = Calls {
        snapshot: &snapshot,
        model: &model,
        translation: &translation,
        refusals: &services.refusals,
        breakers: &services.breakers,
    };
    let began = Instant::now();
    if wanted.stream {
        let called = calls.converse_stream(&mut record.attempts).await;
        record.timings.upstream_first_byte = Some(began.elapsed());
        let streams = note_repairs(called?, record);
        Ok(Answer::Stream(Box::new(OpenStream {
            streams,
            head: wanted.head(&translation),
            plan: Arc::new(translation.plan),
            admitted,
        })))
    } else {
        let called = calls.converse(&mut record.attempts).await;
        record.timings.upstream_first_byte = Some(began.elapsed());
        let replies = note_repairs(called?, record);
        let completion = complete(&replies, &translation, &wanted, record)?;
        drop(admitted);
        Ok(Answer::Whole(Box::new(completion)))
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

/// Reads and parses the body, of known callers only.
pub(crate) async fn read(
    services: &Services,
    headers: &HeaderMap,
    mut body: impl IncomingBody,
    record: &mut RecordGuard,
) -> Result<ChatRequest, ApiError> {
    parse::check_content_type(headers)?;
    let began = Instant::now();
    let limit = record.context.snapshot.loaded.config.runtime.limits.body_bytes;
    // Held until the body is parsed; what comes of it counts among the requests that admission bounds.
    let _memory = reserve(services, parse::announced_bytes(headers, limit)).await?;
    let body = parse::read(&mut body, headers, limit, services.body_timeout).await?;
    let request = parse::json(&body);
    record.timings.read = Some(began.elapsed());
    request
}

/// Waits for memory to read a body into.
async fn reserve(services: &Services, bytes: u64) -> Result<SemaphorePermit<'_>, ApiError> {
    let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    let permit = timeout(services.body_timeout, services.body_budget.acquire_many(kib)).await;
    // The semaphore is never closed, so that the one way not to get memory is to wait for too long.
    permit.ok().and_then(Result::ok).ok_or_else(ApiError::busy_reading)
}

/// Waits for a place.
async fn admit(services: &Services, record: &mut RecordGuard) -> Result<Admitted, ApiError> {
    let began = Instant::now();
    let admitted = services.admission.admit().await;
    // Also those who waited in vain count: they waited longest.
    record.timings.queue = Some(began.elapsed());
    Ok(admitted?)
}

/// From the model's name to what is called.
pub(crate) fn resolve(
    request: &ChatRequest,
    principal: &Principal,
    record: &mut RecordGuard,
) -> Result<Arc<ServedModel>, ApiError> {
    let model = record.context.snapshot.models.find(&request.model, principal)?;
    // The name of the table, not the caller's spelling: it is a label of metrics.
    record.model = Some(model.name.clone());
    record.update_listing();
    record.target = Some(model.target.clone());
    record.stream = request.stream;
    record.user = request.safety_identifier.as_deref().or(request.user.as_deref()).map(loggable);
    Ok(model)
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
    model: &ServedModel,
    images: &nova_translate::request::RemoteImages,
    record: &mut RecordGuard,
) -> Result<Translation, ApiError> {
    let began = Instant::now();
    let mut translation = translate(request, &model.target, &model.options, images)?;
    if translation.has_cache_points()
        && services.refusals.refuses_cache_points(&model.target.model.id, Instant::now())
    {
        translation.strip_cache_points();
    }
    record.notes.clone_from(&translation.notes);
    record.timings.translate = Some(began.elapsed());
    Ok(translation)
}

/// Parts of the request that are needed after its translation has consumed it.
struct Wanted {
    stream: bool,
    model: String,
}

impl Wanted {
    fn of(request: &ChatRequest) -> Self {
        Self { stream: request.stream, model: request.model.clone() }
    }

    fn head(&self, translation: &Translation) -> Arc<stream::ChunkHead> {
        let tier = Some(asked_tier(translation).to_owned());
        stream::chunk_head(completion_id(), unix_seconds(), self.model.clone(), tier)
    }
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

/// From Converse's answers to one completion.
fn complete(
    replies: &[Reply],
    translation: &Translation,
    wanted: &Wanted,
    record: &mut RecordGuard,
) -> Result<ChatCompletion, ApiError> {
    let parsed: Vec<Result<ConverseResponse, _>> =
        replies.iter().map(|reply| serde_json::from_slice(&reply.body)).collect();
    // Usage first, and of all: also an answer that cannot be used has to be paid.
    record.usage.extend(parsed.iter().flatten().filter_map(|response| response.usage));
    let (mut choices, mut served_tier) = (Vec::with_capacity(parsed.len()), None);
    for ((index, response), reply) in (0..).zip(parsed).zip(replies) {
        let response =
            response.map_err(|error| ApiError::unreadable_reply(&error, reply.aws_request_id.as_deref()))?;
        let answer = translated::read(response, &translation.plan)?;
        record.note_finish(&answer.finish);
        served_tier = answer.service_tier.or(served_tier);
        choices.push(Choice {
            index,
            message: answer.message,
            logprobs: None,
            finish_reason: answer.finish.reason,
            native_finish_reason: answer.finish.native,
        });
    }
    let usage = (record.usage.len() == choices.len())
        .then(|| translated::usage(translated::sum(record.usage.iter().copied())));
    Ok(ChatCompletion {
        id: completion_id(),
        object: ChatCompletion::OBJECT,
        created: unix_seconds(),
        model: wanted.model.clone(),
        choices,
        usage,
        service_tier: Some(served_tier.unwrap_or_else(|| asked_tier(translation).to_owned())),
        system_fingerprint: None,
    })
}

fn begin_stream(services: &Services, open: OpenStream, record: RecordGuard) -> Response<Body> {
    let mut headers = HeaderMap::new();
    reply::add_headers(&mut headers, &record);
    let include_usage = open.plan.include_usage;
    let keep_alive = record.context.snapshot.loaded.config.runtime.limits.keep_alive_interval;
    let choices = (0..)
        .zip(open.streams)
        .map(|(index, events)| stream::Choice::new(index, events, Arc::clone(&open.plan)))
        .collect();
    let answer = AnswerStream {
        choices,
        writer: EventWriter::new(open.head, include_usage),
        include_usage,
        keep_alive,
        last_sent: Instant::now(),
        record,
        _admitted: open.admitted,
        shutdown: services.shutdown.clone(),
    };
    reply::event_stream(answer.into_body(), headers)
}

fn completion_id() -> String {
    format!("chatcmpl-{}", Uuid::new_v4().simple())
}

fn unix_seconds() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or_default()
}
