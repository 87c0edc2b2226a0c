"""Named models of the literature: builders `author_year(...)` with flat arguments."""

from seqzoo.zoo.autoregressive_forecasting import graves_2013, kuznetsov_2018, salinas_2020
from seqzoo.zoo.captioning import venugopalan_2015, vinyals_2015, xu_2015, yao_2015
from seqzoo.zoo.classification import bai_2018, conneau_2017, kim_2014, lin_2017
from seqzoo.zoo.copying import see_2017
from seqzoo.zoo.forecasting import (
    chen_2020,
    hewamalage_2021,
    lin_2023,
    livieris_2020,
    nie_2023,
    wen_2017,
    zeng_2023,
)
from seqzoo.zoo.graphs import beck_2018, kipf_2017, li_2016, velickovic_2018
from seqzoo.zoo.hard_attention import wu_2019
from seqzoo.zoo.language import merity_2018, zaremba_2014
from seqzoo.zoo.modern_recurrences import (
    beck_2024,
    de_2024,
    feng_2024,
    gu_2023,
    sun_2024,
    yang_2024,
)
from seqzoo.zoo.music import boulanger_2012
from seqzoo.zoo.smoothed_forecasting import smyl_2018
from seqzoo.zoo.tagging import lample_2016, ma_2016
from seqzoo.zoo.transformer_language_models import devlin_2019, radford_2019, touvron_2023
from seqzoo.zoo.transformers import raffel_2020, vaswani_2017
from seqzoo.zoo.translation import bahdanau_2015, luong_2015, sutskever_2014

ZOO = {
    "sutskever_2014": sutskever_2014,
    "bahdanau_2015": bahdanau_2015,
    "luong_2015": luong_2015,
    "see_2017": see_2017,
    "vaswani_2017": vaswani_2017,
    "raffel_2020": raffel_2020,
    "wu_2019": wu_2019,
    "zaremba_2014": zaremba_2014,
    "merity_2018": merity_2018,
    "devlin_2019": devlin_2019,
    "radford_2019": radford_2019,
    "touvron_2023": touvron_2023,
    "gu_2023": gu_2023,
    "beck_2024": beck_2024,
    "de_2024": de_2024,
    "feng_2024": feng_2024,
    "sun_2024": sun_2024,
    "yang_2024": yang_2024,
    "kim_2014": kim_2014,
    "conneau_2017": conneau_2017,
    "lin_2017": lin_2017,
    "bai_2018": bai_2018,
    "lample_2016": lample_2016,
    "ma_2016": ma_2016,
    "vinyals_2015": vinyals_2015,
    "xu_2015": xu_2015,
    "venugopalan_2015": venugopalan_2015,
    "yao_2015": yao_2015,
    "boulanger_2012": boulanger_2012,
    "beck_2018": beck_2018,
    "li_2016": li_2016,
    "kipf_2017": kipf_2017,
    "velickovic_2018": velickovic_2018,
}
"""The builders by name."""

FORECASTERS = {
    "lin_2023": lin_2023,
    "wen_2017": wen_2017,
    "zeng_2023": zeng_2023,
    "hewamalage_2021": hewamalage_2021,
    "livieris_2020": livieris_2020,
    "chen_2020": chen_2020,
    "nie_2023": nie_2023,
    "smyl_2018": smyl_2018,
    "salinas_2020": salinas_2020,
    "graves_2013": graves_2013,
    "kuznetsov_2018": kuznetsov_2018,
}
"""The builders of forecasters by name; each takes `ForecastWindows`."""

__all__ = [
    "FORECASTERS",
    "ZOO",
    "chen_2020",
    "hewamalage_2021",
    "lin_2023",
    "livieris_2020",
    "nie_2023",
    "smyl_2018",
    "wen_2017",
    "zeng_2023",
    "bahdanau_2015",
    "bai_2018",
    "beck_2018",
    "boulanger_2012",
    "conneau_2017",
    "devlin_2019",
    "kim_2014",
    "kipf_2017",
    "lample_2016",
    "li_2016",
    "lin_2017",
    "luong_2015",
    "see_2017",
    "ma_2016",
    "merity_2018",
    "radford_2019",
    "raffel_2020",
    "graves_2013",
    "kuznetsov_2018",
    "salinas_2020",
    "beck_2024",
    "de_2024",
    "feng_2024",
    "gu_2023",
    "sun_2024",
    "yang_2024",
    "sutskever_2014",
    "touvron_2023",
    "vaswani_2017",
    "velickovic_2018",
    "venugopalan_2015",
    "vinyals_2015",
    "wu_2019",
    "xu_2015",
    "yao_2015",
    "zaremba_2014",
]
