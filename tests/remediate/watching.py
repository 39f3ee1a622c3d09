"""Look for canaries in every process and every new file while something else runs: a program, with nothing to hide.

``python watching.py REPORT CANARY FOLDER...`` looks for ``CANARY-word`` until it is told to end; the report has a line
for each place and word.
"""

import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

_BIGGEST = 64 * 1024 * 1024
_PAUSE = 0.02


class Watch:
    """What was seen, and the looking for it."""

    def __init__(self, report: Path, canary: bytes, folders: list[Path]) -> None:
        """Remember what is looked for, and where."""
        self._report, self._folders = report, folders
        self._canary, self._word = canary, re.compile(re.escape(canary) + rb"-([a-z]+)")
        self._found: set[str] = set()
        self._begun = time.time() - 1
        self._over = threading.Event()
        self._looks = 0
        self._programs: set[str] = set()

    def run(self) -> None:
        """Look until SIGTERM, then write down what was seen."""
        signal.signal(signal.SIGTERM, lambda *_: self._over.set())
        files = threading.Thread(target=self._walk)
        files.start()
        self._report.with_suffix(".ready").touch()
        while not self._over.wait(_PAUSE):
            self._looks += 1
            self._processes()
        files.join()
        self._files()
        lines = [f"looked {self._looks}", *(f"program {one}" for one in sorted(self._programs)), *sorted(self._found)]
        self._report.write_text("\n".join(lines) + "\n")

    def _walk(self) -> None:
        while not self._over.wait(_PAUSE * 5):
            self._files()

    def _processes(self) -> None:
        for process in Path("/proc").iterdir():
            if not process.name.isdigit() or int(process.name) == os.getpid():
                continue
            for what in ("cmdline", "environ"):
                try:
                    content = (process / what).read_bytes()
                    words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                except OSError:  # it ended while we looked
                    continue
                # Words with blanks are scripts.
                self._programs.update(word.rpartition("/")[2] for word in words[:3] if word.split() == [word])
                for canary in self._words(content):
                    self._found.add(f"{what} {canary} {' '.join(words)[:500]!a}")

    def _files(self) -> None:
        for folder in self._folders:
            for place, _, names in os.walk(folder):
                for name in names:
                    self._file(Path(place, name))

    def _file(self, file: Path) -> None:
        try:
            state = file.lstat()
            is_new = max(state.st_mtime, state.st_ctime) >= self._begun
            if not is_new or not file.is_file() or file.is_symlink() or state.st_size > _BIGGEST:
                return
            for canary in self._words(file.read_bytes()):
                self._found.add(f"file {canary} {oct(state.st_mode & 0o777)} {file}")
        except OSError:  # it was removed while we looked
            return

    def _words(self, content: bytes) -> set[str]:
        if self._canary not in content:
            return set()
        return {word.decode() for word in self._word.findall(content)} or {"?"}


if __name__ == "__main__":
    Watch(Path(sys.argv[1]), sys.argv[2].encode(), [Path(one) for one in sys.argv[3:]]).run()
