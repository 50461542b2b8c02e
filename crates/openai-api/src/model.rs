//! The model objects of `GET /v1/models`.

use serde::Serialize;

/// A list of models.
#[derive(Debug, Clone, Serialize)]
pub struct ModelList {
    /// Always `list`.
    pub object: &'static str,
    /// The models that the caller may use.
    pub data: Vec<ModelObject>,
}

/// One model.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct ModelObject {
    /// The name to send as `model`.
    pub id: String,
    /// Always `model`.
    pub object: &'static str,
    /// Unix time in seconds when the model behind it was launched.
    pub created: u64,
    /// Who runs it.
    pub owned_by: String,
}
