//! AWS's own service model, as data: the shapes of the Converse input and the status of each exception.
//!
//! `model/converse.json` is extracted from botocore by `tests/boto3/extract_model.py`, and the boto3 suite
//! proves that it still equals the pinned botocore. This file owns reading it. What the shapes mean for a
//! request is in `shape`; rules that AWS keeps outside its model are in `validate`.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::Deserialize;

use crate::SimulatorError;

const MODEL: &str = include_str!("../model/converse.json");

/// The parsed service model.
#[derive(Debug)]
pub(crate) struct ServiceModel {
    /// HTTP status by exception name.
    pub(crate) exceptions: BTreeMap<String, u16>,
    shapes: BTreeMap<String, Shape>,
}

/// One shape. Members refer to other shapes by name.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) raw: RawShape,
    /// The pattern of a string, anchored at both ends, as AWS applies it.
    pub(crate) pattern: Option<Regex>,
}

/// A shape as botocore writes it.
#[derive(Debug, Deserialize)]
pub(crate) struct RawShape {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) members: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    pub(crate) required: Vec<String>,
    pub(crate) member: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) pattern: Option<String>,
    #[serde(rename = "enum")]
    pub(crate) allowed: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) union: bool,
    #[serde(default)]
    pub(crate) document: bool,
}

#[derive(Debug, Deserialize)]
struct RawServiceModel {
    exceptions: BTreeMap<String, u16>,
    shapes: BTreeMap<String, RawShape>,
}

impl ServiceModel {
    /// Reads the built-in model.
    ///
    /// # Errors
    /// `SimulatorError::ServiceModel` when the file in the tree is not a service model: a fault of the build.
    pub(crate) fn load() -> Result<Self, SimulatorError> {
        let raw: RawServiceModel = serde_json::from_str(MODEL)
            .map_err(|error| SimulatorError::ServiceModel { reason: error.to_string() })?;
        let mut shapes = BTreeMap::new();
        for (name, shape) in raw.shapes {
            let pattern = shape
                .pattern
                .as_deref()
                .map(|pattern| Regex::new(&format!("^(?:{pattern})$")))
                .transpose()
                .map_err(|error| SimulatorError::ServiceModel { reason: format!("{name}: {error}") })?;
            shapes.insert(name, Shape { raw: shape, pattern });
        }
        Ok(Self { exceptions: raw.exceptions, shapes })
    }

    /// The shape of that name, if the model has it.
    pub(crate) fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
    }
}
