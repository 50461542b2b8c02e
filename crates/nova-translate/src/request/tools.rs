//! `tools`, `tool_choice` and `response_format`: all three become `toolConfig`.

use std::collections::HashSet;

use openai_api::chat::{ChatRequest, Tool as ChatTool, ToolChoice as ChatToolChoice, ToolChoiceObject};

use super::schema::{self, Schema, SchemaBudget};
use super::{ToolNames, params, structured};
use crate::TranslateError;
use crate::converse::{AnyTool, InputSchema, NamedTool, Tool, ToolChoice, ToolConfig, ToolSpec};
use crate::note::Notes;

/// What became of the tools.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) config: Option<ToolConfig>,
    pub(super) names: ToolNames,
    /// The synthetic tool whose arguments are the answer.
    pub(super) structured: Option<String>,
    /// The caller's tools cannot be called, so the history tells of them as text.
    pub(super) neutral: bool,
}

/// The caller's choice, checked.
enum Choice {
    None,
    Auto,
    Required,
    Named(String),
    /// Some of the tools, and whether one must be called.
    Allowed(HashSet<String>, bool),
}

/// Translates tools, choice and response format.
pub(super) fn translate(request: &mut ChatRequest, notes: &mut Notes) -> Result<Tools, TranslateError> {
    let mut budget = schema_budget(request);
    let tools = request.tools.take().unwrap_or_default();
    let choice = choice(request.tool_choice.take(), &tools)?;
    let mut names = ToolNames::default();
    let mut specs = Vec::with_capacity(tools.len());
    let mut seen = HashSet::new();
    for (index, tool) in tools.into_iter().enumerate() {
        specs.push(spec(tool, index, &mut names, &mut seen, &mut budget, notes)?);
    }
    match &choice {
        Choice::None => specs.clear(),
        Choice::Allowed(allowed, _) => specs.retain(|spec| allowed.contains(names.original(&spec.name))),
        Choice::Auto | Choice::Required | Choice::Named(_) => {}
    }
    let neutral = specs.is_empty();
    let mut tool_choice = match choice {
        Choice::None | Choice::Auto | Choice::Allowed(_, false) => None,
        Choice::Required | Choice::Allowed(_, true) => Some(ToolChoice::Any(AnyTool {})),
        Choice::Named(name) => Some(ToolChoice::Tool(NamedTool { name: names.register(&name) })),
    };
    let mut structured = None;
    // When the caller demands a call, the answer will be that call, and the format has nothing to shape. It is checked all the same.
    let synthetic = structured::tool(request.response_format.take(), &specs, &mut budget, notes)?;
    if synthetic.is_some() && tool_choice.is_some() {
        notes.rewrite(
            "response_format",
            "without effect, because tool_choice demands a call: the call is the answer",
        );
    } else if let Some(synthetic) = synthetic {
        notes.rewrite("response_format", structured::REWRITTEN);
        tool_choice = Some(if neutral {
            ToolChoice::Tool(NamedTool { name: synthetic.name.clone() })
        } else {
            ToolChoice::Any(AnyTool {})
        });
        structured = Some(synthetic.name.clone());
        specs.push(synthetic);
    }
    let tools: Vec<Tool> = specs.into_iter().map(Tool::ToolSpec).collect();
    let config = (!tools.is_empty()).then_some(ToolConfig { tools, tool_choice });
    Ok(Tools { config, names, structured, neutral })
}

fn spec(
    tool: ChatTool,
    index: usize,
    names: &mut ToolNames,
    seen: &mut HashSet<String>,
    budget: &mut SchemaBudget,
    notes: &mut Notes,
) -> Result<ToolSpec, TranslateError> {
    let path = format!("tools[{index}]");
    params::drop_unknown(&tool.rest, "tools.*", notes)?;
    let function = match (tool.kind.as_str(), tool.function) {
        ("function", Some(function)) => function,
        ("function", None) => {
            return Err(TranslateError::missing(
                format!("{path}.function"),
                "a tool of type \"function\" needs the field function",
            ));
        }
        (other, _) => {
            let message = format!("tools of type {other:?} are not available here: write \"function\"");
            return Err(TranslateError::unsupported(format!("{path}.type"), message));
        }
    };
    params::drop_unknown(&function.rest, "tools.*", notes)?;
    if function.name.is_empty() {
        return Err(TranslateError::invalid(
            format!("{path}.function.name"),
            "the name of a tool must not be empty",
        ));
    }
    if !seen.insert(function.name.clone()) {
        return Err(TranslateError::invalid(
            format!("{path}.function.name"),
            format!("two tools are named {:?}", function.name),
        ));
    }
    if tool.cache_control.is_some() {
        notes.drop(
            "tools.cache_control",
            "Nova refuses cache points among tools: set one in the instructions or in a message",
        )?;
    }
    let name = names.register(&function.name);
    if name != function.name {
        notes.rewrite(
            format!("{path}.function.name"),
            format!("sent as {name:?}, given back as {:?}", function.name),
        );
    }
    let schema_path = format!("{path}.function.parameters");
    let Schema { json, description } = match function.parameters {
        Some(parameters) => {
            schema::normalize(&parameters, &schema_path, "tools.function.parameters", budget, notes)?
        }
        None => Schema { json: schema::any_object(), description: None },
    };
    let description = function.description.filter(|text| !text.trim().is_empty()).or(description);
    Ok(ToolSpec { name, description, input_schema: InputSchema { json } })
}

