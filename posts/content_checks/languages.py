"""Which language a text is in, from the script of its letters and its most frequent small words."""

import re
from collections import Counter

# Words that make up much of any text of a language and hardly occur in the others.
_SMALL_WORDS = {
    "en": "the and of to is that with for are this which from when you it",
    "de": "der die das und ist nicht mit ein eine auf für sich wird sind dem den werden wenn",
    "fr": "le les des et est dans une pour qui que sur pas avec vous cette sont aux du",
    "es": "el los las y es una para que con por del se como está esta son más",
    "pt": "o os as e é uma para que com não por do da em são mais você dos",
    "it": "il gli e è una per che con non di della sono nel dei anche questo viene",
    "nl": "de het een en is van niet met voor zijn dat wordt op te aan deze je",
    "sv": "och att det är som en på för inte med till av om den kan ett",
    "pl": "i w na nie się z do jest to że jak są przez dla oraz być",
    "tr": "ve bir bu için ile olarak da de daha gibi olan çok ne değil",
}
_SETS = {language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()}
# Scripts by the first and last letters of their blocks, with the languages that are written in them.
_SCRIPTS = (
    ("Cyrillic", "\u0400", "\u052f", "ru uk bg sr be mk kk"),
    ("Greek", "\u0370", "\u03ff", "el"),
    ("Hebrew", "\u0590", "\u05ff", "he iw yi"),
    ("Arabic", "\u0600", "\u06ff", "ar fa ur ps ckb"),
    ("Devanagari", "\u0900", "\u097f", "hi mr ne sa"),
    ("Thai", "\u0e00", "\u0e7f", "th"),
    ("Japanese", "\u3040", "\u30ff", "ja"),
    ("Korean", "\uac00", "\ud7af", "ko"),
    ("Chinese", "\u3400", "\u9fff", "zh ja ko"),
)
_NAMES = {
    "english": "en", "german": "de", "deutsch": "de", "french": "fr", "français": "fr", "spanish": "es",
    "español": "es", "portuguese": "pt", "português": "pt", "italian": "it", "italiano": "it", "dutch": "nl",
    "nederlands": "nl", "swedish": "sv", "svenska": "sv", "polish": "pl", "polski": "pl", "turkish": "tr",
    "türkçe": "tr", "russian": "ru", "japanese": "ja", "chinese": "zh", "korean": "ko", "arabic": "ar",
    "eng": "en", "ger": "de", "deu": "de", "fra": "fr", "fre": "fr", "spa": "es", "por": "pt", "ita": "it",
}  # fmt: skip
SAID = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "pt": "Portuguese", "it": "Italian",
    "nl": "Dutch", "sv": "Swedish", "pl": "Polish", "tr": "Turkish",
}  # fmt: skip
# Fewer words don't tell a language, and small words must make up so much of a text.
MIN_WORDS = 40
MIN_SHARE = 0.08
# The words of the best language must be so many times those of the stated one.
MARGIN = 2.5
_WORD = re.compile(r"[^\W\d_]+")


def language_code(stated: str) -> str:
    """Return the two letters of a language that a record states ("en-GB", "English"), or "" if it states none."""
    name = stated.strip().casefold()
    if name in _NAMES:
        return _NAMES[name]
    return match[1] if (match := re.match(r"([a-z]{2,3})(?:$|[-_ ])", name)) else ""


def script_of(text: str) -> tuple[str, str] | None:
    """Return (name of a script, the languages written in it) if most letters of a text have one that is not Latin."""
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return None
    counts: Counter[int] = Counter()
    for character in letters:
        if character < "\u0370":
            continue
        for number, (_, first, last, _) in enumerate(_SCRIPTS):
            if first <= character <= last:
                counts[number] += 1
                break
    if counts.total() < len(letters) / 2:
        return None
    name, _, _, languages = _SCRIPTS[counts.most_common(1)[0][0]]
    if name == "Chinese" and any("\u3040" <= character <= "\u30ff" for character in letters):
        return "Japanese", "ja"
    return name, languages


def other_language(text: str, stated: str) -> str:
    """Return the name of the language or script that a text is in, if it surely is not `stated`; else "".

    stated: two letters. A text of few words, or in a language without a list of small words, is never called other.
    """
    script = script_of(text)
    if script:
        return "" if stated in script[1].split() or len(text) < MIN_WORDS else f"{script[0]} script"
    if any(stated in languages.split() for _, _, _, languages in _SCRIPTS):
        # Words in Latin letters, such as names and code, are usual in every technical text.
        words = [word.casefold() for word in _WORD.findall(text)]
        return "" if len(words) < MIN_WORDS else SAID.get(_best(words)[0], "")
    words = [word.casefold() for word in _WORD.findall(text)]
    if len(words) < MIN_WORDS or stated not in _SETS:
        return ""
    best, hits = _best(words)
    own = sum(word in _SETS[stated] for word in words)
    return SAID[best] if best and best != stated and hits > MARGIN * own else ""


def _best(words: list[str]) -> tuple[str, int]:
    """Return (the language with most small words among `words`, their number), ("", 0) if there are too few."""
    hits = {language: sum(word in small for word in words) for language, small in _SETS.items()}
    best = max(hits, key=lambda language: hits[language])
    return (best, hits[best]) if hits[best] >= MIN_SHARE * len(words) else ("", 0)
