"""The encoding of a response's body."""

from __future__ import annotations

import re
from contextlib import suppress

_CHARSET = re.compile(
    r"""charset\s?=\s?["']?(iso-8859-\d\d?|latin-?1|(?:windows-|cp)125\d|utf-16(?:le|be)?|gbk|gb2312|gb18030|big5"""
    r"""|shift_jis|euc-(?:jp|kr)|koi8-[ru])\b""",
    re.IGNORECASE,
)
"""Those that decode in linear time."""


def body_text(body: bytes, content_type: str = "") -> str:
    """A response's body. JSON is UTF-8, whatever the headers say; where it is not, they may be right."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        charset = _CHARSET.search(content_type)
        with suppress(LookupError, ValueError):
            return body.decode(charset[1]) if charset else body.decode("utf-8-sig", errors="replace")
        return body.decode("utf-8-sig", errors="replace")
