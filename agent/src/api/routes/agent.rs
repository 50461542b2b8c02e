//! `GET /v1/agent`, `GET /v1/tasks` and `POST /v1/tasks/<name>/activate`.

use std::convert::Infallible;

use http::HeaderMap;
use serde_json::json;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::{WarpResponse, answer, answer_with, peer, target};
use crate::api::{ApiError, Peer, Role, SharedApi};

pub(super) fn routes(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    agent(api).or(tasks(api)).unify().or(activate(api)).unify().boxed()
}

fn agent(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    let api = api.clone();
    warp::path!("v1" / "agent")
        .and(warp::get())
        .and(peer())
        .and(warp::header::headers_cloned())
        .and_then(move |peer: Peer, headers: HeaderMap| {
            let api = api.clone();
            async move {
                let admitted = api.admit(peer, &headers, Role::Viewer).await;
                Ok::<_, Infallible>(answer("agent", admitted.map(|_| api.status())))
            }
        })
        .boxed()
}

fn tasks(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    let api = api.clone();
    warp::path!("v1" / "tasks")
        .and(warp::get())
        .and(peer())
        .and(warp::header::headers_cloned())
        .and_then(move |peer: Peer, headers: HeaderMap| {
            let api = api.clone();
            async move {
                let admitted = api.admit(peer, &headers, Role::Viewer).await;
                let tasks = admitted.map(|_| json!({ "tasks": api.driver.statuses() }));
                Ok::<_, Infallible>(answer("tasks", tasks))
            }
        })
        .boxed()
}

fn activate(api: &SharedApi) -> BoxedFilter<(WarpResponse,)> {
    let api = api.clone();
    warp::path!("v1" / "tasks" / String / "activate")
        .and(warp::post())
        .and(peer())
        .and(warp::header::headers_cloned())
        .and(target())
        .and_then(move |name: String, peer: Peer, headers: HeaderMap, path: String| {
            let api = api.clone();
            async move {
                let admitted = api.admit(peer, &headers, Role::Operator).await;
                let activated = admitted.and_then(|caller| api.activate(&name, &path, &caller));
                Ok::<_, Infallible>(answer_with("activate", activated, ApiError::ACCEPTED))
            }
        })
        .boxed()
}
