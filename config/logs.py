"""What the log says where Django would say too much."""

from __future__ import annotations

import logging


def tell_host_in_one_line(record: logging.LogRecord) -> bool:
    """Spare the operator a traceback for every robot that asks for another name."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return True  # said already: logging that is configured twice filters twice
    asked = str(error).partition("header: ")[2].partition(". You may")[0]
    record.msg = f"refused a request for the host {asked}: BASE_URL names the one that is answered"
    record.args = ()
    record.exc_info = record.exc_text = None
    return True
