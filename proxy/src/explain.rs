//! `POST /v1/explain`: what would be sent for a chat request, and why. Nothing is called, unless the caller asks for a count of tokens.

mod token_count;

use http::{HeaderMap, Response};
use nova_translate::Note;
use nova_translate::converse::ConverseRequest;
use nova_translate::request::{RemoteImage, RemoteImages, remote_images};
use openai_api::chat::ChatRequest;
use serde::Serialize;

use crate::context::RequestHead;
use crate::error::ApiError;
use crate::parse::{self, IncomingBody};
use crate::pipeline;
use crate::record::RecordGuard;
use crate::reply::Body;
use crate::services::Services;
use crate::surface::Form;
use token_count::TokenCount;

/// A PNG of one pixel: it stands for images that would be fetched.
const PLACEHOLDER: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg==";

/// The explanation of a request.
#[derive(Debug, Serialize)]
struct Explanation {
    object: &'static str,
    /// The name that was asked for.
    model: String,
    target: ExplainedTarget,
    /// `Converse` or `ConverseStream`.
    operation: &'static str,
    /// How many calls are made: one per `n`.
    calls: u32,
    /// The body of each call.
    converse: ConverseRequest,
    /// Every rewrite and every drop.
    notes: Vec<Note>,
    /// What the response header `x-nova-dropped-params` would say.
    dropped_params: Vec<String>,
    /// Images that would be fetched. The body shows a placeholder for each.
    fetched_images: Vec<String>,
    /// How many tokens Bedrock counts, where the caller asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_count: Option<TokenCount>,
    /// The configuration that this follows from.
    config: String,
}

/// What would be called.
#[derive(Debug, Serialize)]
struct ExplainedTarget {
    /// The inference profile or model id, free of account ids.
    model_id: String,
    /// The foundation model.
    foundation_model: &'static str,
    /// The geography that the inference profile stays in.
    inference_profile: Option<&'static str>,
    region: String,
    /// The regions that are asked when that one cannot answer, in order.
    failover_regions: Vec<String>,
}

/// Answers `POST /v1/explain`. `query` is that of the URL.
pub async fn explain(
    services: &Services,
    head: &RequestHead,
    query: &str,
    body: impl IncomingBody,
) -> Response<Body> {
    let mut record = pipeline::begin("explain", services, head);
    let work = explanation(services, &head.headers, query, body, &mut record);
    let result = pipeline::unless_forced(services, work).await;
    pipeline::conclude(result, record)
}

async fn explanation(
    services: &Services,
    headers: &HeaderMap,
    query: &str,
    body: impl IncomingBody,
    record: &mut RecordGuard,
) -> Result<Explanation, ApiError> {
    let principal = pipeline::authenticate(services, headers, record)?;
    let is_counted = token_count::is_asked_for(query)?;
    let request: ChatRequest = parse::json(&pipeline::read(services, headers, body, record).await?)?;
    let model = pipeline::resolve(&request.model, &principal, record)?;
    pipeline::note_chat(&request, record);
    let (images, fetched_images) = placeholders(record.context.snapshot.images.is_some(), &request);
    let (name, operation) =
        (request.model.clone(), if request.stream { "ConverseStream" } else { "Converse" });
    let translation = pipeline::translate_for(services, request, &Form::Chat, &model, &images, record)?;
    let token_count = match is_counted {
        true => Some(token_count::ask(services, &model, &translation.body, record).await?),
        false => None,
    };
    let snapshot = &record.context.snapshot;
    let mut converse = translation.body;
    if let Some(guardrail) = &mut converse.guardrail_config {
        guardrail.guardrail_identifier = nova_telemetry::redact(&guardrail.guardrail_identifier).into_owned();
    }
    Ok(Explanation {
        object: "explanation",
        model: name,
        target: ExplainedTarget {
            model_id: nova_telemetry::redact(&model.target.model_id).into_owned(),
            foundation_model: &model.target.model.id,
            inference_profile: model.target.geography.map(|geography| geography.as_str()),
            region: snapshot.loaded.config.bootstrap.bedrock.region.clone(),
            failover_regions: model.routes.iter().skip(1).map(|route| route.region.to_string()).collect(),
        },
        operation,
        calls: translation.choices,
        converse,
        dropped_params: record.dropped_params().into_iter().map(str::to_owned).collect(),
        notes: translation.notes,
        fetched_images,
        token_count,
        config: snapshot.config_hash.to_string(),
    })
}

/// Stands in for images that a real request would fetch.
fn placeholders(fetched: bool, request: &ChatRequest) -> (RemoteImages, Vec<String>) {
    if !fetched {
        return (RemoteImages::new(), Vec::new());
    }
    let urls: Vec<String> = remote_images(request).into_iter().map(|(_, url)| url.to_owned()).collect();
    let images =
        urls.iter().map(|url| (url.clone(), RemoteImage { base64: PLACEHOLDER.to_owned() })).collect();
    (images, urls)
}
