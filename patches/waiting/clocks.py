"""How long a patch may wait for its first review before it is carried further."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from patches.models import Patch

Stage = Patch.Stage

# FreeBSD's own times: two weeks, and three months.
AFTER: Final = {Stage.LIST: timedelta(days=14), Stage.BOARD: timedelta(days=90)}
