"""The classes of transformers 5 that read tokenizers of BPE, and what they say where the files do not.

The tables are those of transformers 5.24: `models/auto/tokenization_auto.py`, `models/*/tokenization_*.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CLASSES", "Class", "class_of"]


@dataclass(frozen=True)
class Class:
    """What a class of transformers says where the files do not."""

    tokens: Mapping[str, str] = field(default_factory=dict)
    padding_side: str = "right"
    # Whether it splits bytes, and is told whether a space stands before a text.
    has_prefix_space: bool = False


def _same(token: str, *names: str) -> dict[str, str]:
    return {f"{name}_token": token for name in names}


_END = "<|endoftext|>"
_GPT2 = Class(_same(_END, "bos", "eos", "unk"), has_prefix_space=True)
_QWEN2 = Class(_same(_END, "eos", "unk", "pad"), has_prefix_space=True)
_LLAMA = Class({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, "left")
_GEMMA = Class(
    {
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
    },
    "left",
)
_ROBERTA = Class(
    {
        **_same("<s>", "bos", "cls"),
        **_same("</s>", "eos", "sep"),
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
    },
    has_prefix_space=True,
)
CLASSES = {
    "GPT2Tokenizer": _GPT2,
    "CodeGenTokenizer": _GPT2,
    "WhisperTokenizer": _GPT2,
    "Qwen2Tokenizer": _QWEN2,
    "Qwen3_5Tokenizer": _QWEN2,
    "LlamaTokenizer": _LLAMA,
    "CodeLlamaTokenizer": _LLAMA,
    "GemmaTokenizer": _GEMMA,
    "Siglip2Tokenizer": _GEMMA,
    "CohereTokenizer": Class(
        {
            "bos_token": "<BOS_TOKEN>",
            "eos_token": "<|END_OF_TURN_TOKEN|>",
            "unk_token": "<UNK>",
            "pad_token": "<PAD>",
            "cls_token": "<CLS>",
            "sep_token": "<SEP>",
            "mask_token": "<MASK_TOKEN>",
        },
        "left",
        has_prefix_space=True,
    ),
    "GPTNeoXTokenizer": Class(
        {**_same(_END, "bos", "eos", "unk"), "pad_token": "<|padding|>"}, has_prefix_space=True
    ),
    **dict.fromkeys(
        (
            "RobertaTokenizer",
            "BartTokenizer",
            "LEDTokenizer",
            "MvpTokenizer",
            "LongformerTokenizer",
            "LukeTokenizer",
        ),
        _ROBERTA,
    ),
    "DebertaTokenizer": Class(
        {
            **_same("[CLS]", "bos", "cls"),
            **_same("[SEP]", "eos", "sep"),
            "unk_token": "[UNK]",
            "pad_token": "[PAD]",
            "mask_token": "[MASK]",
        },
        has_prefix_space=True,
    ),
    "CLIPTokenizer": Class({"bos_token": "<|startoftext|>", **_same(_END, "eos", "unk", "pad")}),
    "OpenAIGPTTokenizer": Class({"unk_token": "<unk>"}),
}
# The class of a model, which goes before the one that the files name if that is another.
_CLASS_OF_MODEL = {
    model: name
    for name, models in {
        "GPT2Tokenizer": """
            gpt2 gpt_neo gptj opt phi codegen dbrx starcoder2 blip-2 emu3 instructblip
            jais2
        """,
        "Qwen2Tokenizer": """
            qwen2 qwen2_moe qwen2_vl qwen2_5_vl qwen2_5_omni qwen2_audio qwen3 qwen3_moe
            qwen3_next qwen3_vl qwen3_vl_moe qwen3_omni_moe qwen3_asr internvl ovis2
            colqwen2 hunyuan_vl audioflamingo3
        """,
        "Qwen3_5Tokenizer": "qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen4_exp",
        "GemmaTokenizer": """
            gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma
            shieldgemma2 t5gemma
        """,
        "CohereTokenizer": "aya_vision cohere cohere2",
        "GPTNeoXTokenizer": "gpt_neox mpt olmo olmoe mamba mamba2 falcon_mamba rwkv xlstm",
        "LlamaTokenizer": "idefics idefics2",
        "CodeLlamaTokenizer": "code_llama",
        "RobertaTokenizer": """
            roberta bart longformer mega mra bridgetower clap data2vec-text ibert lilt
        """,
        "CLIPTokenizer": "clip clipseg groupvit owlvit owlv2 oneformer omdet-turbo xclip",
        "WhisperTokenizer": "whisper",
        "DebertaTokenizer": "deberta",
        "OpenAIGPTTokenizer": "openai-gpt",
        # No class of its own: all is as the files say.
        "": """
            arctic aria chatlm cohere_asr ernie4_5 ernie4_5_moe flex_olmo fuyu glm glm4
            glm4_moe glm4_moe_lite glm4v glm4v_moe glmasr got_ocr2 gpt_bigcode granite
            granitemoe granitemoehybrid granitemoeshared h2ovl_chat hyperclovax
            hyperclovax_vlm internlm2 internlm3 iquestcoder jamba kimi_k25 kimi_linear
            kosmos-2 llava llava_next mimo_v2_flash minicpm3 minicpmv minimax_m2
            ministral ministral3 mistral mistral3 mistral_large4 mixtral modernbert
            modernbert-decoder molmo molmo2 nemotron nvfp4 olmo2 olmo3 olmo_hybrid
            opencua openvla paddleocr_vl persimmon phi3 phi3_v phimoe pixtral smolvlm
            stablelm step3_vl vipllava voxtral voxtral_realtime
        """,
    }.items()
    for model in models.split()
}
# Models of which transformers knows that their files name the wrong class.
_WRONG_CLASS = {"qwen2", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen4_exp"}


def class_of(config: Mapping[str, Any], model: Mapping[str, Any], *, has_bytes: bool) -> str:
    """The class that reads a folder; no name is the one that takes all as it stands in its files.

    Args:
        config: The `tokenizer_config.json`.
        model: The `config.json`.
        has_bytes: Whether the `tokenizer.json` splits bytes.
    """
    given = str(config.get("tokenizer_class") or model.get("tokenizer_class") or "").removesuffix("Fast")
    model_type = str(model.get("model_type") or "")
    if given == "LlamaTokenizer" and has_bytes and model_type not in _WRONG_CLASS:
        return ""
    own = _CLASS_OF_MODEL.get(model_type)
    if not given:
        return own or ""
    if own is None or own == given:
        return given
    if model_type in _WRONG_CLASS or not own:
        return own
    return given if given in CLASSES else ""
