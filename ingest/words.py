"""Words that outcomes may not hold, or must be one of: the gateway refuses by the rules by which the worker reads.

``SECRETS`` find credentials and e-mail addresses; ``processors.normalise.secrets`` reads all names by them and says
what each is. ``LABELS`` are the words on the wire of ``conventions/values.csv`` (a test holds them equal).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_DIGIT = r"[ ().\u00a0\u202f/-]{0,2}[0-9]"  # of a telephone number, with what stands before it

SECRETS: Mapping[str, str] = {
    "api_key": r"\b(?:sk|pk|rk)[-_](?:[a-z0-9]+[-_])*[a-z0-9]{16,}",
    "cloud_key": r"\b(?:akia|asia|agpa|aida|aroa)[a-z0-9]{16}\b|\baiza[a-z0-9_-]{35}",
    "token": r"\b(?:gh[pousr]_[a-z0-9]{20,}|github_pat_\w{20,}|xox[abprs]-[a-z0-9-]{10,}|hf_[a-z0-9]{20,})",
    "jwt": r"\beyj[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}\.[a-z0-9_-]*",
    "bearer": r"\bbearer\s+[a-z0-9._~+/=-]{16,}|\bbasic\s+[a-z0-9+/]{16,}={1,2}",
    "private_key": r"-----begin [a-z ]*private key",
    "phone": rf"(?:^|[^a-z0-9.]|(?:^|[^a-z0-9.-])[a-z]+)\+[1-9](?:{_DIGIT}){{8,14}}(?:$|[^a-z0-9.])",
    "dialled": rf"(?:^|[^a-z0-9.-])00[2-9][0-9]{{1,2}}[ (\u00a0\u202f/](?:{_DIGIT}){{6,13}}(?:$|[^a-z0-9.])",
    "email": r"[a-z0-9._%+-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,24}",
}
"""What no name is; read in any case, by an engine without look-around."""

ANY_SECRET = "(?i)" + "|".join(f"(?:{pattern})" for pattern in SECRETS.values())
_READ = re.compile(ANY_SECRET, re.ASCII)

LABELS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "success": {
        "success": (
            "success",
            "succeeded",
            "succeed",
            "ok",
            "true",
            "yes",
            "pass",
            "passed",
            "resolved",
            "completed",
            "1",
        ),
        "failure": ("failure", "failed", "fail", "error", "false", "no", "unresolved", "abandoned", "0"),
    },
    "safe": {"safe": ("safe", "true", "yes", "1"), "unsafe": ("unsafe", "false", "no", "0")},
}
"""What is judged -> what its label means, the good meaning first -> the words for it, in any case."""


def holds_secret(text: str) -> bool:
    """Whether a text holds a credential, a telephone number or an e-mail address."""
    return _READ.search(text) is not None


def score_of(name: str, label: str) -> float | None:
    """The score that goes with a label: 1 where it is the good one, 0 the bad one; None: no label of this name."""
    word = label.strip().lower()
    found = (float(not place) for place, words in enumerate(LABELS[name].values()) if word in words)
    return next(found, None)
