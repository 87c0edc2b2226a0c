"""What a trivial model reaches on the same data: a trained one that is no better has failed.

Classes: the most frequent label, and logistic regression on TF-IDF of words, or of letters of
sequences of bases and amino acids. Tags: the most frequent tag of
each word. Texts of texts: the source itself, and the target of the nearest source. Captions: the
one that is nearest to all others. Language models: n-grams with Kneser-Ney smoothing.
Music: how often each key sounds, and how often it goes on sounding.
"""

from seqzoo.baselines.baseline import Baseline, Comparison, baselines, compare, skill_lines

__all__ = ["Baseline", "Comparison", "baselines", "compare", "skill_lines"]
