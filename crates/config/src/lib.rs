//! Configuration: HCL files to one validated structure, with layers, tiers, a schema and faults that say what to write.
//!
//! The pipeline, one file a step: `source` (text and positions) -> `document` (spanned tree) -> `layer` (what one may say) ->
//! `merge` (layers) -> `check` (every fault against the JSON Schema) -> `rules` (types, and what a schema cannot say) ->
//! [`Config`]. `documents` makes layers of what a key-value store holds, and `blocks` reads blocks of another schema in the same way.
//! Owns the shape of the configuration and nothing of its meaning: whether a model target exists, whether a file can
//! be read, and when to reload are the program's.

mod blocks;
mod build_facts;
mod check;
mod config;
mod document;
mod documents;
mod duration;
mod environment;
mod fault;
mod hash;
mod layer;
mod load;
mod merge;
mod path;
mod reader;
mod reading;
mod redact;
mod requires;
mod rules;
mod schema;
mod size;
mod source;
mod tier;

pub use blocks::{BlockKind, ReadBlock};
pub use build_facts::{commit, commit_date, running_version, version_with_commit};
pub use config::{
    AdminAddress, AssumeRoleConfig, AuthConfig, BedrockConfig, BootstrapConfig, BreakerConfig,
    CertificateConfig, Config, ConsulConfig, ConsulLoginConfig, ConsulToken, FailoverConfig, GuardrailConfig,
    ImageFetchConfig, ImageFetchPolicy, LimitsConfig, ModelConfig, PepperConfig, RemoteAddress,
    RemoteTlsConfig, RetryConfig, RuntimeConfig, SecretCacheConfig, SecretConfig, SecretLocation,
    ServerConfig, ServiceConfig, TimeoutConfig, TlsConfig, VaultAppRoleConfig, VaultCertificateConfig,
    VaultConfig, VaultCredentialsConfig, VaultJwtConfig, VaultToken,
};
pub use documents::{
    CANDIDATE, CANDIDATE_FORMAT, Candidate, CandidateError, CandidatePlace, Document, Documents,
    LONGEST_MAX_AGE, judge_documents,
};
pub use duration::DurationText;
pub use environment::{Environment, ProcessEnvironment};
pub use fault::{Fault, FaultKind, Faults};
pub use load::{Layer, Loaded, check, load, load_layers, read_layers};
pub use reader::{DocumentSchema, Fitting, RawBlock, StandardBlock, short_hash};
pub use redact::Origin;
pub use rules::{Broken, RemoteFields};
pub use schema::{
    ForwardedHeader, GuardrailTrace, LogFormat, LogLevel, PromptCachePoint, ReasoningEffort, Residency,
    ServiceTier, TlsVersion, json_schema,
};
pub use size::SizeText;
pub use source::Position;
pub use tier::{Tier, TierField, TouchedField, bootstrap_changes, bootstrap_fields_touched, fields};

#[cfg(test)]
mod tests;
