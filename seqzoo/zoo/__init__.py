"""Named models of the literature: builders `author_year(...)` with flat arguments."""

from seqzoo.zoo.translation import bahdanau_2015, luong_2015, sutskever_2014

ZOO = {
    "sutskever_2014": sutskever_2014,
    "bahdanau_2015": bahdanau_2015,
    "luong_2015": luong_2015,
}
"""The builders by name."""

__all__ = ["ZOO", "bahdanau_2015", "luong_2015", "sutskever_2014"]
