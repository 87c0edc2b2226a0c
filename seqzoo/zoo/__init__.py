"""Named models of the literature: builders `author_year(...)` with flat arguments."""

from seqzoo.zoo.captioning import venugopalan_2015, vinyals_2015, xu_2015, yao_2015
from seqzoo.zoo.translation import bahdanau_2015, luong_2015, sutskever_2014

ZOO = {
    "sutskever_2014": sutskever_2014,
    "bahdanau_2015": bahdanau_2015,
    "luong_2015": luong_2015,
    "vinyals_2015": vinyals_2015,
    "xu_2015": xu_2015,
    "venugopalan_2015": venugopalan_2015,
    "yao_2015": yao_2015,
}
"""The builders by name."""

__all__ = [
    "ZOO",
    "bahdanau_2015",
    "luong_2015",
    "sutskever_2014",
    "venugopalan_2015",
    "vinyals_2015",
    "xu_2015",
    "yao_2015",
]
