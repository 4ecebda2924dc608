"""Keeps secrets out of what is told: what this process knows to be secret, and texts and errors without it."""

import os
from collections.abc import Iterator
from typing import Any

MASK = "***"
_MOST = 256  # forms that are remembered: a token that is made for each connection must not fill the memory
_LONG = 8  # from so many characters on, a secret is masked also inside of a word
_SHORT = 3
_SECRET_NAMES = ("PASSWORD", "SECRET", "TOKEN", "API_KEY")  # of environment variables
_NO_SECRETS = ("_NAME", "_ID", "_ARN", "_FILE", "_PATH", "_URL")
_SEPARATORS = "@/:?#"
_UNRESERVED = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")

_known: dict[str, bool] = {}  # a text that must not be told: whether everywhere, or only where a password stands
_looked_at: set[str] = set()  # values of environment variables


def remember(secret: str) -> None:
    """From now on, this text is not told."""
    for form in _forms(secret.strip()):
        _learn(form, True)


def remember_url(url: str) -> None:
    """From now on, no password in this URL or connection string is told."""
    others = _others(url)
    for password in passwords(url):
        parts = _fragments(password) if url.startswith("postgres") else []
        for form in [form for part in (password, *parts) for form in _forms(part)]:
            _learn(form, form.lower() not in others)


def passwords(url: str) -> list[str]:
    """The passwords in a URL or a connection string, also in one that is malformed."""
    return list(dict.fromkeys([*_in_authority(url), *_after_keyword(url)]))


def redacted(text: str) -> str:
    """The text without any secret that this process knows, or that is in its environment."""
    _learn_environment()
    return _masked(text)


def _masked(text: str) -> str:
    cut_off = "…" in text or "..." in text
    for form, everywhere in sorted(_known.items(), key=lambda item: -len(item[0])):
        if form in text:
            text = _without(text, form, everywhere)
        if cut_off and everywhere and len(form) >= _LONG:
            text = _without_beginning(text, form)
    return text


def _without(text: str, form: str, everywhere: bool) -> str:
    if everywhere and len(form) >= _LONG:
        return text.replace(form, MASK)
    if everywhere and len(form) >= _SHORT:
        text = _without_word(text, form)
    for before, after in ((":", "@"), ("password=", ""), ("password='", "'")):
        text = text.replace(before + form + after, before + MASK + after)
    return text


def redacted_data(value: Any) -> Any:
    """The same for JSON data, keys and values."""
    _learn_environment()
    return _masked_data(value)


