"""Start background tasks that are neither collected early nor fail in silence."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger("portico.tasks")
_running: set[asyncio.Task[Any]] = set()


def spawn(work: Coroutine[Any, Any, Any], *, name: str) -> "asyncio.Task[Any]":
    """Run `work` as a task; a reference is kept until it ends, an exception is logged."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running.add(task)
    task.add_done_callback(_finished)
    return task


def _finished(task: "asyncio.Task[Any]") -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("background task %s failed", task.get_name(), exc_info=error)
