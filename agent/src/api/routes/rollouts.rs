//! `GET /v1/rollouts`, `GET /v1/rollouts/<namespace>/<job>`, `…/history`, and the orders `POST …/<verb>`.

use std::convert::Infallible;

use bytes::Buf;
use futures_util::Stream;
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use warp::Filter;
use warp::filters::BoxedFilter;

use super::{WarpResponse, answer, answer_with, peer, target, unknown};
use crate::api::rollouts::{RolloutsError, command_kind};
use crate::api::{Api, ApiError, Peer, Role, SharedApi, body};
use crate::rollout::record::Target;

pub(super) fn routes(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    list(api).or(read(api)).unify().or(history(api)).unify().or(order(api)).unify().boxed()
}

/// A segment of the path as it was meant: ids of jobs may hold slashes, which come percent-encoded.
fn decoded(segment: &str) -> Result<String, ApiError> {
    let text = percent_decode_str(segment).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| ApiError::BadRequest {
        what: format!("{segment:?} is no text when its percent signs are read"),
        hint: "encode namespace and job as UTF-8",
    })
}

fn named(namespace: &str, job: &str) -> Result<Target, ApiError> {
    Ok(Target { namespace: decoded(namespace)?, job: decoded(job)? })
}

fn list(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    let api = api.clone();
    warp::path!("v1" / "rollouts")
        .and(warp::get())
        .and(peer())
        .and(warp::header::headers_cloned())
        .and_then(move |peer: Peer, headers: HeaderMap| {
            let api = api.clone();
            async move {
                let listed = async {
                    api.admit(peer, &headers, Role::Viewer).await?;
                    Ok(json!({ "rollouts": api.rollouts.list().await? }))
                };
                Ok::<_, Infallible>(answer("rollouts", listed.await))
            }
        })
        .boxed()
}

fn read(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    let api = api.clone();
    warp::path!("v1" / "rollouts" / String / String)
        .and(warp::get())
        .and(peer())
        .and(warp::header::headers_cloned())
        .and_then(move |namespace: String, job: String, peer: Peer, headers: HeaderMap| {
            let api = api.clone();
            async move {
                let found = async {
                    api.admit(peer, &headers, Role::Viewer).await?;
                    record(&api, &named(&namespace, &job)?).await
                };
                Ok::<_, Infallible>(answer("rollout", found.await))
            }
        })
        .boxed()
}

async fn record(api: &Api, target: &Target) -> Result<Value, ApiError> {
    let Target { namespace, job } = target.clone();
    Ok(api.rollouts.read(target).await?.ok_or(RolloutsError::None { namespace, job })?)
}

fn history(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    let api = api.clone();
    warp::path!("v1" / "rollouts" / String / String / "history")
        .and(warp::get())
        .and(peer())
        .and(warp::header::headers_cloned())
        .and_then(move |namespace: String, job: String, peer: Peer, headers: HeaderMap| {
            let api = api.clone();
            async move {
                let found = async {
                    api.admit(peer, &headers, Role::Viewer).await?;
                    let history = api.rollouts.history(&named(&namespace, &job)?).await?;
                    Ok(json!({ "rollouts": history }))
                };
                Ok::<_, Infallible>(answer("history", found.await))
            }
        })
        .boxed()
}

fn order(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    let api = api.clone();
    warp::path!("v1" / "rollouts" / String / String / String)
        .and(warp::post())
        .and(peer())
        .and(warp::header::headers_cloned())
        .and(target())
        .and(warp::body::stream())
        .and_then(move |namespace: String, job: String, verb: String, peer, headers, path: String, body| {
            let api = api.clone();
            async move {
                let request = Ordered { namespace, job, verb, path };
                let ordered = request.carry_out(&api, peer, headers, body).await;
                Ok::<_, Infallible>(answer_with("order", ordered, ApiError::ACCEPTED))
            }
        })
        .boxed()
}

/// An order as its path says it.
struct Ordered {
    namespace: String,
    job: String,
    verb: String,
    path: String,
}

impl Ordered {
    async fn carry_out<B: Buf>(
        self,
        api: &Api,
        peer: Peer,
        headers: HeaderMap,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Result<Value, ApiError> {
        // Before the body: who may not order anything learns nothing of what can be ordered.
        let caller = api.admit(peer, &headers, Role::Operator).await?;
        let kind = command_kind(&self.verb).ok_or_else(|| unknown(&http::Method::POST, &self.path))?;
        let target = named(&self.namespace, &self.job)?;
        let order = body::read(body).await?;
        api.order(&target, kind, order, &self.path, caller).await
    }
}
