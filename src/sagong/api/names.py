"""Grammars of names, label keys and values, ports, paths: each function returns the complaints, in upstream's words.

Sources: RFC 1035 and 1123, API conventions. An empty list is a valid value; results are shared, do not change them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sagong.api.short_cache import cached_when_short

Complaints = Sequence[str]
Check = Callable[[str], Complaints]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = f"{_LABEL}(\\.{_LABEL})*"
_LABEL_UNDERSCORE = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_UNDERSCORE = f"{_LABEL_UNDERSCORE}(\\.{_LABEL_UNDERSCORE})*"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_SPOKEN_KEY = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
LABEL_LENGTH = 63
SUBDOMAIN_LENGTH = 253
_PORT_NAME_LENGTH = 15
_MAX_PORT = 65535


def regex_complaint(rule: str, pattern: str, *examples: str) -> str:
    """Say a rule with examples and the pattern, as upstream does."""
    quoted = " or ".join(f"'{example}', " for example in examples)
    return f"{rule} ({f'e.g. {quoted}' if examples else ''}regex used for validation is '{pattern}')"


def too_long(limit: int, unit: str = "bytes") -> str:
    """Return `must be no more than N bytes`."""
    return f"must be no more than {limit} {unit}"


def between(low: int, high: int) -> str:
    """Return `must be between A and B, inclusive`."""
    return f"must be between {low} and {high}, inclusive"


def _pattern_check(pattern: str, rule: str, *examples: str, limit: int = 0, unit: str = "characters") -> Check:
    compiled = re.compile(pattern)
    wrong, long = regex_complaint(rule, pattern, *examples), too_long(limit, unit)

    def check(value: str) -> Complaints:
        matches = compiled.fullmatch(value) is not None
        if matches and not (limit and len(value) > limit):
            return ()
        return ([long] if limit and len(value.encode()) > limit else []) + ([] if matches else [wrong])

    return check


dns1123_subdomain = _pattern_check(_SUBDOMAIN, _SUBDOMAIN_RULE, "example.com", limit=SUBDOMAIN_LENGTH)
dns1123_subdomain_with_underscore = _pattern_check(
    _SUBDOMAIN_UNDERSCORE,
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
    "and must start and end with an alphanumeric character",
    "example.com",
    limit=SUBDOMAIN_LENGTH,
)
dns1035_label = _pattern_check(
    "[a-z]([-a-z0-9]*[a-z0-9])?",
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character",
    "my-name",
    "abc-123",
    limit=LABEL_LENGTH,
)
wildcard_dns1123_subdomain = _pattern_check(
    f"\\*\\.{_SUBDOMAIN}",
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case "
    "alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    "*.example.com",
    limit=SUBDOMAIN_LENGTH,
)
label_value = cached_when_short(4096)(
    _pattern_check(
        f"({_KEY})?",
        f"a valid label must be an empty string or {_SPOKEN_KEY.removeprefix('must ')}",
        "MyValue",
        "my_value",
        "12345",
        limit=LABEL_LENGTH,
        unit="bytes",
    )
)
c_identifier = _pattern_check(
    "[A-Za-z_][A-Za-z0-9_]*",
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
    "my_name",
    "MY_NAME",
    "MyName",
)
http_header_name = _pattern_check("[-A-Za-z0-9]+", "a valid HTTP header must consist of alphanumeric characters or '-'", "X-Header-Name")
percent = _pattern_check("[0-9]+%", "a valid percent string must be a numeric string followed by an ending '%'", "1%", "93%")
_config_key = _pattern_check(
    "[-._a-zA-Z0-9]+",
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    "key.name",
    "KEY_NAME",
    "key-name",
    limit=SUBDOMAIN_LENGTH,
)
_label = re.compile(_LABEL)
_subdomain = re.compile(_SUBDOMAIN)
_key = re.compile(_KEY)
_label_wrong = regex_complaint(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
    "character",
    _LABEL,
    "my-name",
    "123-abc",
)
_KEY_WRONG = regex_complaint(_SPOKEN_KEY, _KEY, "MyName", "my.name", "123-abc")


def dns1123_label(value: str) -> Complaints:
    """Check a DNS label (RFC 1123)."""
    if _label.fullmatch(value):
        return () if len(value) <= LABEL_LENGTH else (too_long(LABEL_LENGTH, "characters"),)
    length = [too_long(LABEL_LENGTH, "characters")] if len(value.encode()) > LABEL_LENGTH else []
    return [*length, "must not contain dots" if _subdomain.fullmatch(value) else _label_wrong]


@cached_when_short(8192)
def qualified_name(value: str) -> Complaints:
    """Check a label key: `name` or `prefix.example.com/name`."""
    prefix, slash, name = value.rpartition("/")
    if "/" in prefix:
        return (f"a valid label key {_KEY_WRONG} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",)
    complaints: list[str] = []
    if slash and not prefix:
        complaints.append("prefix part must be non-empty")
    elif slash:
        complaints += [
            f"prefix part {text.replace(' characters', ' bytes', 1) if text.startswith('must be no') else text}"
            for text in dns1123_subdomain(prefix)
        ]
    if not name:
        complaints.append("name part must be non-empty")
    elif len(name.encode()) > LABEL_LENGTH:
        complaints.append(f"name part {too_long(LABEL_LENGTH)}")
    if not _key.fullmatch(name):
        complaints.append(f"name part {_KEY_WRONG}")
    return complaints


def config_key(value: str) -> Complaints:
    """Check a key of a ConfigMap or Secret."""
    complaints = _config_key(value)
    return [*complaints, *_dots(value)] if complaints or value.startswith(".") else ()


def relaxed_env_name(value: str) -> Complaints:
    """Check the name of an environment variable (KEP-4369: any printable ASCII but `=`)."""
    complaints = [] if value else ["environment variable name must be non-empty"]
    if not (value.isascii() and value.isprintable()) or "=" in value:
        complaints.append("a valid environment variable name must consist only of printable ASCII characters other than '='")
    return complaints


def port_name(value: str) -> Complaints:
    """Check an IANA service name, as container ports have them (RFC 6335)."""
    rules = (
        (len(value.encode()) > _PORT_NAME_LENGTH, too_long(_PORT_NAME_LENGTH, "characters")),
        (not re.fullmatch("[-a-z0-9]+", value), "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
        (not re.search("[a-z]", value), "must contain at least one letter (a-z)"),
        ("--" in value, "must not contain consecutive hyphens"),
        (value.startswith("-") or value.endswith("-"), "must not begin or end with a hyphen"),
    )
    return [complaint for broken, complaint in rules if broken]


def port_number(value: int) -> Complaints:
    """Check a port."""
    return () if 1 <= value <= _MAX_PORT else (between(1, _MAX_PORT),)


def id_number(value: int) -> Complaints:
    """Check a user or group id."""
    return () if 0 <= value <= 2**31 - 1 else (between(0, 2**31 - 1),)


def path_segment(value: str) -> Complaints:
    """Check a name that only has to fit one segment of a URL path (roles, bindings)."""
    if value in (".", ".."):
        return (f"may not be '{value}'",)
    return [f"may not contain '{part}'" for part in ("/", "%") if part in value]


def _dots(value: str) -> Complaints:
    if value in (".", ".."):
        return (f"must not be '{value}'",)
    return ("must not start with '..'",) if value.startswith("..") else ()


def generated(check: Check) -> Check:
    """Check a generateName: as the name, but it may end in a dash, since a suffix follows."""
    return lambda prefix: check(f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix)
