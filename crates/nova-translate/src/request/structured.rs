//! `response_format`: structured output by a synthetic tool.
//!
//! Nova has no output format of its own, but decodes under the grammar of a tool's schema whenever tools are configured (Amazon Nova user
//! guide, "Generating structured output"). So the schema becomes a tool that must be called, and its arguments become the content.

use openai_api::chat::{JsonSchemaFormat, ResponseFormat};

use super::params;
use super::schema::{self, SchemaBudget};
use crate::TranslateError;
use crate::converse::{InputSchema, ToolSpec};
use crate::note::Notes;

/// What is noted when the tool is sent.
pub(super) const REWRITTEN: &str = "sent as a tool whose arguments are the answer";

/// The tool that stands for the format, or none for plain text.
pub(super) fn tool(
    format: Option<ResponseFormat>,
    others: &[ToolSpec],
    budget: &mut SchemaBudget,
    notes: &mut Notes,
) -> Result<Option<ToolSpec>, TranslateError> {
    let Some(format) = format else { return Ok(None) };
    params::drop_unknown(&format.rest, "response_format.*", notes)?;
    match (format.kind.as_str(), format.json_schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => {
            let description =
                "Gives the whole answer as one JSON object, with the members that the conversation asks for.";
            Ok(Some(ToolSpec {
                name: unused("json_object", others),
                description: Some(description.to_owned()),
                input_schema: InputSchema { json: schema::any_object() },
            }))
        }
        ("json_schema", Some(format)) => json_schema(format, others, budget, notes).map(Some),
        ("json_schema", None) => Err(TranslateError::missing(
            "response_format.json_schema",
            "a format of type \"json_schema\" needs the field json_schema",
        )),
        (other, _) => Err(TranslateError::invalid(
            "response_format.type",
            format!(
                "{other:?} is not a response format that is known here: write \"text\", \"json_object\" or \"json_schema\""
            ),
        )),
    }
}

fn json_schema(
    format: JsonSchemaFormat,
    others: &[ToolSpec],
    budget: &mut SchemaBudget,
    notes: &mut Notes,
) -> Result<ToolSpec, TranslateError> {
    let path = "response_format.json_schema.schema";
    params::drop_unknown(&format.rest, "response_format.*", notes)?;
    let Some(schema) = format.schema else {
        return Err(TranslateError::missing(path, "json_schema needs the field schema"));
    };
    let schema = schema::normalize(&schema, path, path, budget, notes)?;
    let description = format.description.filter(|text| !text.trim().is_empty()).or(schema.description);
    Ok(ToolSpec {
        name: unused(&format.name, others),
        description: Some(
            description.unwrap_or_else(|| "Gives the whole answer in this structure.".to_owned()),
        ),
        input_schema: InputSchema { json: schema.json },
    })
}

/// A legal name that no tool of the caller has.
fn unused(name: &str, others: &[ToolSpec]) -> String {
    const LENGTH_MAX: usize = 50;
    let legal =
        |char: char| if char.is_ascii_alphanumeric() || matches!(char, '_' | '-') { char } else { '_' };
    let mut name: String = name.chars().take(LENGTH_MAX).map(legal).collect();
    if name.is_empty() {
        "answer".clone_into(&mut name);
    }
    while others.iter().any(|other| other.name == name) {
        name.push_str("_answer");
    }
    name
}
