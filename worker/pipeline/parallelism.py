"""What a worker process asks of its machine: threads of the model, how memory is kept, and a limit on it."""

import ctypes
import logging
import resource

import torch

from worker.settings import Settings

log = logging.getLogger("cladist.worker")

# mallopt(3) of glibc: its own numbers for what may be set.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
_NEVER_TRIM_BYTES = 2**31 - 1
_MOST_PASSES = 4  # in one process: more would wait for the interpreter's lock


def set_up_process(settings: Settings) -> None:
    """Apply the settings that hold for a whole process; to be called once, before its threads start."""
    if settings.keep_memory:
        keep_memory()
    if settings.torch_threads:
        torch.set_num_threads(settings.torch_threads)
    if settings.memory_limit_bytes:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (settings.memory_limit_bytes, hard))


def forward_passes(device: torch.device) -> tuple[int, int]:
    """(forward passes side by side, threads of torch for each) that make the most of a device.

    On processors passes of one thread do more than one pass of many: they never wait for each other at the end of an
    operation, nor for the thread of theirs whose core decodes an image just then. `benchmarks/throughput.py` shows it.
    """
    cores = torch.get_num_threads()
    if device.type != "cpu":
        return 1, cores
    passes = min(cores, _MOST_PASSES)
    return passes, cores // passes


def keep_memory() -> bool:
    """Keep freed memory for the next batch instead of giving it back to the kernel; False where malloc is not glibc's.

    A forward pass allocates and frees the same large blocks again and again. By default glibc maps each of them anew,
    and the kernel clears every page of it: at efficientnet_b0, batch 32, 9,000 page faults an image and twice the CPU
    time. With one heap for all threads, no mappings and no trimming there are none; the process stays at its high-water
    mark, which `benchmarks/memory.py` shows to be flat.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return False
    options = {_M_ARENA_MAX: 1, _M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: _NEVER_TRIM_BYTES}
    done = [bool(libc.mallopt(option, value)) for option, value in options.items()]
    if not all(done):
        log.warning("malloc took only some of its options: %s", done)
    return all(done)
