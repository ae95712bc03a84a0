"""Work done by several threads at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable


def in_threads(*works: Callable[[], object], seconds: float = 60) -> None:
    """Run all at once; raise what one of them raises, or that one does not end."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait()
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
        assert not thread.is_alive()
    if errors:
        raise errors[0]
