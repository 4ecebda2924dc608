"""The URL of a database whose password is a token: good for some minutes, so each connection is made with a new one."""

from collections.abc import Callable


class TokenUrl(str):
    """A URL with a token that is good now. `fresh()` gives the same URL with a new token, `lasting` is it without."""

    fresh: Callable[[], str]
    lasting: str

    @classmethod
    def of(cls, lasting: str, fresh: Callable[[], str]) -> "TokenUrl":
        url = cls(fresh())
        url.lasting = lasting
        url.fresh = fresh
        return url


def lasting(url: str) -> str:
    """What stays the same of a URL, by which a warm connection is known again."""
    return url.lasting if isinstance(url, TokenUrl) else url


def connectable(url: str) -> str:
    """The URL to connect with now."""
    return url.fresh() if isinstance(url, TokenUrl) else url
