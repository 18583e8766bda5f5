"""One JSON object a line on standard error, with the id of the request or of the background job in each."""

import contextvars

import structlog

request_id = contextvars.ContextVar("request_id", default="")
# The id of the run that a background worker is in.
job_id = contextvars.ContextVar("job_id", default="")


def _add_ids(logger, method, event):
    for variable in (request_id, job_id):
        if identifier := variable.get():
            event[variable.name] = identifier
    return event


def json_formatter():
    """The formatter of the logging configuration; JSON escapes control characters, so no line can be forged."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(allow=["method", "path", "status", "ms", "route", "job", "attempt", "worker"]),
            _add_ids,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
    )
