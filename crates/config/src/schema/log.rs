//! `log { … }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is logged, and how.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawLog {
    /// The least severe level that is logged.
    #[schemars(extend("x-tier" = "runtime"))]
    pub(crate) level: LogLevel,
    /// The form of a log line: json for machines, text for a terminal.
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) format: LogFormat,
}

impl Default for RawLog {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Json }
    }
}

/// The least severe level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What stopped something from working.
    Error,
    /// What may become an error.
    Warn,
    /// What an operator wants to have seen.
    Info,
    /// What a developer wants to see.
    Debug,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}
