//! `POST /v1/images/generations`, in a straight line. The phases are those of `pipeline.rs`; one call draws all images.

use std::sync::Arc;

use http::{HeaderMap, Response};
use jiff::Timestamp;
use nova_translate::images::{self, ImageTranslation};
use openai_api::images::{ImagesRequest, ImagesResponse};
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

/// Answers `POST /v1/images/generations`.
pub async fn respond(services: &Services, head: &RequestHead, body: impl IncomingBody) -> Response<Body> {
    let mut record = pipeline::begin("images_generations", services, head);
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
) -> Result<ImagesResponse, ApiError> {
    let snapshot = Arc::clone(&record.context.snapshot);
    let principal = pipeline::authenticate(services, headers, record)?;
    let request: ImagesRequest = parse::json(&pipeline::read(services, headers, body, record).await?)?;
    let admitted = pipeline::admit(services, record).await?;
    let model = pipeline::resolve(&request.model, &principal, record)?;
    pipeline::note_user(request.user.as_deref(), record);
    let translation = translate(request, &model, record)?;

    let calls = RegionCalls { snapshot: &snapshot, model: &model, breakers: &services.breakers };
    let created = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    // Images are paid by the piece: what Bedrock does not tell is no token, rather than an unknown number of them.
    let read = |body: &[u8]| translation.read(body, created).map(|response| (response, Some(0)));
    let bodies = std::slice::from_ref(&translation.body);
    let mut responses = invoke::each(&calls, bodies, record, read).await?;
    drop(admitted);
    record.images = translation.count();
    responses.pop().ok_or_else(|| ApiError::internal("one call gave no answer"))
}

fn translate(
    request: ImagesRequest,
    model: &ServedModel,
    record: &mut RecordGuard,
) -> Result<ImageTranslation, ApiError> {
    let began = Instant::now();
    let translation = images::translate(request, &model.target, model.options.strict)?;
    record.notes.clone_from(&translation.notes);
    record.timings.translate = Some(began.elapsed());
    Ok(translation)
}
