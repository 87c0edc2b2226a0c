"""Named models of the literature: builders `author_year(...)` with flat arguments."""

from seqzoo.zoo.language import merity_2018, zaremba_2014
from seqzoo.zoo.translation import bahdanau_2015, luong_2015, sutskever_2014

ZOO = {
    "sutskever_2014": sutskever_2014,
    "bahdanau_2015": bahdanau_2015,
    "luong_2015": luong_2015,
    "zaremba_2014": zaremba_2014,
    "merity_2018": merity_2018,
}
"""The builders by name."""

__all__ = [
    "ZOO",
    "bahdanau_2015",
    "luong_2015",
    "merity_2018",
    "sutskever_2014",
    "zaremba_2014",
]
