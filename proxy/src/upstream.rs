//! The calls to Bedrock.
