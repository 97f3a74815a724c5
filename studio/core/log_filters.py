"""What the log leaves out."""

import logging


class OneLine(logging.Filter):
    """Keeps the message and drops the traceback: it says nothing about a request that is simply refused."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True
