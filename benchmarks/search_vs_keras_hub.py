"""seqzoo's beam search beside keras-hub's `BeamSampler`, both on keras-hub's own GPT-2 step.

    python benchmarks/search_vs_keras_hub.py
    python benchmarks/search_vs_keras_hub.py --batches 16 --xla

One model of random weights, in one process: 3 layers of 256 units, a vocabulary of 8,000, prompts
of 4 tokens, 30 new ones. Both searches drive `GPT2CausalLM.call_with_cache`, so that what differs
is the search. They take turns; shown are tokens a second, medians. No sequence ends there.

Then the end is made probable, and what each search returns is scored anew by the model: the sum of
the log-probs of its tokens up to the first end. keras-hub's sampler goes on adding log-probs behind
an end and has no length normalisation, so the beam beside it has none either.
"""

from __future__ import annotations

import argparse
import statistics
import time

from seqzoo.ops.decoding.log_probs import LogProbs, log_sums
from seqzoo.search import BeamSearch

# isort: split
import keras
import keras_hub
import numpy as np
import tensorflow as tf

VOCABULARY, UNITS, LAYERS, HEADS, PROMPT, NEW, END = 8000, 256, 3, 4, 4, 30, 1
SHARPNESS = 3.0  # of the logits: their standard deviation


def make_model(end_bias: float) -> keras_hub.models.GPT2CausalLM:
    """A model whose logits are spread; `end_bias` is about what is added to that of the end."""
    keras.utils.set_random_seed(0)
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=VOCABULARY,
        num_layers=LAYERS,
        num_heads=HEADS,
        hidden_dim=UNITS,
        intermediate_dim=4 * UNITS,
        dropout=0.0,
        max_sequence_length=PROMPT + NEW,
    )
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(VOCABULARY, UNITS)) * SHARPNESS * UNITS**-0.5
    # The embedding is the head too: the last hidden unit is constant, and adds to one logit.
    embeddings[:, -1] = 0.0
    embeddings[END, -1] = end_bias
    backbone.token_embedding.embeddings.assign(embeddings.astype("float32"))
    for layer in backbone.transformer_layers:
        for weight in layer.trainable_variables:
            if len(weight.shape) > 1:
                weight.assign(keras.random.normal(weight.shape, stddev=weight.shape[0] ** -0.5))
    scale, shift = np.ones(UNITS, "float32"), np.zeros(UNITS, "float32")
    scale[-1], shift[-1] = 0.0, 1.0
    backbone.layer_norm.set_weights([scale, shift])
    return keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)


def theirs(model, width: int, stop: list[int] | None, jit_compile: bool):
    sampler = keras_hub.samplers.BeamSampler(num_beams=width)
    model.compile(sampler=sampler, jit_compile=jit_compile)

    @tf.function(jit_compile=jit_compile)
    def run(prompts):
        room = tf.zeros((prompts.shape[0], NEW), tf.int32)
        mask = tf.concat([tf.ones_like(prompts), room], axis=1)
        inputs = {"token_ids": tf.concat([prompts, room], axis=1), "padding_mask": mask}
        return model.generate_step(inputs, stop)["token_ids"][:, PROMPT:]

    return lambda prompts: run(tf.constant(prompts)).numpy()


def ours(model, width: int, jit_compile: bool):
    search = BeamSearch(width, length_penalty="none", max_length=NEW)

    def step(token_ids, state, encoded):
        time = state["time"][0]
        logits, _, cache = model.call_with_cache(token_ids[:, None], state["cache"], time)
        log_probs = LogProbs(logits[:, 0], log_sums(logits[:, 0]))
        return log_probs, {"cache": cache, "time": state["time"] + 1}

    @tf.function(jit_compile=jit_compile)
    def run(prompts):
        padded = tf.pad(prompts, ((0, 0), (0, NEW)))
        _, cache = model._build_cache(padded)
        state = {"cache": cache, "time": tf.fill((prompts.shape[0],), PROMPT - 1)}
        state = {name: tf.repeat(leaf, width, axis=0) for name, leaf in state.items()}
        return search(step, state, (), prompts[:, -1], END).token_ids[:, 0]

    return lambda prompts: run(tf.constant(prompts)).numpy()


def scores(model, prompts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Sums of log-probs of the tokens up to the first end, by the whole model at once."""
    ids = np.concatenate([prompts, tokens], axis=1)
    logits = model({"token_ids": ids, "padding_mask": np.ones_like(ids)})
    log_probs = tf.nn.log_softmax(logits[:, PROMPT - 1 : -1]).numpy()
    taken = np.take_along_axis(log_probs, tokens[:, :, None], axis=2)[:, :, 0]
    behind = np.cumsum(tokens == END, axis=1) - (tokens == END) > 0
    return np.where(behind, 0.0, taken).sum(axis=1)


def compare_speed(args: argparse.Namespace) -> None:
    model = make_model(end_bias=-100.0)
    print("batch | seqzoo | keras-hub | times")
    for batch in args.batches:
        prompts = random_prompts(batch)
        ways = {
            "seqzoo": ours(model, args.width, args.xla),
            "keras-hub": theirs(model, args.width, None, args.xla),
        }
        rates = {name: [] for name in ways}
        for run in ways.values():
            run(prompts)
        for _ in range(args.rounds):
            for name, run in ways.items():
                begin = time.perf_counter()
                run(prompts)
                rates[name].append(batch * NEW / (time.perf_counter() - begin))
        found = {name: statistics.median(values) for name, values in rates.items()}
        shown = [f"{value:,.0f}" for value in found.values()]
        print(" | ".join([str(batch), *shown, f"{found['seqzoo'] / found['keras-hub']:.2f}"]))


def compare_scores(args: argparse.Namespace) -> None:
    model = make_model(end_bias=args.end_bias)
    prompts = random_prompts(args.inputs)
    found = {
        "seqzoo": ours(model, args.width, args.xla)(prompts),
        "keras-hub": theirs(model, args.width, [END], args.xla)(prompts),
    }
    of = {name: scores(model, prompts, tokens) for name, tokens in found.items()}
    for name, tokens in found.items():
        ended = np.mean((tokens == END).any(axis=1))
        print(f"{name}: mean log-prob of a sequence {of[name].mean():.3f}, {ended:.0%} ended")
    gain = of["seqzoo"] - of["keras-hub"]
    print(
        f"seqzoo's is better for {np.mean(gain > 1e-3):.0%}, worse for {np.mean(gain < -1e-3):.0%}"
    )


def random_prompts(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(2, VOCABULARY, (count, PROMPT)).astype("int32")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--width", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--end-bias", type=float, default=8.0)
    parser.add_argument("--xla", action="store_true")
    args = parser.parse_args()
    compare_speed(args)
    compare_scores(args)


if __name__ == "__main__":
    main()
