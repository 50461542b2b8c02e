//! A chat request to a Converse request.
//!
//! [`translate`] is the table of contents: each line is one concern in a file of its own. All of them write into one [`Notes`], so that
//! nothing is left out in silence.

mod cache;
mod content;
mod conversation;
mod data_url;
mod document;
mod image;
mod inference;
mod metadata;
mod neutral;
mod options;
mod params;
mod reasoning;
mod schema;
mod structured;
mod tool_call;
mod tool_names;
mod tools;

use openai_api::chat::ChatRequest;

pub use image::{RemoteImage, RemoteImages, remote_images};
pub use metadata::metadata_safe;
pub use options::{Guardrail, Options, PromptCache};
pub use params::KNOWN_DROPS;
pub(crate) use params::{drop_unknown_fields, header_safe};
pub(crate) use tool_names::ToolNames;

use crate::catalogue::{Capabilities, Catalogue, Target, Task};
use crate::converse::ConverseRequest;
use crate::note::{Note, Notes};
use crate::reply::ReplyPlan;
use crate::{TranslateError, converse};

/// A translated request: what to send, how to read the answer, and what was changed.
#[derive(Debug, Clone)]
pub struct Translation {
    /// The body of the call.
    pub body: ConverseRequest,
    /// How to read the answer.
    pub plan: ReplyPlan,
    /// Every rewrite and every drop.
    pub notes: Vec<Note>,
    /// How many answers the caller wants. Converse gives one, so that many calls are made.
    pub choices: u32,
}

/// What the parts of the translation know about the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) target: &'a Target,
    pub(crate) capabilities: &'a Capabilities,
    pub(crate) options: &'a Options,
    pub(crate) images: &'a image::SharedImages<'a>,
}

/// Translates a chat request for `target`.
///
/// `images` holds the images that [`remote_images`] named and that were fetched since.
///
/// # Errors
/// When the request breaks a rule of OpenAI's API, asks for something that Nova has not, or, under `strict`, for something that would
/// have been dropped.
pub fn translate(
    mut request: ChatRequest,
    target: &Target,
    options: &Options,
    images: &RemoteImages,
) -> Result<Translation, TranslateError> {
    let images = image::share(images);
    let capabilities = Catalogue::built_in().capabilities(target.model);
    let capabilities = capabilities.ok_or_else(|| target.model.not_for(Task::Chat))?;
    let context = Context { target, capabilities, options, images: &images };
    let mut notes = Notes::new(options.strict);

    params::refuse_what_nova_has_not(&request)?;
    image::refuse_too_many(&request)?;
    params::drop_what_nova_ignores(&request, &mut notes)?;
    let choices = params::choices(&request, options)?;
    let reasoning = reasoning::translate(&request, context, &mut notes)?;
    let inference = inference::translate(&mut request, context, reasoning, &mut notes)?;
    let tools = tools::translate(&mut request, &mut notes)?;
    let mut conversation = conversation::translate(request.messages, &tools, context, &mut notes)?;
    cache::place(&mut conversation, context, &mut notes)?;

    if request.parallel_tool_calls == Some(false) && tools.config.is_some() {
        let reason = "Nova has no such switch: calls after the first are left out of the answer";
        notes.rewrite("parallel_tool_calls", reason);
    }
    let plan = ReplyPlan {
        split_thinking: context.capabilities.leaks_thinking && tools.config.is_some(),
        single_tool_call: request.parallel_tool_calls == Some(false),
        structured: tools.structured,
        tool_names: conversation.tool_names,
        include_usage: request
            .stream_options
            .as_ref()
            .and_then(|options| options.include_usage)
            .unwrap_or(false),
    };
    let body = ConverseRequest {
        additional_model_request_fields: inference.additional,
        guardrail_config: options.guardrail.as_ref().map(converse::GuardrailConfig::from),
        inference_config: inference.config,
        messages: conversation.messages,
        request_metadata: metadata::translate(request.metadata, &options.request_metadata, &mut notes)?,
        service_tier: params::service_tier(request.service_tier.as_deref(), context, &mut notes)?,
        system: conversation.system,
        tool_config: tools.config,
    };
    Ok(Translation { body, plan, notes: notes.into_vec(), choices })
}

impl Translation {
    /// Whether the request holds cache points.
    #[must_use]
    pub fn has_cache_points(&self) -> bool {
        cache::is_present(&self.body)
    }

    /// Leaves cache points out, for a model that refuses them against its documentation.
    pub fn strip_cache_points(&mut self) {
        if cache::strip(&mut self.body) {
            let param = std::borrow::Cow::Borrowed("cache_control");
            let reason = std::borrow::Cow::Borrowed("the model refuses cache points at this moment");
            self.notes.push(Note { kind: crate::NoteKind::Dropped, param, reason });
        }
    }

    /// Asks for the likeliest tokens, and tells whether that changed anything. It does not where the model refuses sampling parameters (at
    /// reasoning effort high), and where they are asked for already. Source: Amazon Nova user guide, tool use: greedy decoding avoids invalid
    /// tool calls.
    pub fn decode_greedily(&mut self) -> bool {
        let fields = self.body.additional_model_request_fields;
        let excluded =
            fields.and_then(|fields| fields.reasoning_config).is_some_and(reasoning::excludes_inference);
        let config = &mut self.body.inference_config;
        let greedy = Some(converse::InferenceFields { top_k: 1 });
        let is_greedy = config.temperature == Some(0.0)
            && config.top_p.is_none()
            && fields.is_some_and(|fields| fields.inference_config == greedy);
        if excluded || is_greedy {
            return false;
        }
        config.temperature = Some(0.0);
        config.top_p = None;
        self.body.additional_model_request_fields.get_or_insert_default().inference_config = greedy;
        true
    }
}

#[cfg(test)]
pub(crate) mod tests;