/// One budget for all schemas of the request.
fn schema_budget(request: &ChatRequest) -> SchemaBudget {
    let functions = request.tools.iter().flatten().filter_map(|tool| tool.function.as_ref());
    let parameters = functions.filter_map(|function| function.parameters.as_ref());
    let format = request.response_format.as_ref().and_then(|format| format.json_schema.as_ref());
    let schemas = parameters.chain(format.and_then(|format| format.schema.as_ref()));
    SchemaBudget::new(schemas.map(|schema| schema.get().len()).sum())
}

fn choice(choice: Option<ChatToolChoice>, tools: &[ChatTool]) -> Result<Choice, TranslateError> {
    let needs_tools = |choice: Choice| {
        if tools.is_empty() {
            return Err(TranslateError::invalid(
                "tool_choice",
                "tool_choice demands a tool, and tools is empty or missing",
            ));
        }
        Ok(choice)
    };
    match choice {
        None => Ok(Choice::Auto),
        Some(ChatToolChoice::Mode(mode)) => match mode.as_str() {
            "none" => Ok(Choice::None),
            "auto" => Ok(Choice::Auto),
            "required" => needs_tools(Choice::Required),
            other => Err(TranslateError::invalid(
                "tool_choice",
                format!(
                    "{other:?} is not a tool choice: write \"none\", \"auto\", \"required\", or an object that names a function"
                ),
            )),
        },
        Some(ChatToolChoice::Object(object)) => object_choice(*object, tools).and_then(needs_tools),
    }
}

fn object_choice(object: ToolChoiceObject, tools: &[ChatTool]) -> Result<Choice, TranslateError> {
    let known = |name: &str| {
        tools.iter().filter_map(|tool| tool.function.as_ref()).any(|function| function.name == name)
    };
    let unknown = |param: &str, name: &str| {
        TranslateError::invalid(param, format!("tool_choice names {name:?}, which is not among tools"))
    };
    match (object.kind.as_str(), object.function, object.allowed_tools) {
        ("function", Some(function), _) if known(&function.name) => Ok(Choice::Named(function.name)),
        ("function", Some(function), _) => Err(unknown("tool_choice.function.name", &function.name)),
        ("allowed_tools", _, Some(allowed)) => {
            let param = "tool_choice.allowed_tools.tools";
            let names: Option<HashSet<String>> =
                allowed.tools.into_iter().map(|tool| tool.function.map(|function| function.name)).collect();
            let Some(names) = names else {
                return Err(TranslateError::invalid(
                    param,
                    "each allowed tool must be {\"type\": \"function\", \"function\": {\"name\": \"…\"}}",
                ));
            };
            if names.is_empty() {
                let message = "no tool is allowed: name at least one, or write tool_choice \"none\"";
                return Err(TranslateError::invalid(param, message));
            }
            if let Some(name) = names.iter().find(|name| !known(name)) {
                return Err(unknown(param, name));
            }
            match allowed.mode.as_str() {
                "auto" => Ok(Choice::Allowed(names, false)),
                "required" => Ok(Choice::Allowed(names, true)),
                _ => Err(TranslateError::invalid(
                    "tool_choice.allowed_tools.mode",
                    "the mode must be \"auto\" or \"required\"",
                )),
            }
        }
        (kind, _, _) => Err(TranslateError::invalid(
            "tool_choice",
            format!(
                "a tool choice of type {kind:?} in this form is not known: write {{\"type\": \"function\", \"function\": {{\"name\": \"…\"}}}}"
            ),
        )),
    }
}
