"""What keeps patches from being read, in HTTP."""

from __future__ import annotations

import logging

from accounts.api.problems import RETRY_SECONDS, Document, describe
from patches.git.running import GitFailed

logger = logging.getLogger(__name__)


@describe.register
def _(error: GitFailed) -> Document:
    logger.warning("git: %s", error)
    return Document(
        503,
        f"Patches cannot be read at the moment. {error.reason} Send the same request again later.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
