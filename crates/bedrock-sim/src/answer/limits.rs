//! What ends an answer early: stop sequences, and `maxTokens`.

use serde_json::Value;

use super::{Block, BlockKind};
use crate::catalogue::Model;
use crate::tokens::{self, CHARACTERS_PER_TOKEN};
use crate::validate::list;

/// The blocks that are left, and why it ended early, if it did.
pub(super) struct Limited {
    pub(super) blocks: Vec<Block>,
    pub(super) reason: Option<&'static str>,
}

/// Applies the request's stop sequences, then its `maxTokens`, or the model's where it has none.
pub(super) fn apply(blocks: Vec<Block>, body: &Value, model: &Model) -> Limited {
    let config = body.get("inferenceConfig");
    let stops: Vec<&str> = config
        .map(|config| list(config, "stopSequences"))
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let max_tokens = config.and_then(|config| config.get("maxTokens")).and_then(Value::as_u64);
    let stopped = stop(blocks, &stops);
    let mut limited =
        truncate(stopped.blocks, max_tokens.unwrap_or_else(|| u64::from(model.max_output_tokens)));
    limited.reason = limited.reason.or(stopped.reason);
    limited
}

/// Ends the answer before the first stop sequence in a text. The sequence itself is not sent.
fn stop(blocks: Vec<Block>, stops: &[&str]) -> Limited {
    let mut kept = Vec::new();
    for mut block in blocks {
        let whole = block.pieces.concat();
        let found = match block.kind {
            BlockKind::Text => stops.iter().filter_map(|stop| whole.find(stop)).min(),
            _ => None,
        };
        let Some(end) = found else {
            kept.push(block);
            continue;
        };
        let characters = whole.get(..end).unwrap_or_default().chars().count();
        cut(&mut block, characters);
        if characters > 0 {
            kept.push(block);
        }
        return Limited { blocks: kept, reason: Some("stop_sequence") };
    }
    Limited { blocks: kept, reason: None }
}

/// Ends the answer at `max_tokens`. A text is cut; a tool call that does not fit is left out whole, because the
/// non-streaming response has no way to show half a call.
fn truncate(blocks: Vec<Block>, max_tokens: u64) -> Limited {
    let mut left = max_tokens;
    let mut kept = Vec::new();
    for mut block in blocks {
        if block.tokens <= left {
            left -= block.tokens;
            kept.push(block);
            continue;
        }
        if block.kind == BlockKind::Text && left > 0 {
            let characters = usize::try_from(left).unwrap_or(usize::MAX).saturating_mul(CHARACTERS_PER_TOKEN);
            cut(&mut block, characters);
            kept.push(block);
        } else if block.kind == BlockKind::Reasoning {
            block.tokens = left;
            kept.push(block);
        }
        return Limited { blocks: kept, reason: Some("max_tokens") };
    }
    Limited { blocks: kept, reason: None }
}

/// Shortens a block to that many characters.
fn cut(block: &mut Block, characters: usize) {
    let mut left = characters;
    for piece in &mut block.pieces {
        let kept: String = piece.chars().take(left).collect();
        left -= kept.chars().count();
        *piece = kept;
    }
    block.pieces.retain(|piece| !piece.is_empty());
    block.tokens = tokens::of_text(&block.pieces.concat());
}
