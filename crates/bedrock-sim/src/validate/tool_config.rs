//! The declared tools: names, schemas, choice.

use std::collections::HashSet;

use serde_json::Value;

use super::{Subject, list, text};
use crate::catalogue::Generation;
use crate::exception::Exception;

/// The tools that AWS runs itself for Nova 2.
const SYSTEM_TOOLS: &[&str] = &["nova_grounding", "nova_code_interpreter"];

pub(super) fn check(subject: &Subject<'_>) -> Result<(), Exception> {
    let Some(config) = subject.body.get("toolConfig").filter(|config| !config.is_null()) else {
        return Ok(());
    };
    let mut names = HashSet::new();
    for (index, tool) in list(config, "tools").iter().enumerate() {
        if tool.get("cachePoint").is_some() {
            return Err(Exception::extraneous(&format!("#/toolConfig/tools/{index}"), "cachePoint"));
        }
        let name = match (tool.get("toolSpec"), tool.get("systemTool")) {
            (Some(spec), _) => {
                specification(spec, index)?;
                text(spec, "name")
            }
            (None, Some(system)) => {
                system_tool(subject, text(system, "name"), index)?;
                text(system, "name")
            }
            (None, None) => continue,
        };
        // The text is the simulator's.
        if !names.insert(name) {
            return Err(Exception::validation(format!(
                "The toolConfig.tools field contains duplicate tool names: {name}. Make sure that each tool name is \
                 unique, and try again."
            )));
        }
    }
    let chosen =
        config.get("toolChoice").and_then(|choice| choice.get("tool")).map(|tool| text(tool, "name"));
    match chosen.filter(|name| !names.contains(name)) {
        // The text is the simulator's.
        Some(name) => Err(Exception::validation(format!(
            "The tool {name} in toolConfig.toolChoice.tool doesn't match any tool in toolConfig.tools. Update the \
             name and try again."
        ))),
        None => Ok(()),
    }
}

fn specification(spec: &Value, index: usize) -> Result<(), Exception> {
    let place = format!("toolConfig.tools.{index}.toolSpec");
    let schema = spec.get("inputSchema").and_then(|schema| schema.get("json"));
    if !schema.is_some_and(Value::is_object) {
        return Err(Exception::validation(format!(
            "The format of the value at {place}.inputSchema.json is invalid. Provide a json object for the field and \
             try again."
        )));
    }
    if schema.and_then(|schema| schema.get("type")).and_then(Value::as_str) != Some("object") {
        return Err(Exception::validation(format!(
            "The value at {place}.inputSchema.json.type must be one of the following: object."
        )));
    }
    // Nova's own schema has no such key; the text follows the one for cachePoint, which is public.
    if spec.get("strict").is_some_and(|strict| !strict.is_null()) {
        return Err(Exception::extraneous(&format!("#/toolConfig/tools/{index}/toolSpec"), "strict"));
    }
    Ok(())
}

fn system_tool(subject: &Subject<'_>, name: &str, index: usize) -> Result<(), Exception> {
    if subject.model.generation == Generation::Nova1 {
        return Err(Exception::extraneous(&format!("#/toolConfig/tools/{index}"), "systemTool"));
    }
    if SYSTEM_TOOLS.contains(&name) {
        return Ok(());
    }
    // The text is the simulator's.
    Err(Exception::validation(format!(
        "The system tool {name} at toolConfig.tools.{index} isn't supported by this model."
    )))
}
