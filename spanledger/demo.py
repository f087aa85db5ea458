"""Run everything here: a real Kafka, gateway, worker and pages, simulated weeks, then live calls and an incident.

Each run has fresh directories under SPANLEDGER_DATA/demo-<id> and free ports. With --for it ends by itself: it stops
sending, waits until Kafka is drained, compares the lake with what the simulator knows it sent (spans, tokens by kind,
cost to the picodollar, incidents), prints the verdict and exits 0 only if they agree. Without it, Ctrl-C stops and
compares.

example:
  spanledger demo
  spanledger demo --for 90 --headless --report demo.json
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from spanledger.counters import Counters
from spanledger.signals import interrupted
from spanledger.simulate import length_s

if TYPE_CHECKING:
    from ingest.simulator import Truth
    from spanledger.deployment import Deployment
    from spanledger.settings import Settings
    from spanledger.stack import Part, Stack
    from spanledger.verdict import Check

BACKFILL = "30d"
INCIDENT_DELAY_S = 5
INCIDENT_DURATION_S = 120  # as long as it takes where the demo has an end: it is cut there
MIN_EXCESS_USD = "0.25"  # a demo's features spend cents a minute; the default gate is a dollar
SETTLE_MIB = "1024"
LOOK_EVERY_S = 2.0
DRAIN_WITHIN_S = 600.0
NOTICE_WITHIN_S = 60.0
SHORTEST_S = {"runaway_agent": 120}  # at rate 1 the detector saw each in 24 of 24 runs over a day
SHORTEST_OTHERS_S = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the demo."""
    parser.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="live part, then end by itself")
    parser.add_argument("--headless", action="store_true", help="do not offer to open the pages")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the verdict as JSON")
    parser.add_argument("--rate", type=float, default=0.5, metavar="CALLS", help="model calls a second (default 0.5)")
    parser.add_argument("--incident", default="retry_loop", help="what goes wrong (default retry_loop)")
    parser.add_argument(
        "--backfill",
        type=length_s,
        default=BACKFILL,
        metavar="LENGTH",
        help=f"history to begin with (default {BACKFILL})",
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the simulated workload (default 7)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the demo; 0 = lake and truth agree, 1 = they do not. Raises CannotRun."""
    from spanledger.files import check_writable
    from spanledger.signals import ending
    from spanledger.stack import Stack

    _check(args)
    check_writable(args.report, "the report")
    for number in ending():
        signal.signal(number, _interrupt)
    demo = Demo(args=args, settings=settings, deployment=_plan(settings, args.rate), began=time.monotonic())
    with Stack() as stack:
        demo.deployment.start(stack, _say)
        for name, url in demo.deployment.urls().items():
            _say(f"  {name:16s} {url}")
        demo.offer_browser()
        shown = Counters(began=demo.began, lake=demo.lake)
        if not args.backfill or demo.fill(stack, shown):
            demo.play(stack, shown)
        memory = stack.resident_mib()
        return demo.conclude(demo.judge(stack), first_spend_s=shown.first_spend_s, memory=memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One run: its flags, its parts, its directory."""

    args: argparse.Namespace
    settings: Settings
    deployment: Deployment
    began: float

    @property
    def lake(self) -> Path:
        """The run's own lake."""
        return self.deployment.data / "lake"

    def fill(self, stack: Stack, shown: Counters) -> bool:
        """Send what lies before now, and wait until the lake has it; False where somebody has interrupted it."""
        shown.filled_to = time.monotonic()
        days = self.args.backfill / 86_400
        _say(f"simulator: {days:g} days before now, as fast as they go")
        words = ["--backfill", f"{self.args.backfill / 3600}h", "--for", "0"]
        if not self._follow(stack, self._start(stack, "history", words), shown):
            return False
        try:
            with interrupted():
                self._wait_drained(stack, shown)
        except KeyboardInterrupt:
            return False
        return True

    def play(self, stack: Stack, shown: Counters) -> bool:
        """Send live calls with the incident, and what lies between the weeks before and now."""
        if self.args.backfill and not self.args.seconds:
            self._settle(stack)
        _say(f"simulator: live calls with the incident {self.args.incident}")
        words = [
            "--history", str((time.monotonic() - shown.filled_to) / 3600 if self.args.backfill else 0),
            "--incident", f"{self.args.incident}@{INCIDENT_DELAY_S}+{INCIDENT_DURATION_S}",
            *(["--for", str(self.args.seconds)] if self.args.seconds else []),
        ]  # fmt: skip
        return self._follow(stack, self._start(stack, "live", words), shown)

    def _settle(self, stack: Stack) -> None:
        """Close the hours before now beside the live part, so that finance has books; the worker does so hourly."""
        from spanledger.stack import Part

        _say("closing the books of these days beside it, in a minute or two")
        environment = {**self.deployment.environment, "SPANLEDGER_SETTLE_MEMORY_MIB": SETTLE_MIB}
        log = self.deployment.data / "logs" / "settle.log"
        stack.start(Part(name="settle", words=("settle",), environment=environment, log=log, ends=True))

    def _start(self, stack: Stack, name: str, words: list[str]) -> Part:
        """Start a simulator that writes its truth to the file of that name."""
        from spanledger.stack import Part

        common = [
            "simulate", "--endpoint", self.deployment.gateway_url, "--seed", f"{self.args.seed}-{name}",
            "--rate", str(self.args.rate), "--truth", str(self._truth_file(name)), "--gpus",
        ]  # fmt: skip
        log = self.deployment.data / "logs" / f"simulate-{name}.log"
        environment = self.deployment.environment
        return stack.start(Part(name="simulate", words=[*common, *words], environment=environment, log=log, ends=True))

    def _follow(self, stack: Stack, simulator: Part, shown: Counters) -> bool:
        """Show counters until the simulator has sent everything; False where somebody has interrupted it."""
        from spanledger.errors import CannotRun

        is_whole = True
        try:
            while simulator.pid:
                stack.look_after(LOOK_EVERY_S)
                with interrupted():
                    shown.show()
        except KeyboardInterrupt:
            _say("stopping the simulator")
            simulator.stop()
            is_whole = False
        if simulator.process is None or simulator.process.returncode:
            raise CannotRun(f"the simulator failed; see {simulator.log}")
        return is_whole

    def _wait_drained(self, stack: Stack, shown: Counters | None = None) -> None:
        from spanledger.measure import wait_drained

        def check() -> None:
            stack.check()
            if shown:
                shown.show()

        _say("sending is over: waiting until Kafka is drained")
        kafka = replace(self.settings.kafka, bootstrap=f"127.0.0.1:{self.deployment.ports.broker}")
        wait_drained(kafka, self.lake, within_s=DRAIN_WITHIN_S, check=check)

    def _truth_file(self, name: str) -> Path:
        return self.deployment.data / f"truth-{name}.json"

    def _truth(self) -> Truth:
        """What the simulators have sent."""
        from ingest.simulator import Truth

        found = Truth()
        for file in map(self._truth_file, ("history", "live")):
            if file.exists():
                found = found.merge(Truth.from_json(file.read_text(encoding="utf-8")))
        return found

    def judge(self, stack: Stack) -> list[Check]:
        """Drain Kafka and compare; incidents get a little time, because they are judged after the commit."""
        from spanledger.measure import measure
        from spanledger.verdict import compare

        truth = self._truth()
        self._wait_drained(stack)
        until = time.monotonic() + NOTICE_WITHIN_S
        while True:
            checks = compare(truth, measure(self.lake))
            if all(check.agrees for check in checks) or time.monotonic() > until:
                return checks
            stack.look_after(LOOK_EVERY_S)

    def conclude(self, checks: list[Check], *, first_spend_s: float | None, memory: dict[str, float]) -> int:
        """Print the verdict, write the report, give the exit code."""
        from spanledger.files import write

        agrees = all(check.agrees for check in checks)
        for check in checks:
            _say(check.line())
        seconds = time.monotonic() - self.began
        _say(f"resident memory {sum(memory.values()):,.0f} MiB {memory}; data in {self.deployment.data}")
        _say(f"verdict: the lake {'agrees' if agrees else 'does NOT agree'} with the truth, after {seconds:.0f} s")
        if self.args.report:
            report = {
                "agrees": agrees,
                "checks": [check.plain() for check in checks],
                "first_spend_s": first_spend_s,
                "seconds": seconds,
                "resident_mib": memory,
                "data": str(self.deployment.data),
            }
            write(self.args.report, json.dumps(report, indent=2) + "\n", "the report")
        return 0 if agrees else 1

    def offer_browser(self) -> None:
        """Open the pages only when a person at a terminal says so."""
        import webbrowser

        if self.args.headless or self.args.seconds or not sys.stdin.isatty():
            return
        if input("Open the pages in your browser? [y/N] ").strip().lower() == "y":
            webbrowser.open(self.deployment.dashboard_url)


def _plan(settings: Settings, rate: float) -> Deployment:
    from spanledger.demo_plans import write_plans
    from spanledger.deployment import Deployment, Ports, environment
    from spanledger.stack import free_ports

    data = settings.data / f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    names = list(Ports.__dataclass_fields__)
    ports = Ports(**dict(zip(names, free_ports(len(names)), strict=True)))
    jars = Path(settings.broker.jars or settings.data / "jars")
    kafka = f"127.0.0.1:{ports.broker}"
    variables = environment(ports, data=data, jars=jars, kafka=kafka, lake=str(data / "lake"))
    variables |= {"SPANLEDGER_ALERTS_MIN_EXCESS_USD": MIN_EXCESS_USD} | write_plans(data, rate)
    return Deployment(data=data, jars=jars, ports=ports, environment=variables, own_broker=True)


def _check(args: argparse.Namespace) -> None:
    """Refuse at once what could only fail later. Raises CannotRun."""
    from ingest.simulator import IncidentSpec, Workload
    from spanledger.errors import CannotRun

    if "@" in args.incident:
        raise CannotRun(f"--incident {args.incident}: the demo sets the time; give a kind, or kind:tenant/feature")
    try:
        spec = IncidentSpec.parse(f"{args.incident}@{INCIDENT_DELAY_S}+{INCIDENT_DURATION_S}")
        Workload(calls_per_s=args.rate, seed=str(args.seed), backfill_s=args.backfill, live_s=args.seconds, gpus=True)
    except ValueError as error:
        raise CannotRun(str(error)) from error
    shortest_s = SHORTEST_S.get(spec.kind, SHORTEST_OTHERS_S)
    if args.seconds is not None and args.seconds < shortest_s:
        raise CannotRun(f"--for {args.seconds:g}: too short to notice {spec.kind}; give it {shortest_s} s or more")


def _say(line: str) -> None:
    print(line, flush=True)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
