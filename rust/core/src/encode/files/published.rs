//! What is known of the published rank files, which hold ranks and nothing else: patterns and special tokens.

use std::ops::Range;

use crate::encode::definition::Definition;
use crate::encode::vocabulary::tokens::Tokens;
use crate::split::Pattern;

/// A published encoding of tiktoken's kind.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) name: &'static str,
    /// How many ranks its file has.
    pub(super) ranks: usize,
    /// The name of its split.
    pattern: &'static str,
    special_tokens: &'static [(&'static str, u32)],
    /// Ids with special tokens named `<|reserved_ID|>`.
    reserved: Range<u32>,
    /// The special token that begins a text.
    pub(super) bos: Option<u32>,
    /// The special token that ends a text.
    pub(super) eos: Option<u32>,
}

impl Published {
    const fn new(
        name: &'static str,
        ranks: usize,
        pattern: &'static str,
        special_tokens: &'static [(&'static str, u32)],
    ) -> Self {
        Self { name, ranks, pattern, special_tokens, reserved: 0..0, bos: None, eos: None }
    }

    /// How it splits text.
    pub(super) fn pattern(&self) -> Pattern {
        Pattern::new(Some(self.pattern))
    }

    /// Names and ids of its special tokens, by id.
    pub(super) fn special_tokens(&self) -> Vec<(String, u32)> {
        let named = self.special_tokens.iter().map(|&(name, id)| (name.to_owned(), id));
        let reserved = self.reserved.clone().map(|id| (format!("<|reserved_{id}|>"), id));
        let mut tokens: Vec<_> = named.chain(reserved).collect();
        tokens.sort_by_key(|&(_, id)| id);
        tokens
    }

    /// The encoding of these ranks.
    pub(super) fn definition(&self, tokens: Tokens) -> Definition {
        Definition {
            special_tokens: self.special_tokens(),
            bos: self.bos.into(),
            eos: self.eos.into(),
            ..Definition::of_ranks(self.pattern(), tokens)
        }
    }

    /// The published encoding of this name, if there is one.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        PUBLISHED.iter().find(|known| known.name == name)
    }
}

/// From openai/tiktoken, `openai_public.py`, and the `tokenizer.py` of Llama 3 and Qwen.
const PUBLISHED: [Published; 9] = [
    Published::new("gpt2", 50_256, "gpt2", &[("<|endoftext|>", 50_256)]),
    Published::new("r50k_base", 50_256, "gpt2", &[("<|endoftext|>", 50_256)]),
    Published::new("p50k_base", 50_280, "gpt2", &[("<|endoftext|>", 50_256)]),
    Published::new(
        "p50k_edit",
        50_280,
        "gpt2",
        &[
            ("<|endoftext|>", 50_256),
            ("<|fim_prefix|>", 50_281),
            ("<|fim_middle|>", 50_282),
            ("<|fim_suffix|>", 50_283),
        ],
    ),
    Published::new(
        "cl100k_base",
        100_256,
        "cl100k",
        &[
            ("<|endoftext|>", 100_257),
            ("<|fim_prefix|>", 100_258),
            ("<|fim_middle|>", 100_259),
            ("<|fim_suffix|>", 100_260),
            ("<|endofprompt|>", 100_276),
        ],
    ),
    Published::new(
        "o200k_base",
        199_998,
        "o200k",
        &[("<|endoftext|>", 199_999), ("<|endofprompt|>", 200_018)],
    ),
    Published {
        reserved: 200_013..201_088,
        ..Published::new(
            "o200k_harmony",
            199_998,
            "o200k",
            &[
                ("<|startoftext|>", 199_998),
                ("<|endoftext|>", 199_999),
                ("<|reserved_200000|>", 200_000),
                ("<|reserved_200001|>", 200_001),
                ("<|return|>", 200_002),
                ("<|constrain|>", 200_003),
                ("<|reserved_200004|>", 200_004),
                ("<|channel|>", 200_005),
                ("<|start|>", 200_006),
                ("<|end|>", 200_007),
                ("<|message|>", 200_008),
                ("<|reserved_200009|>", 200_009),
                ("<|reserved_200010|>", 200_010),
                ("<|reserved_200011|>", 200_011),
                ("<|call|>", 200_012),
                // A second name of an id that is reserved, too.
                ("<|endofprompt|>", 200_018),
            ],
        )
    },
    Published {
        bos: Some(128_000),
        eos: Some(128_001),
        ..Published::new(
            "llama3",
            128_000,
            "llama3",
            &[
                ("<|begin_of_text|>", 128_000),
                ("<|end_of_text|>", 128_001),
                ("<|start_header_id|>", 128_006),
                ("<|end_header_id|>", 128_007),
                ("<|eot_id|>", 128_009),
            ],
        )
    },
    Published::new(
        "qwen2",
        151_643,
        "qwen2",
        &[("<|endoftext|>", 151_643), ("<|im_start|>", 151_644), ("<|im_end|>", 151_645)],
    ),
];
