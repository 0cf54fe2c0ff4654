"""What this machine has: processor cores and memory. Bounds of what is asked for are told with it."""

import os
from contextlib import suppress
from pathlib import Path

from mtzoo.errors import UserError

LEAST_PROCESSES = 64
"""So many processes or threads are allowed on every machine."""
PER_CORE = 8
"""Processes or threads for each core, on larger ones."""
MEMORY_SHARE = 0.8
SPIN_COUNT = 3000
"""Turns that a thread of OpenMP waits for the others awake. Measured in docs/growth.md: fewer slow small steps, more slow a training
beside another job."""
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Memory that this process may use: the machine's, or less in a container."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")] if hasattr(os, "sysconf") else [1 << 40]
    for path in _LIMITS:
        with suppress(OSError, ValueError):  # "max" is no number: there is no limit
            found.append(int(Path(path).read_text()))
    return min(found)


def limit_spinning() -> None:
    """Let OpenMP's threads sleep soon when they wait, in this process and in those that it starts, unless the environment says how they
    wait. It has an effect before torch is imported, and with GNU's OpenMP, which torch brings along on Linux."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPIN_COUNT))


def check_processes(name: str, count: int) -> None:
    """Raises UserError for more processes or threads than are sensible here. name: the key or option, e.g. "env.workers"."""
    most = max(LEAST_PROCESSES, PER_CORE * cores())
    if count > most:
        raise UserError(f"{name}={count}: this machine has {cores()} cores; at most {most} are allowed")


def check_memory(name: str, need: int) -> None:
    """Raises UserError where `need` bytes are more than the machine can give. name: what asks for them, e.g. "env.cache_mb=9999"."""
    most = memory_bytes()
    if need > MEMORY_SHARE * most:
        raise UserError(f"{name}: needs {_gib(need)} GiB or more, this machine has {_gib(most)}; lower it")


def _gib(count: int) -> str:
    return f"{count / 2**30:,.1f}" if count < 2**60 else "millions of"
