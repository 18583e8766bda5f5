"""One JSON object a line on standard error, with the id of the request in each."""

import contextvars

import structlog

request_id = contextvars.ContextVar("request_id", default="")


def _add_request_id(logger, method, event):
    if identifier := request_id.get():
        event["request_id"] = identifier
    return event


def json_formatter():
    """The formatter of the logging configuration; JSON escapes control characters, so no line can be forged."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(allow=["method", "path", "status", "ms", "route"]),
            _add_request_id,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
    )
