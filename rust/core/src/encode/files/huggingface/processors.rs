//! The post-processors of a `tokenizer.json`: what stands before and after a text, and what spans leave out.
//!
//! Only what happens to a single text counts; the templates of pairs are written, but not read.

use serde_json::{Value, json};

use super::parts::{brief, flat, unsupported};
use super::{Checked, byte_level};
use crate::encode::decode::trims::Trim;
use crate::encode::definition::Definition;
use crate::encode::tokenizer::Tokenizer;
use crate::encode::vocabulary::end_ids::EndIds;

/// All that post-processors do.
#[derive(Debug, Default)]
pub(super) struct Processed {
    pub(super) bos: EndIds,
    pub(super) eos: EndIds,
    pub(super) trims: Vec<Trim>,
}

/// What the part says; `specials` are the added tokens, and `has` says whether an id is that of any token.
pub(super) fn read(
    part: &Value,
    specials: &[(String, u32)],
    has: impl Fn(u32) -> bool,
) -> Checked<Processed> {
    let mut all = Processed::default();
    let mut has_template = false;
    for step in flat("post_processor", part, "processors")? {
        let kind = step["type"].as_str();
        // RoBERTa's without both of its flags is read as BERT's.
        let is_bert = kind == Some("RobertaProcessing")
            && (step["trim_offsets"].is_null() || step["add_prefix_space"].is_null());
        if let Some("ByteLevel" | "RobertaProcessing") = kind
            && step["trim_offsets"] != false
            && !is_bert
        {
            all.trims.push(Trim { keeps_first_space: step["add_prefix_space"] != false });
        }
        match kind {
            Some("ByteLevel") => continue,
            Some("TemplateProcessing") if !has_template => {
                (all.bos, all.eos) = template_ends(step, specials)?;
            }
            Some("RobertaProcessing" | "BertProcessing") if !has_template => {
                (all.bos, all.eos) = (named_end(step, "cls")?.into(), named_end(step, "sep")?.into());
            }
            _ => return Err(unsupported("post_processor", step)),
        }
        has_template = true;
    }
    match all.bos.as_slice().iter().chain(all.eos.as_slice()).find(|&&id| !has(id)) {
        Some(id) => Err(format!("post_processor: id {id} is not in the vocabulary")),
        None => Ok(all),
    }
}

/// One of the two tokens that BERT's and RoBERTa's processors put around a text.
fn named_end(step: &Value, end: &str) -> Checked<u32> {
    let id = step[end][1].as_u64().and_then(|id| u32::try_from(id).ok());
    id.ok_or_else(|| format!("post_processor: expected a token and its id, not {}", brief(&step[end])))
}

/// The ids before the text and after it.
fn template_ends(template: &Value, specials: &[(String, u32)]) -> Checked<(EndIds, EndIds)> {
    let refuse = || unsupported("post_processor", &template["single"]);
    let pieces = template["single"].as_array().ok_or_else(refuse)?;
    let text = pieces.iter().position(|piece| piece.get("Sequence").is_some()).ok_or_else(refuse)?;
    let ids = |pieces: &[Value]| -> Checked<EndIds> {
        let mut ids = Vec::new();
        for piece in pieces {
            let name = piece["SpecialToken"]["id"].as_str().ok_or_else(refuse)?;
            ids.extend(ids_of_piece(template, name, specials)?);
        }
        Ok(ids.into())
    };
    Ok((ids(&pieces[..text])?, ids(&pieces[text + 1..])?))
}

/// The ids of a template's special token, which may be several: those that the template says, or else the one of the
/// added token of this name.
fn ids_of_piece(template: &Value, name: &str, specials: &[(String, u32)]) -> Checked<Vec<u32>> {
    match &template["special_tokens"][name]["ids"] {
        Value::Null => {
            let added = specials.iter().find(|(other, _)| other == name).map(|&(_, id)| vec![id]);
            added.ok_or_else(|| format!("post_processor: {name:?} is not among the added tokens"))
        }
        listed => serde_json::from_value(listed.clone())
            .map_err(|_| format!("post_processor: expected the ids of {name:?}, not {}", brief(listed))),
    }
}

/// The post-processor that does what the tokenizer does.
pub(super) fn write(tokenizer: &Tokenizer, definition: &Definition) -> Value {
    let trims = definition.pipeline.trims.iter().map(|trim| {
        json!({"type": "ByteLevel", "add_prefix_space": trim.keeps_first_space, "trim_offsets": true,
            "use_regex": false})
    });
    let mut steps: Vec<Value> = trims.collect();
    if !definition.bos.is_empty() || !definition.eos.is_empty() {
        steps.push(template(tokenizer, definition));
    }
    match steps.len() {
        0 => byte_level(),
        1 => steps.remove(0),
        _ => json!({"type": "Sequence", "processors": steps}),
    }
}

fn template(tokenizer: &Tokenizer, definition: &Definition) -> Value {
    let (bos, eos) = (definition.bos.as_slice(), definition.eos.as_slice());
    let name = |id: u32| tokenizer.written(id).unwrap_or_default();
    let special = |ids: &[u32], type_id: u32| -> Vec<Value> {
        ids.iter().map(|&id| json!({"SpecialToken": {"id": name(id), "type_id": type_id}})).collect()
    };
    let around = |text: &str, type_id: u32| -> Vec<Value> {
        let text = vec![json!({"Sequence": {"id": text, "type_id": type_id}})];
        [special(bos, type_id), text, special(eos, type_id)].concat()
    };
    let single = around("A", 0);
    let pair = [single.clone(), around("B", 1)].concat();
    let tokens = bos.iter().chain(eos).map(|&id| {
        let name = name(id);
        (name.clone(), json!({"id": name, "ids": [id], "tokens": [name]}))
    });
    let tokens: serde_json::Map<String, Value> = tokens.collect();
    json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens})
}
