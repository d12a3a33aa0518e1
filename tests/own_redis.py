"""A plugin of pytest, named by ``tests.run``: each process of it gets a Redis database of its own.

Without it, one that empties its cache would empty the other's. It has to come before the settings.
"""

import os

_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker.startswith("gw") and "REDIS_URL" in os.environ:
    _server, _, _ = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{_server}/{int(_worker[2:]) + 1}"
