//! The keys of log fields: one spelling for each, the same word as the metric label.

/// The part of the program that speaks.
pub const COMPONENT: &str = "component";
/// The id of a caller's request, from us or from the caller.
pub const REQUEST_ID: &str = "request_id";
/// The id that AWS gave the call.
pub const AWS_REQUEST_ID: &str = "aws_request_id";
/// The id of the caller's API key, never the key.
pub const KEY_ID: &str = "key_id";
/// The model name as the caller wrote it.
pub const MODEL: &str = "model";
/// The Bedrock model or inference profile that was called.
pub const TARGET: &str = "target";
/// The AWS region of the call.
pub const REGION: &str = "region";
/// The route's name, not the path.
pub const ROUTE: &str = "route";
/// The HTTP status of the answer.
pub const STATUS: &str = "status";
/// How long it took, in milliseconds.
pub const DURATION_MS: &str = "duration_ms";
/// From the request to the first token, in milliseconds.
pub const TIME_TO_FIRST_TOKEN_MS: &str = "time_to_first_token_ms";
/// Tokens read by the model.
pub const INPUT_TOKENS: &str = "input_tokens";
/// Tokens written by the model.
pub const OUTPUT_TOKENS: &str = "output_tokens";
/// Why the model stopped.
pub const STOP_REASON: &str = "stop_reason";
/// Which try of a call this was, from 1.
pub const ATTEMPT: &str = "attempt";
/// Whether the answer was streamed.
pub const STREAM: &str = "stream";
/// The caller's address.
pub const PEER: &str = "peer";
/// The address that was bound.
pub const LISTEN: &str = "listen";
/// The short hash of the configuration in force.
pub const CONFIG: &str = "config";
/// Where a configuration comes from: files, Consul, or the last known good.
pub const SOURCE: &str = "source";
/// The index of Consul at which something was read.
pub const INDEX: &str = "index";
/// The name of a secret, never what it is.
pub const SECRET: &str = "secret";
/// How something stands, in one word.
pub const STATE: &str = "state";
/// The id of a service in Consul's catalog.
pub const SERVICE_ID: &str = "service_id";
/// The name of this instance.
pub const INSTANCE: &str = "instance";
/// The rollout ring.
pub const RING: &str = "ring";
/// The program's version.
pub const VERSION: &str = "version";
/// The name of a supervised task.
pub const TASK: &str = "task";
/// The chain of causes of an error, joined by `: `.
pub const ERROR: &str = "error";
/// What was left: connections, tasks.
pub const LEFT: &str = "left";
/// How many.
pub const COUNT: &str = "count";
/// The parameters that were left out of a call.
pub const DROPPED_PARAMS: &str = "dropped_params";
/// The library that logged through the `log` crate.
pub const LIBRARY: &str = "library";
/// When the record was made, RFC 3339 in UTC.
pub const TS: &str = "ts";

#[cfg(test)]
mod tests {
    #[test]
    fn keys_are_snake_case_and_different() {
        let source = include_str!("keys.rs");
        let mut keys: Vec<&str> = source
            .lines()
            .filter(|line| line.starts_with("pub const"))
            .filter_map(|line| line.split('"').nth(1))
            .collect();
        assert!(keys.iter().all(|key| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')), "{keys:?}");
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }
}
