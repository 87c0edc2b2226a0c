"""The side of transformers and CTranslate2 in `decoding.py`, run by the peers' Python.

It loads folders that `sz.importing.save` wrote, and answers JSON lines of stdin:

    {"do": "load", "folder"}: the model that the next commands mean
    {"do": "generate", "inputs", "beams", "tokens", "alpha"}: transformers' answers, by {"tokens",
        "scores"} of the best hypothesis of each input, scores for beams only
    {"do": "time", "engine", "inputs", "beams", "tokens"}: one decoding of exactly so many tokens,
        by {"seconds", "cpu_seconds"}; `engine` is "transformers" or "ctranslate2"

`inputs` are token ids `(B, S)`, padded with 0; for a language model they are prompts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time

import ctranslate2
import torch
import transformers
from ctranslate2.converters.transformers import BartLoader, GPT2Loader, MarianMTLoader

PAD, START, END = 0, 2, 3  # as seqzoo writes them


class Marian(MarianMTLoader):
    """Marian with a vocabulary as it stands: the loader expects one of Marian's own tokenizers."""

    def set_decoder(self, spec, decoder):
        BartLoader.set_decoder(self, spec, decoder)

    def _remove_pad_weights(self, spec):
        pass


class Models:
    """A folder as a model of transformers and as one of CTranslate2."""

    def __init__(self, folder: str, threads: int):
        config = transformers.AutoConfig.from_pretrained(folder)
        self.encodes = config.is_encoder_decoder
        kinds = transformers.AutoModelForCausalLM, transformers.AutoModelForSeq2SeqLM
        self.model = kinds[self.encodes].from_pretrained(folder).eval()
        if self.encodes:  # what older versions of the library had, which the loader asks for
            self.model.config.normalize_before = self.model.config.normalize_embedding = False
        loader = Marian() if self.encodes else GPT2Loader()
        spec = loader.get_model_spec(self.model)
        self.words = [f"t{number}" for number in range(config.vocab_size)]
        for number, word in ((PAD, "<pad>"), (1, "<unk>"), (START, "<s>"), (END, "</s>")):
            self.words[number] = word
        loader.set_vocabulary(spec, self.words)
        spec.config.bos_token, spec.config.eos_token = "<s>", "</s>"
        spec.config.unk_token = "<unk>"
        if self.encodes:
            spec.config.decoder_start_token = "<s>"
        spec.validate()
        spec.optimize()
        converted = tempfile.mkdtemp()
        spec.save(converted)
        engine = ctranslate2.Translator if self.encodes else ctranslate2.Generator
        self.engine = engine(
            converted, device="cpu", compute_type="float32", inter_threads=1, intra_threads=threads
        )

    def generate(self, inputs: list[list[int]], beams: int, tokens: int, **options):
        """Returns what `generate` does."""
        input_ids = torch.tensor(inputs)
        if beams > 1:
            options = {"early_stopping": True, "length_penalty": 1.0} | options
        with torch.inference_mode():
            return self.model.generate(
                input_ids,
                attention_mask=(input_ids != PAD).long(),
                do_sample=False,
                num_beams=beams,
                max_new_tokens=tokens,
                return_dict_in_generate=True,
                output_scores=True,
                **options,
            )

    def decode(self, inputs: list[list[int]], beams: int, tokens: int) -> int:
        """Decodes with CTranslate2; returns how many tokens the shortest answer has."""
        said = [[self.words[number] for number in row if number != PAD] for row in inputs]
        if self.encodes:
            found = self.engine.translate_batch(
                said,
                beam_size=beams,
                min_decoding_length=tokens,
                max_decoding_length=tokens,
                max_batch_size=0,
            )
            return min(len(each.hypotheses[0]) for each in found)
        found = self.engine.generate_batch(
            said,
            beam_size=beams,
            min_length=tokens,
            max_length=tokens,
            max_batch_size=0,
            include_prompt_in_result=False,
        )
        return min(len(each.sequences[0]) for each in found)


def generate(models: Models, command: dict) -> dict:
    options = {"length_penalty": command["alpha"]} if command["beams"] > 1 else {}
    found = models.generate(command["inputs"], command["beams"], command["tokens"], **options)
    tokens = found.sequences[:, 1:].tolist()  # without the start
    for row in tokens:
        if END in row:
            del row[row.index(END) + 1 :]
    scores = getattr(found, "sequences_scores", None)
    return {"tokens": tokens, "scores": None if scores is None else scores.tolist()}


def timed(models: Models, command: dict) -> dict:
    inputs, beams, tokens = command["inputs"], command["beams"], command["tokens"]
    begin, cpu = time.perf_counter(), time.process_time()
    if command["engine"] == "ctranslate2":
        count = models.decode(inputs, beams, tokens)
    else:
        count = models.generate(inputs, beams, tokens).sequences.shape[1]
        count -= 1 if models.encodes else len(inputs[0])
    seconds = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - cpu}
    if count != tokens:
        raise RuntimeError(f"There must be {tokens} tokens. Received: {count}.")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    versions = f"transformers {transformers.__version__}, CTranslate2 {ctranslate2.__version__}"
    print(json.dumps({"library": f"{versions}, torch {torch.__version__}"}), flush=True)
    models = None
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "load":
            models, answer = Models(command["folder"], threads), {}
        else:
            answer = {"generate": generate, "time": timed}[command["do"]](models, command)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
