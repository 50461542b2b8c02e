//! `tools`, `tool_choice` and `text.format`: the flat forms of Responses in the nested ones of chat.

use openai_api::chat::{
    AllowedTool, AllowedTools, FunctionDefinition, FunctionName, JsonSchemaFormat, ResponseFormat, Tool,
    ToolChoice as ChatToolChoice, ToolChoiceObject as ChatToolChoiceObject,
};
use openai_api::responses::{FunctionTool, TextFormat, ToolChoice, ToolChoiceObject, ToolName};

use crate::TranslateError;

const FUNCTION: &str = "function";

/// The tools. OpenAI's own (`web_search`, `file_search`, …) are refused: without them the answer would not be what was asked for.
pub(super) fn tools(tools: Vec<FunctionTool>) -> Result<Vec<Tool>, TranslateError> {
    tools.into_iter().enumerate().map(|(index, tool)| one(tool, index)).collect()
}

fn one(tool: FunctionTool, index: usize) -> Result<Tool, TranslateError> {
    if tool.kind != FUNCTION {
        return Err(only_functions(&format!("tools[{index}].type"), &tool.kind));
    }
    let Some(name) = tool.name else {
        let message = "a tool of type \"function\" needs the field name";
        return Err(TranslateError::missing(format!("tools[{index}].name"), message));
    };
    let function = FunctionDefinition {
        rest: serde_json::Map::new(),
        name,
        description: tool.description,
        parameters: tool.parameters,
        strict: tool.strict,
    };
    Ok(Tool { kind: tool.kind, function: Some(function), cache_control: None, rest: serde_json::Map::new() })
}

fn only_functions(path: &str, kind: &str) -> TranslateError {
    let message = format!(
        "tools of type {kind:?} are not available here, Amazon Nova calls functions alone: write a tool of type \"function\" and run it yourself"
    );
    TranslateError::unsupported(path, message)
}

pub(super) fn choice(choice: ToolChoice) -> Result<ChatToolChoice, TranslateError> {
    match choice {
        ToolChoice::Mode(mode) => Ok(ChatToolChoice::Mode(mode)),
        ToolChoice::Object(object) => {
            object_choice(*object).map(|object| ChatToolChoice::Object(Box::new(object)))
        }
    }
}

fn object_choice(object: ToolChoiceObject) -> Result<ChatToolChoiceObject, TranslateError> {
    let missing = |field: &str| {
        TranslateError::missing(
            format!("tool_choice.{field}"),
            format!("a tool choice of type {:?} needs the field {field}", object.kind),
        )
    };
    let (function, allowed_tools) = match object.kind.as_str() {
        FUNCTION => (Some(FunctionName { name: object.name.ok_or_else(|| missing("name"))? }), None),
        "allowed_tools" => {
            let mode = object.mode.ok_or_else(|| missing("mode"))?;
            let tools = object.tools.ok_or_else(|| missing("tools"))?;
            let tools = tools.into_iter().enumerate().map(allowed).collect::<Result<_, _>>()?;
            (None, Some(AllowedTools { mode, tools }))
        }
        other => return Err(only_functions("tool_choice.type", other)),
    };
    Ok(ChatToolChoiceObject { kind: object.kind, function, allowed_tools })
}

fn allowed((index, tool): (usize, ToolName)) -> Result<AllowedTool, TranslateError> {
    if tool.kind != FUNCTION {
        return Err(only_functions(&format!("tool_choice.tools[{index}].type"), &tool.kind));
    }
    Ok(AllowedTool { function: tool.name.map(|name| FunctionName { name }) })
}

/// The shape of the answer.
pub(super) fn format(format: TextFormat) -> Result<ResponseFormat, TranslateError> {
    let json_schema = if format.kind == "json_schema" {
        let Some(name) = format.name else {
            let message = "a format of type \"json_schema\" needs the field name";
            return Err(TranslateError::missing("text.format.name", message));
        };
        Some(JsonSchemaFormat {
            rest: serde_json::Map::new(),
            name,
            description: format.description,
            schema: format.schema,
            strict: format.strict,
        })
    } else {
        None
    };
    Ok(ResponseFormat { kind: format.kind, json_schema, rest: serde_json::Map::new() })
}
