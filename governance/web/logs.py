"""Logs as one JSON object a line: nothing a stranger wrote can start a line of its own."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from governance.web.request import REQUEST


class JsonFormatter(logging.Formatter):
    """time, level, logger, message, request id, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """ASCII only, so that control and bidirectional characters arrive escaped."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := REQUEST.get()[0]:
            line["request_id"] = request_id
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)
