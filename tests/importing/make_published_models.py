"""Makes small models as transformers writes them, and what transformers answers.

    python make_published_models.py FOLDER [WIDTH]      makes one folder for each kind of model
    python make_published_models.py --check FOLDER...   loads folders and compares the answers
    python make_published_models.py --sentences FOLDER FILE     vectors of TEXTS by a BERT in FOLDER

It needs the environment of `benchmarks/peers_transformers.txt`, with `sentencepiece`. Beside this
script, `golden/` holds what it makes of width 8, in float16. Every folder has `expected.npz`: the
original ids that were read, the logits, those that greedy decoding adds, texts and their ids.
"""

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import sentencepiece
import torch
import transformers as t
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from tokenizers.implementations import BertWordPieceTokenizer

TEXTS = [
    "The cat sat on the mat, didn't it?",
    "  Two  spaces\n\n and 12345 lines\t!",
    "Ünïcode naïve ½ \u65e5\u672c \U0001f600",
    "",
    "aaaaaaa banana",
]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
STEPS = 6


def byte_pairs(folder, special, llama3=False, form=None):
    """Trains byte-level BPE; returns the tokenizer, and writes it where it has a folder."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=llama3))
    by_bytes = {"add_prefix_space": False, "use_regex": not llama3}
    parts = [pre_tokenizers.ByteLevel(**by_bytes)]
    if llama3:
        parts.insert(0, pre_tokenizers.Split(Regex(LLAMA3), "isolated"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts) if llama3 else parts[0]
    tokenizer.decoder = decoders.ByteLevel()
    if form:
        tokenizer.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + len(special) + 9,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    return tokenizer


def write_byte_pairs(folder, tokenizer):
    """As `vocab.json` and `merges.txt`."""
    content = json.loads(tokenizer.to_str())["model"]
    Path(folder, "vocab.json").write_text(json.dumps(content["vocab"]), encoding="utf-8")
    merges = [" ".join(m) if isinstance(m, list) else m for m in content["merges"]]
    Path(folder, "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), encoding="utf-8")


def sentence_pieces(path, size=64, **ids):
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 3),
        model_writer=file,
        vocab_size=size,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        minloglevel=2,
        **ids,
    )
    Path(path).write_bytes(file.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())


def bert(folder, width):
    pieces = ["[PAD]", "a", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "##a", "ban", "##na"]
    words = "the cat sat on mat , did ##n ' t it ? two spa ##ces and line ##s uni ##code !"
    pieces += words.split()
    Path(folder, "vocab.txt").write_text("\n".join([*pieces, "½", "日", "12345", ""]))
    tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"))
    config = t.BertConfig(
        vocab_size=len(pieces) + 3, hidden_size=width, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=12, max_position_embeddings=20, pad_token_id=0,
    )  # fmt: skip
    return t.BertModel(config, add_pooling_layer=True), tokenizer.encode


def gpt2(folder, width):
    tokenizer = byte_pairs(folder, ["<|endoftext|>"])
    write_byte_pairs(folder, tokenizer)
    config = t.GPT2Config(
        vocab_size=266, n_positions=24, n_embd=width, n_layer=2, n_head=2, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    return t.GPT2LMHeadModel(config), tokenizer.encode


def llama3(folder, width):
    tokenizer = byte_pairs(folder, ["<|begin|>", "<|end|>"], llama3=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = t.LlamaConfig(
        vocab_size=272, hidden_size=width, intermediate_size=12, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, bos_token_id=0, eos_token_id=1,
        rope_parameters={
            "rope_type": "llama3", "rope_theta": 1000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
        },
    )  # fmt: skip
    return t.LlamaForCausalLM(config), tokenizer.encode


def llama2(folder, width):
    processor = sentence_pieces(
        folder / "tokenizer.model", 330, model_type="bpe", byte_fallback=True
    )
    config = t.LlamaConfig(
        vocab_size=processor.vocab_size(), hidden_size=width, intermediate_size=12,
        num_hidden_layers=1, num_attention_heads=2, head_dim=6, bos_token_id=1, eos_token_id=2,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0},
    )  # fmt: skip
    return t.LlamaForCausalLM(config), processor.encode


def mamba(folder, width):
    tokenizer = byte_pairs(folder, ["<|endoftext|>"], form="NFC")
    tokenizer.save(str(folder / "tokenizer.json"))
    config = t.MambaConfig(
        vocab_size=272, hidden_size=width, num_hidden_layers=2, state_size=3, time_step_rank=2
    )
    return t.MambaForCausalLM(config), tokenizer.encode


def marian(folder, width):
    processors = [sentence_pieces(folder / f"{side}.spm") for side in ("source", "target")]
    pieces = ["</s>", "<unk>"]
    for processor in processors:
        pieces += [p for p in map(processor.id_to_piece, range(processor.vocab_size()))
                   if p not in [*pieces, "<s>"]]  # fmt: skip
    pieces.append("<pad>")
    ids = {piece: i for i, piece in enumerate(pieces)}
    Path(folder, "vocab.json").write_text(json.dumps(ids))
    config = t.MarianConfig(
        vocab_size=len(ids), d_model=width, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=12,
        decoder_ffn_dim=12, max_position_embeddings=24, pad_token_id=len(ids) - 1,
        decoder_start_token_id=len(ids) - 1, eos_token_id=0, activation_function="swish",
        scale_embedding=True, forced_eos_token_id=None,
    )  # fmt: skip

    def encode(text):
        return [ids.get(piece, 1) for piece in processors[0].encode(text, out_type=str)]

    return t.MarianMTModel(config), encode


def bart(folder, width):
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = byte_pairs(folder, special)
    write_byte_pairs(folder, tokenizer)
    config = t.BartConfig(
        vocab_size=269, d_model=width, encoder_layers=2, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=12,
        decoder_ffn_dim=12, max_position_embeddings=24, forced_eos_token_id=None,
    )  # fmt: skip
    return t.BartForConditionalGeneration(config), lambda text: [0, *tokenizer.encode(text).ids]


def t5(folder, width, **settings):
    processor = sentence_pieces(folder / "spiece.model", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    config = t.T5Config(
        vocab_size=-(-(processor.vocab_size() + 100) // 64) * 64, d_model=width, d_kv=3, d_ff=12,
        num_layers=2, num_decoder_layers=1, num_heads=2, relative_attention_num_buckets=8,
        relative_attention_max_distance=12, decoder_start_token_id=0, **settings,
    )  # fmt: skip
    return t.T5ForConditionalGeneration(config), processor.encode


def t5_gated(folder, width):
    return t5(folder, width, feed_forward_proj="gated-gelu", tie_word_embeddings=False)


FAMILIES = [bert, gpt2, llama3, llama2, mamba, marian, bart, t5, t5_gated]


def expected(model, config, rng):
    """Returns what was read, the logits or hidden states, and what greedy decoding adds."""
    ids = rng.integers(6, 30, (2, 7))
    if config.model_type == "bert":
        ids[1, 5:] = 0
        mask = torch.tensor(ids != 0).long()
        hidden = model(torch.tensor(ids), attention_mask=mask).last_hidden_state
        return {"ids": ids, "outputs": hidden.numpy() * (ids != 0)[..., None]}
    options = {"do_sample": False, "max_new_tokens": STEPS, "min_new_tokens": None}
    if not config.is_encoder_decoder:
        start = config.bos_token_id
        ids[:, 0] = config.eos_token_id if start is None else start
        logits = model(torch.tensor(ids)).logits
        added = model.generate(torch.tensor(ids), **options)[:, ids.shape[1] :]
        return {"ids": ids, "outputs": logits.numpy(), "added": added.numpy()}
    ids[:, -1] = config.eos_token_id
    target = rng.integers(6, 30, (2, 4))
    target[:, 0] = config.decoder_start_token_id
    logits = model(input_ids=torch.tensor(ids), decoder_input_ids=torch.tensor(target)).logits
    options["bad_words_ids"] = [[config.pad_token_id]]
    added = model.generate(torch.tensor(ids), num_beams=1, **options)[:, 1:]
    return {"ids": ids, "target": target, "outputs": logits.numpy(), "added": added.numpy()}


def make(folder, family, width):
    torch.manual_seed(3)
    rng = np.random.default_rng(4)
    folder = Path(folder, family.__name__)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model, encode = family(folder, width)
    for name, weight in model.named_parameters():
        if family is marian and "embed_positions" in name:
            continue  # sinusoids, which are in no file
        spread = width**-0.5 if weight.dim() > 1 else 0.2
        weight.data += spread * torch.randn_like(weight)
        weight.data = weight.data.half().float()
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias += torch.randn_like(model.final_logits_bias).half().float() / 2
        model.final_logits_bias.data = model.final_logits_bias.half().float()
    model.eval()
    with torch.no_grad():
        answers = expected(model, model.config, rng)
    texts = [getattr(encoded, "ids", encoded) for encoded in map(encode, TEXTS)]
    answers["texts"] = np.array(TEXTS)
    answers["text_ids"] = np.array([i for ids in texts for i in ids], np.int32)
    answers["text_lengths"] = np.array([len(ids) for ids in texts], np.int32)
    np.savez_compressed(folder / "expected.npz", **answers)
    model.half().save_pretrained(folder)
    Path(folder, "generation_config.json").unlink(missing_ok=True)


def check(folder):
    """Compares what transformers answers with a folder with the `expected.npz` that is in it."""
    folder = Path(folder)
    known = np.load(folder / "expected.npz")
    (name,) = json.loads((folder / "config.json").read_text())["architectures"]
    model = getattr(t, name).from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.tensor(known["ids"])
    with torch.no_grad():
        if model.config.model_type == "bert":
            outputs = model(ids, attention_mask=(ids != 0).long()).last_hidden_state
            outputs = outputs * (ids != 0)[..., None]
        elif "target" in known:
            outputs = model(input_ids=ids, decoder_input_ids=torch.tensor(known["target"])).logits
        else:
            outputs = model(ids).logits
    np.testing.assert_allclose(outputs.numpy(), known["outputs"], rtol=1e-5, atol=1e-5)
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        ids = [i for text in known["texts"].tolist() for i in tokenizer.encode(text).ids]
        given = known["text_ids"].tolist()
        if model.config.model_type == "bart":
            given = [i for i in given if i != model.config.bos_token_id]
        assert ids == given, folder


def sentences(folder, file):
    """Writes the means of the hidden states of TEXTS, of length 1, to a file of NumPy."""
    model, tokenizer = t.BertModel.from_pretrained(folder), t.AutoTokenizer.from_pretrained(folder)
    read = tokenizer(TEXTS, return_tensors="pt", padding=True)
    with torch.no_grad():
        hidden = model.eval()(**read).last_hidden_state
    weight = read.attention_mask[:, :, None]
    means = (hidden * weight).sum(1) / weight.sum(1)
    np.savez(file, texts=np.array(TEXTS), vectors=torch.nn.functional.normalize(means).numpy())


if __name__ == "__main__":
    t.logging.set_verbosity_error()
    if sys.argv[1] == "--check":
        for each in sys.argv[2:]:
            check(each)
        sys.exit()
    if sys.argv[1] == "--sentences":
        sys.exit(sentences(*sys.argv[2:]))
    for family in FAMILIES:
        make(sys.argv[1], family, int(sys.argv[2]) if len(sys.argv) > 2 else 8)
