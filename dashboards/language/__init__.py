"""The words of the screens: gettext catalogues (`fr.po`, `en.po`) and the formats of each language.

Here lives what depends on the language of the reader. Nothing is installed in the process: a
`Words` object is passed to whoever writes text. Texts belong in the catalogues, never in code.
"""

from dashboards.language.words import LANGUAGES, Words, read_words

__all__ = ["LANGUAGES", "Words", "read_words"]
