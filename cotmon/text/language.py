"""Which language a stretch of words is in, as far as its commonest words tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

_COMMON_WORDS: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "German": "der die das und ist nicht ich wir sie ein eine einen den dem des mit auf für zu "
        "von dass auch aber oder wenn dann noch nur muss müssen kann wird werden haben sind sich "
        "bei aus",
        "French": "le la les des une un et est pas je nous vous il elle que qui dans pour sur avec "
        "mais ou donc alors cette ces aux du au ne faut peut être plus sont leur",
        "Spanish": "el la los las una un y es que de en con por para pero como este esta no se su "
        "lo más hay ser está muy también entonces porque debe debo puede son del al",
        "Portuguese": "o os as uma um e é que de em com por para mas como este esta não se seu "
        "mais ser está muito também então porque deve pode são do da dos das ao",
        "Italian": "il lo la i gli le un una e è che di in con per ma come questo questa non si "
        "più essere sono della dei nel anche allora perché deve può del al",
        "Dutch": "de het een en is niet ik wij we zij dat die met op voor van te ook maar of als "
        "dan nog moet kan wordt worden hebben zijn zich bij uit naar",
    }.items()
}
_PARTICLES: dict[str, re.Pattern[str]] = {
    "Chinese": re.compile("[的是了我们这那不在有因为所以需要可以应该然后]"),
    "Japanese": re.compile("[はをがにでのともへ]"),
    "Korean": re.compile("[은는이가을를의에다]"),
    "Russian": re.compile(r"\b(?:и|в|на|не|что|это|мы|я|но|как|для|нужно|если|чтобы|он|она|к|с)\b"),
    "Arabic": re.compile("في|من|على|هذا|أن|إلى|لا"),
}
_OTHER_SCRIPT = re.compile(
    "[\u0400-\u04ff\u0600-\u06ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
    "[\u0400-\u04ff\u0600-\u06ff\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff01-\uff1f ,.!?-]*"
    "[\u0400-\u04ff\u0600-\u06ff\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)


def language_of(words: Sequence[str], least: float = 0.25) -> str | None:
    """The language other than English that at least this share of the words belong to.

    Args:
        words: lower case, without punctuation.
        least: share of the words that are common ones of that language.
    """
    if not words:
        return None
    shares = {
        n: sum(w in common for w in words) / len(words) for n, common in _COMMON_WORDS.items()
    }
    name = max(shares, key=lambda n: shares[n])
    return name if shares[name] >= least else None


def stretches_of_other_scripts(text: str) -> list[tuple[int, int, str]]:
    """Sentences in a non-Latin script: start, end, language; single names are left out."""
    found: list[tuple[int, int, str]] = []
    for match in _OTHER_SCRIPT.finditer(text):
        for name, particles in _PARTICLES.items():
            if particles.search(match[0]):
                found.append((match.start(), match.end(), name))
                break
    return found
