"""The language of a text: as its record names it, in the tags of BCP 47, and in the locales of Open Graph."""

import re
from functools import lru_cache

from django.conf.locale import LANG_INFO

_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
# English, Deutsch: names of languages, in English and in their own words.
_NAMED = {
    info[key].casefold(): code
    for code, info in LANG_INFO.items()
    for key in ("name", "name_local")
    if len(code) == 2 and key in info
}
# Where most readers of a language live: Open Graph wants a country. Source: Unicode CLDR, "Likely Subtags".
_COUNTRIES = dict(
    pair.split("_")
    for pair in (
        "ar_EG az_AZ be_BY bg_BG bn_BD bs_BA ca_ES cs_CZ cy_GB da_DK de_DE el_GR en_US es_ES et_EE eu_ES fa_IR fi_FI "
        "fr_FR ga_IE gl_ES he_IL hi_IN hr_HR hu_HU hy_AM id_ID is_IS it_IT ja_JP ka_GE kk_KZ km_KH ko_KR lt_LT lv_LV "
        "mk_MK ml_IN mn_MN mr_IN ms_MY my_MM nb_NO ne_NP nl_NL nn_NO no_NO pa_IN pl_PL pt_BR ro_RO ru_RU sk_SK sl_SI "
        "sq_AL sr_RS sv_SE sw_TZ ta_IN te_IN th_TH tr_TR uk_UA ur_PK uz_UZ vi_VN zh_CN"
    ).split()
)
_DEFAULT = "en_US"


@lru_cache(maxsize=256)
def language_tag(language: str) -> str:
    """Return the tag of a language that a record names: en, pt-BR; "" if it names none."""
    language = language.strip()
    if name := _NAMED.get(language.casefold()):
        return name
    if not _TAG.fullmatch(language):
        return ""
    first, *others = re.split("[-_]", language)
    # RFC 5646, section 2.1.1: en-GB, zh-Hant-TW.
    return "-".join([first.lower(), *map(_subtag, others)])


def _subtag(part: str) -> str:
    if len(part) == 2:
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part.lower()


def locale_of(tag: str) -> str:
    """Return the locale of a language tag in Open Graph: en_US. Without one it is that of the site's own words."""
    first, *others = tag.split("-")
    country = next((part for part in others if len(part) == 2 and part.isalpha()), "")
    if not country and "Hant" in others:
        country = "TW"
    country = country or _COUNTRIES.get(first, "")
    return f"{first}_{country}" if country else _DEFAULT
