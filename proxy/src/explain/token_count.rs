//! The count of tokens in an explanation: asked of Bedrock, because nobody else knows the tokens of Nova.
//!
//! Whatever comes of it, the explanation stands.

use nova_translate::converse::{ConverseRequest, CountTokensRequest, CountTokensResponse};
use serde::Serialize;
use url::form_urlencoded;

use crate::call;
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::pipeline;
use crate::record::RecordGuard;
use crate::services::Services;
use crate::upstream::{Attempts, Call, CountTokens, Spill, UpstreamError, UpstreamErrorKind};

/// What came of counting.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(super) enum TokenCount {
    /// The model would read so many.
    Counted { input_tokens: u64 },
    /// Bedrock does not count for the model.
    Unsupported { reason: String },
    /// It did not work this time.
    Failed { reason: String },
}

/// Whether the query asks for a count.
///
/// # Errors
/// When it says neither yes nor no.
pub(super) fn is_asked_for(query: &str) -> Result<bool, ApiError> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let Some((_, value)) = pairs.find(|(name, _)| name == "count_tokens") else { return Ok(false) };
    match value.as_ref() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(ApiError::bad_query("count_tokens", "count_tokens must be true or false")),
    }
}

/// Asks Bedrock in the home region. A call to Bedrock takes a place, as any other.
///
/// # Errors
/// When there is no place.
pub(super) async fn ask(
    services: &Services,
    model: &ServedModel,
    body: &ConverseRequest,
    record: &mut RecordGuard,
) -> Result<TokenCount, ApiError> {
    let _admitted = pipeline::admit(services, record).await?;
    let snapshot = &record.context.snapshot;
    let request = Call {
        // Inference profiles are not counted for: the tokens are the model's, wherever it is called.
        model_id: &model.target.model.id,
        region: &snapshot.loaded.config.bootstrap.bedrock.region,
        body: call::json(&CountTokensRequest::of(body))?,
        first_byte_timeout: model.first_byte_timeout,
        spill: Spill::Never,
    };
    // Counting is free, and so no part of the record's attempts, of which each may have to be paid.
    let answer = snapshot.bedrock.run::<CountTokens>(&request, &mut Attempts::new()).await;
    Ok(match answer {
        Ok(reply) => match serde_json::from_slice::<CountTokensResponse>(&reply.body) {
            Ok(counted) => TokenCount::Counted { input_tokens: counted.input_tokens },
            Err(error) => {
                let error = ApiError::unreadable_reply(&error, reply.aws_request_id.as_deref());
                TokenCount::Failed { reason: error.message().to_owned() }
            }
        },
        Err(error) => refused(&error),
    })
}

fn refused(error: &UpstreamError) -> TokenCount {
    let reason = ApiError::from(error).message().to_owned();
    // AWS has one text for models and ids that it does not count for, under the name of every other fault of a request.
    let unsupported = error.kind == UpstreamErrorKind::Validation
        && error.message.to_ascii_lowercase().contains("support counting tokens");
    if unsupported { TokenCount::Unsupported { reason } } else { TokenCount::Failed { reason } }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::upstream::Phase;

    #[rstest]
    #[case("", Some(false))]
    #[case("count_tokens=true", Some(true))]
    #[case("a=b&count_tokens=false", Some(false))]
    #[case("count_tokens", None)]
    #[case("count_tokens=yes", None)]
    fn a_count_is_asked_for_in_the_query(#[case] query: &str, #[case] expected: Option<bool>) {
        assert_eq!(is_asked_for(query).ok(), expected);
    }

    #[rstest]
    #[case(UpstreamErrorKind::Validation, "The provided model doesn't support counting tokens.", true)]
    #[case(UpstreamErrorKind::Validation, "messages must not be empty", false)]
    #[case(UpstreamErrorKind::Throttled, "slow down", false)]
    fn what_cannot_be_counted_is_told_from_what_failed(
        #[case] kind: UpstreamErrorKind,
        #[case] message: &str,
        #[case] unsupported: bool,
    ) {
        let outcome = refused(&UpstreamError::for_tests(kind, Phase::BeforeFirstByte, message));
        assert_eq!(matches!(outcome, TokenCount::Unsupported { .. }), unsupported, "{outcome:?}");
    }
}
