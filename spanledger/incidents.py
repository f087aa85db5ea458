"""What people do with one incident: look at it, take it, silence it, say whether it was worth telling."""

from __future__ import annotations

import argparse
import getpass
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alerts.incidents import Contributor, Event, Incident
    from alerts.journal import Journal
    from alerts.parts import Factor
    from spanledger.settings import Settings

FEEDBACK = {"expected": "expected", "unexpected": "unexpected", "too-small": "too small", "planned": "planned"}
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
LONGEST = timedelta(days=90)


def add_people(actions: Any) -> None:
    """Flags of the actions."""
    show = actions.add_parser("show", help="print all that is known of an incident",
                              description="Print an incident: amounts, causes, series, and what happened when.",
                              epilog="example: spanledger alerts show 5f2a --format json")  # fmt: skip
    _name(show)
    show.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    show.set_defaults(act=_show)
    ack = actions.add_parser("ack", help="say that somebody has it",
                             description="Acknowledge an incident: no more updates; its end is told, and if it "
                             "becomes critical.",
                             epilog="example: spanledger alerts ack 5f2a --note 'key is being changed'")  # fmt: skip
    silence = actions.add_parser("silence", help="tell nobody of its scope for a while",
                                 description="Silence an incident: no updates, and nothing opens within its scope.",
                                 epilog="example: spanledger alerts silence 5f2a --for 4h")  # fmt: skip
    feedback = actions.add_parser("feedback", help="say whether it was worth telling",
                                  description="Tune the alerts of an incident's scope: expected raises its bars, "
                                  "too-small asks for a greater excess, planned announces it for a day, unexpected "
                                  "calls it a good alert.",
                                  epilog="example: spanledger alerts feedback 5f2a expected")  # fmt: skip
    for parser in (ack, silence, feedback):
        _name(parser)
        parser.add_argument("--as", dest="who", metavar="NAME", help="who says it (default: the user of this machine)")
    for parser in (ack, silence):
        parser.add_argument("--note", metavar="TEXT", help="kept with it")
    silence.add_argument("--for", dest="lasts", type=_lasts, required=True, metavar="TIME", help="like 30m, 4h or 2d")
    feedback.add_argument("verdict", choices=tuple(FEEDBACK), help="what it was")
    ack.set_defaults(act=_ack)
    silence.set_defaults(act=_silence)
    feedback.set_defaults(act=_feedback)


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("incident", metavar="INCIDENT", help="id of an incident, or its beginning")


def _lasts(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    lasts = int(found[1]) * UNITS[found[2]] if found else timedelta(0)
    if not timedelta(0) < lasts <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r}: must be minutes, hours or days like 30m, 4h or 2d, 90d at most")
    return lasts


def _show(args: argparse.Namespace, settings: Settings) -> int:
    import json

    from alerts.incidents import as_json

    journal = _open(settings)
    incident = _find(journal, args.incident)
    life = sorted(
        (one for one in journal.events if one.incident_id == incident.opened.incident_id),
        key=lambda one: (one.recorded_at, one.sequence, one.event_id),
    )
    if args.format == "json":
        print(json.dumps([as_json(one) for one in life], ensure_ascii=False, indent=2))
    else:
        print("\n".join(_lines(incident, life)))
    return 0


def _lines(incident: Incident, life: Sequence[Event]) -> list[str]:
    from alerts.text import as_lines, beyond, details, spaced

    last = incident.last
    state = "open" if incident.is_open else "resolved"
    whose = [", ".join(f"{name} {value}" for name, value in one._asdict().items() if value) for one in last.series]
    return [
        f"{state}: {as_lines(last)[0]}",
        *(f"  {name}: {value}" for name, value in details(last).items() if value),
        *(f"  {spaced(one.factor)}: {one.excess_usd:f} USD{_numbers(one)}" for one in last.factors),
        *(f"  {spaced(one.dimension)} {one.value or 'unattributed'}: {_part(last, one)}" for one in beyond(last)),
        *(f"  trace {one.trace_id}: {one.cost_usd:f} USD, {one.model or 'model unknown'}" for one in last.samples),
        *(f"  series: {one}" for one in whose),
        *(f"{one.recorded_at:%Y-%m-%d %H:%M:%S} {one.event}{_ending(one)}" for one in life),
    ]


def _part(event: Event, part: Contributor) -> str:
    return f"{part.excess_usd:f} USD" if event.measured is None else f"{part.calls} of them"


def _numbers(factor: Factor) -> str:
    if factor.observed is None or factor.expected is None:
        return ""
    return f" ({factor.observed:,.6g}, usual {factor.expected:,.6g})"


def _ending(event: Event) -> str:
    parts = [
        event.channel,
        event.actor if event.event in ("acknowledged", "silenced", "feedback") else None,
        None if event.until is None else f"until {event.until:%Y-%m-%d %H:%M}",
        event.note,
    ]
    return "".join(f", {part}" for part in parts if part)


def _ack(args: argparse.Namespace, settings: Settings) -> int:
    from alerts.incidents import ACKNOWLEDGED

    return _say(args, settings, ACKNOWLEDGED, note=args.note)


def _silence(args: argparse.Namespace, settings: Settings) -> int:
    from alerts.incidents import SILENCED

    return _say(args, settings, SILENCED, note=args.note, lasts=args.lasts)


def _feedback(args: argparse.Namespace, settings: Settings) -> int:
    from alerts import incidents

    return _say(args, settings, incidents.FEEDBACK, note=FEEDBACK[args.verdict])


def _say(
    args: argparse.Namespace, settings: Settings, kind: str, *, note: str | None, lasts: timedelta | None = None
) -> int:
    from alerts.errors import NotWritten
    from alerts.speaking import speak
    from spanledger.errors import CannotRun

    journal = _open(settings)
    now = datetime.now(UTC)
    until = None if lasts is None else now + lasts
    incident = _find(journal, args.incident)
    try:
        event = speak(
            journal,
            incident.opened.incident_id,
            kind,
            who=args.who or getpass.getuser(),
            now=now,
            note=note,
            until=until,
        )
    except NotWritten as error:
        raise CannotRun(str(error)) from error
    print(f"{kind}{_ending(event)}: {incident.last.summary}")
    return 0


def _open(settings: Settings) -> Journal:
    from alerts.speaking import open_journal

    return open_journal(settings.lake)


def _find(journal: Journal, name: str) -> Incident:
    from spanledger.errors import CannotRun

    found = [one for key, one in journal.incidents.items() if key.startswith(name.lower())]
    if len(found) != 1:
        what = "no incident" if not found else f"{len(found)} incidents begin with"
        raise CannotRun(f"{what} {name!r}; `spanledger alerts list --all` names them")
    return found[0]