def _masked_data(value: Any) -> Any:
    if isinstance(value, str):
        return _masked(value)
    if isinstance(value, dict):
        return {_masked_data(key): _masked_data(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked_data(each) for each in value]
    return value


def redacted_error(error: BaseException) -> BaseException:
    """The error without secrets: itself, or one of the same name where its text cannot be changed."""
    for each in _chain(error):
        _clean(each)
    text = str(error)
    if redacted(text) == text:
        return error
    kind = type(error)
    twin = type(kind.__name__, (Exception,), {"__module__": kind.__module__, "__qualname__": kind.__qualname__})
    other: BaseException = twin(redacted(text))
    other.__suppress_context__ = True
    return other.with_traceback(error.__traceback__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it came from."""
    seen: set[int] = set()
    ahead = [error]
    while ahead:
        each = ahead.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        ahead += [each.__cause__, each.__context__]
        yield each


def _clean(error: BaseException) -> None:
    """Where nothing is to be masked nothing is touched: an error of the user's may keep anything in its args."""
    if any(isinstance(arg, str) and redacted(arg) != arg for arg in error.args):
        error.args = tuple(redacted(arg) if isinstance(arg, str) else arg for arg in error.args)
    if isinstance(error, SystemExit) and isinstance(error.code, str):
        error.code = redacted(error.code)  # what Python prints
    if notes := getattr(error, "__notes__", None):
        notes[:] = [redacted(note) for note in notes]


def _learn(form: str, everywhere: bool) -> None:
    if not form:
        return
    everywhere = _known.pop(form, everywhere) and everywhere
    _known[form] = everywhere
    while len(_known) > _MOST:
        del _known[next(iter(_known))]


def _learn_environment() -> None:
    """What a task can read by itself: URLs with a password, and variables that are called secret."""
    for name, value in os.environ.items():
        if value in _looked_at:
            continue
        _looked_at.add(value)
        if ("@" in value and "://" in value) or "password" in value:
            remember_url(value)
        elif name == "PGPASSWORD" or (len(value) >= _LONG and _sounds_secret(name.upper())):
            remember(value)


def _sounds_secret(name: str) -> bool:
    return any(part in name for part in _SECRET_NAMES) and not name.endswith(_NO_SECRETS)


def _in_authority(url: str) -> Iterator[str]:
    """Between the first colon and an @; which @ is meant cannot be known where the password has one unescaped."""
    rest = url.partition("://")[2] or url.partition("//")[2] or url
    if "@" not in rest or "=" in rest.partition("@")[0].partition(":")[0]:
        return
    until_first, until_last = rest.partition("@")[0], rest.rpartition("@")[0]
    if "?" in until_last and "?" not in until_first:
        until_last = until_last.partition("?")[0].rpartition("@")[0] or until_first
    for part in (until_first, until_last):
        yield part.partition(":")[2]


def _after_keyword(url: str) -> Iterator[str]:
    """`password=…` in a connection string or in a URL's query."""
    _, found, rest = url.partition("password")
    while found:
        value = rest.lstrip()
        if value.startswith("="):
            yield _value(value[1:].lstrip(), "&" if "://" in url else None)
        _, found, rest = rest.partition("password")


def _value(text: str, end: str | None) -> str:
    if not text.startswith("'"):
        return (text.split(end, 1) or [""])[0] if text else ""
    value, escaped = "", False
    for char in text[1:]:
        if char == "'" and not escaped:
            break
        escaped = char == "\\" and not escaped
        value += "" if escaped else char
    return value


def _fragments(password: str) -> list[str]:
    """Where a separator is not escaped, libpq takes what follows for host, port or database, and tells it."""
    plain = _unquoted(password)
    cuts = [at for at, char in enumerate(plain) if char in _SEPARATORS]
    parts = [plain[:at] for at in cuts] + [plain[at + 1 :] for at in cuts]
    return [part for part in parts if len(part) > _SHORT]


def _others(url: str) -> set[str]:
    """What a URL tells openly anyway: a password that is the same word is masked only where a password stands."""
    rest = url.partition("://")[2]
    user = rest.partition("@")[0].partition(":")[0]
    host, _, database = rest.rpartition("@")[2].partition("?")[0].partition("/")
    return {"postgres", "postgresql", "password", user.lower(), host.partition(":")[0].lower(), database.lower()}


def _forms(secret: str) -> list[str]:
    """How a secret may stand in a text: as it is, escaped for a URL, for Python, for JSON, for a connection string."""
    return list(dict.fromkeys(form for plain in (secret, _unquoted(secret)) for form in _written(plain)))


def _written(plain: str) -> list[str]:
    forms = [plain, repr(plain)[1:-1], plain.replace("\\", "\\\\").replace("'", "\\'")]
    if not plain.isalnum():
        from json import dumps

        forms += [dumps(plain)[1:-1], dumps(plain, ensure_ascii=False)[1:-1]]
        forms += [_quoted(plain, safe) for safe in (b"", b"/")]
        forms += [_quoted(plain, b"").lower(), _quoted(plain, b" ").replace(" ", "+")]
    return forms


def _quoted(text: str, safe: bytes) -> str:
    """urllib would cost milliseconds of every cold start."""
    return "".join(chr(byte) if byte in _UNRESERVED or byte in safe else f"%{byte:02X}" for byte in text.encode())


def _unquoted(text: str) -> str:
    head, *parts = text.encode().split(b"%")
    pieces = [head]
    for part in parts:
        try:
            pieces.append(bytes.fromhex(part[:2].decode()) + part[2:] if len(part) > 1 else b"%" + part)
        except ValueError:
            pieces.append(b"%" + part)
    return b"".join(pieces).decode(errors="replace")


def _without_word(text: str, word: str) -> str:
    """Mask a short secret where it stands alone."""
    pieces: list[str] = []
    at = 0
    while (found := text.find(word, at)) >= 0:
        after = found + len(word)
        alone = not _is_word(text[found - 1 : found]) and not _is_word(text[after : after + 1])
        pieces += text[at:found], MASK if alone else word
        at = after
    return "".join([*pieces, text[at:]])


def _without_beginning(text: str, secret: str) -> str:
    """Mask a secret that was cut off, as PostgreSQL and a check do with long values."""
    for end in ("…", "..."):
        pieces = text.split(end)
        for index in range(len(pieces) - 1):
            sizes = range(len(secret) - 1, _SHORT, -1)
            size = next((size for size in sizes if pieces[index].endswith(secret[:size])), 0)
            pieces[index] = pieces[index][:-size] + MASK if size else pieces[index]
        text = end.join(pieces)
    return text


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
