"""Each constraint as its documentation words it, on one sequence."""

import math

import numpy as np


def no_repeat_ngram(c, tokens, log_probs, limit, end):
    for token in range(len(log_probs)):
        grams = [(*tokens, token)[i : i + c.n] for i in range(len(tokens) - c.n + 2)]
        if len(grams) != len(set(grams)) and grams[-1] in grams[:-1]:
            log_probs[token] = -math.inf


def repetition_penalty(c, tokens, log_probs, limit, end):
    for token in set(tokens):
        log_probs[token] *= c.penalty


def frequency_penalty(c, tokens, log_probs, limit, end):
    for token in set(tokens):
        log_probs[token] -= c.frequency * tokens.count(token) + c.presence


def banned_tokens(c, tokens, log_probs, limit, end):
    for token in c.token_ids:
        log_probs[token] = -math.inf


def banned_phrases(c, tokens, log_probs, limit, end):
    for *before, last in c.phrases:
        if tuple(tokens[len(tokens) - len(before) :]) == tuple(before):
            log_probs[last] = -math.inf


def suppressed_at_start(c, tokens, log_probs, limit, end):
    if not tokens:
        banned_tokens(c, tokens, log_probs, limit, end)


def forced_end(c, tokens, log_probs, limit, end):
    if len(tokens) + 1 == limit:
        log_probs[np.arange(len(log_probs)) != end] = -math.inf


REFERENCES = {
    "no_repeat_ngram": no_repeat_ngram,
    "repetition_penalty": repetition_penalty,
    "frequency_penalty": frequency_penalty,
    "banned_tokens": banned_tokens,
    "banned_phrases": banned_phrases,
    "suppressed_at_start": suppressed_at_start,
    "forced_end": forced_end,
}
