"""What failed because this machine has no more to give: files, processes, threads, memory."""

import errno

_ADVICE = {
    errno.EMFILE: "raise `ulimit -n`, or use fewer --workers",
    errno.ENFILE: "this machine has too many files open: end what has them, or raise fs.file-max",
    errno.EAGAIN: "raise `ulimit -u` (systemd: TasksMax), or use fewer --workers",
    errno.ENOMEM: "it is short of memory: free some, or use fewer --workers",
}
# What Python says of a thread that the system does not give; it is a RuntimeError without a number.
_NO_THREAD = "can't start new thread"
_KEPT = "whatever was recorded before is kept, and `--resume` goes on with it"


def scarcity(error: BaseException | None) -> str | None:
    """Return what this machine lacks and what to do, as a sentence; None for any other failure, and for none."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        number = errno.EAGAIN
    if isinstance(error, MemoryError):
        number = errno.ENOMEM
    advice = None if number is None else _ADVICE.get(number)
    if advice is None:
        return None
    return f"this machine gives no more ({error or 'out of memory'}): {advice}; {_KEPT}"
