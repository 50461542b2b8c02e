//! `POST /v1/embeddings`, in a straight line. The phases are those of `pipeline.rs`; one call is made for each text.

use std::sync::Arc;

use http::{HeaderMap, Response};
use nova_translate::embeddings::{self, EmbeddingTranslation};
use openai_api::embeddings::{EmbeddingList, EmbeddingsRequest};
use tokio::time::Instant;

use crate::call::RegionCalls;
use crate::context::RequestHead;
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::parse::{self, IncomingBody};
use crate::record::RecordGuard;
use crate::reply::Body;
use crate::services::Services;
use crate::{invoke, pipeline};

/// Answers `POST /v1/embeddings`.
pub async fn respond(services: &Services, head: &RequestHead, body: impl IncomingBody) -> Response<Body> {
    let mut record = pipeline::begin("embeddings", services, head);
    let work = answer(services, &head.headers, body, &mut record);
    let result = pipeline::unless_forced(services, work).await;
    pipeline::conclude(result, record)
}

/// The phases of a request.
async fn answer(
    services: &Services,
    headers: &HeaderMap,
    body: impl IncomingBody,
    record: &mut RecordGuard,
) -> Result<EmbeddingList, ApiError> {
    let snapshot = Arc::clone(&record.context.snapshot);
    let principal = pipeline::authenticate(services, headers, record)?;
    let request: EmbeddingsRequest = parse::json(&pipeline::read(services, headers, body, record).await?)?;
    let admitted = pipeline::admit(services, record).await?;
    let model = pipeline::resolve(&request.model, &principal, record)?;
    pipeline::note_user(request.user.as_deref(), record);
    let name = request.model.clone();
    let translation = translate(request, &model, record)?;
    // Held until the answer is written.
    let _memory = pipeline::reserve_vectors(services, translation.answer_bytes_max(), record).await?;

    let calls = RegionCalls { snapshot: &snapshot, model: &model, breakers: &services.breakers };
    let read = |body: &[u8]| translation.read(body).map(|reply| (reply.vector, reply.input_tokens));
    let vectors = invoke::each(&calls, &translation.bodies, record, read).await?;
    drop(admitted);
    // A sum of which a part is missing would pass for the whole.
    let is_told = record.usage.len() == vectors.len();
    let tokens = is_told.then(|| record.usage.iter().map(|usage| usage.input_tokens).sum());
    Ok(embeddings::list(name, vectors, translation.encoding, tokens))
}

fn translate(
    request: EmbeddingsRequest,
    model: &ServedModel,
    record: &mut RecordGuard,
) -> Result<EmbeddingTranslation, ApiError> {
    let began = Instant::now();
    let translation = embeddings::translate(request, &model.target, model.options.strict)?;
    record.notes.clone_from(&translation.notes);
    record.timings.translate = Some(began.elapsed());
    Ok(translation)
}
