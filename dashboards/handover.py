"""What the command line hands to the pages: the settings of one process, in a file that only its owner can read.

The pages run in a child process of Streamlit. The path of the file is that child's only argument, so options of an
object store (they may be secret) stand neither on a command line nor in the environment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from dashboards.settings import DashboardSettings
from warehouse.settings import LakeSettings, SettleSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Everything the pages know of the outside.

    ``command``: the words that run a verb of the command line with the settings of this process.
    """

    lake: LakeSettings
    dashboard: DashboardSettings
    settle: SettleSettings = field(default_factory=SettleSettings)
    command: tuple[str, ...] = ()


@contextmanager
def written(handover: Handover) -> Iterator[Path]:
    """Path of a file that holds ``handover`` and is gone afterwards."""
    with TemporaryDirectory(prefix="spanledger-dashboard-") as directory:
        path = Path(directory) / "handover.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(handover)), encoding="utf-8")
        yield path


def read(path: Path) -> Handover:
    """The handover that ``written`` wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    dashboard = found["dashboard"] | {"tenants": tuple(found["dashboard"]["tenants"])}
    settle = found["settle"] | {name: tuple(found["settle"][name]) for name in ("task_of", "pdf_fonts")}
    return Handover(
        lake=LakeSettings(**found["lake"]),
        dashboard=DashboardSettings(**dashboard),
        settle=SettleSettings(**settle),
        command=tuple(found["command"]),
    )
