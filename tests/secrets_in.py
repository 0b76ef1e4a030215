"""Finds keys and passwords in what is about to be published: files of the tree, and layers of images."""

import math
import re
from collections import Counter
from pathlib import PurePosixPath

# What a secret looks like wherever it stands, by the forms that its issuers gave it; what cannot be missing from it is looked for first, as
# that is fast.
_FORMS = {
    "private key": (
        [b"PRIVATE KEY-----"],
        rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s+(?:[\w-]+: [^\n]*\n\s*)*[A-Za-z0-9+/=]{40}",
    ),
    "AWS": ([b"AKIA", b"ASIA"], rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub": (
        [b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"],
        rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60})",
    ),
    "GitLab": ([b"glpat-"], rb"\bglpat-[\w-]{20}"),
    "Google": ([b"AIza"], rb"\bAIza[\w-]{35}\b"),
    "PyPI": ([b"pypi-AgEI"], rb"\bpypi-AgEIcHlwaS5vcmc[\w-]{50}"),
    "Slack": ([b"xox"], rb"\bxox[abprs]-[0-9A-Za-z-]{20}"),
    "Stripe": ([b"k_live_"], rb"\b[sr]k_live_[0-9A-Za-z]{20}"),
    "JSON Web Token": ([b".eyJ"], rb"\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{20}"),
    "password in a URL": ([b"://"], rb"\b[a-z][a-z0-9+.-]{1,30}://[\w.~%-]{1,200}:[^\s/@:\"'<>{}$*%]{6,200}@[\w.-]+"),
}
_FOUND = {kind: (marks, re.compile(form)) for kind, (marks, form) in _FORMS.items()}
# A name that promises a secret, and what is given to it in quotes.
_GIVEN = re.compile(
    rb"""(?i)(?:password|passwd|secret|api_?key|token|private_?key)["']?\s*[:=]\s*["']([A-Za-z0-9+/_=-]{20,})["']"""
)
_NAMES = re.compile(
    r"(?:^|/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.netrc|\.pypirc|\.pgpass|\.env|[^/]+\.(?:key|p12|pfx|jks|kdbx))$"
)
_RANDOM_BITS = 3.9


def secrets_in(name: str, content: bytes, *, given: bool = True) -> list[str]:
    """What in a file looks like a secret, each as `name: kind`; never the secret itself.

    `given` also looks at what is assigned to names such as `password`, which only makes sense in one's own sources.
    """
    found = ["a file for keys"] if _NAMES.search(str(PurePosixPath(name))) else []
    for kind, (marks, form) in _FOUND.items():
        if any(mark in content for mark in marks):
            found += [kind] * len(form.findall(content))
    if given:
        found += ["an assignment" for match in _GIVEN.finditer(content) if _bits(match[1]) > _RANDOM_BITS]
    return [f"{name}: {kind}" for kind in found]


def _bits(value: bytes) -> float:
    """Shannon's entropy of a byte of it: prose and names have less than random letters."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
