"""One Chromium for all tests of pages, over the DevTools protocol, and what a page did that it should not have."""

import base64
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Request

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="needs playwright"),
]
AXE = "axe-core@4.14.1"
# As its registry states it (MPL-2.0, Deque): a tool of these tests, fetched for them and never part of what is built.
_SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start it, and end it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 — only where it is installed

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield started
        started.close()


class Watched:
    """A page, and everything it did that it should not have."""

    def __init__(self, browser: "Browser", scheme: str = "light", *, width: int = 1280, script: str = "") -> None:
        """Open a page that is offline; ``script`` is run in every document before its own."""
        self.trouble: list[str] = []
        dark = scheme == "dark"
        self._context = browser.new_context(
            offline=True, color_scheme="dark" if dark else "light", viewport={"width": width, "height": 900}
        )
        if script:
            self._context.add_init_script(script)
        self.page: Page = self._context.new_page()
        self.page.on("console", lambda message: self.trouble.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)

    def _dialog(self, dialog: "Dialog") -> None:
        self.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: "Request") -> None:
        if not request.url.startswith(("file://", "data:")):
            self.trouble.append(f"request: {request.url}")

    def open(self, file: Path) -> None:
        """Go to a page."""
        self.page.goto(file.as_uri())

    def close(self) -> None:
        """Close it, and find that it did nothing that it should not have."""
        self._context.close()
        assert self.trouble == [], self.trouble

    def hosts(self) -> list[str]:
        """Return the hosts that the fleet page shows."""
        return self.page.locator("#fleet tbody tr:visible th").all_inner_texts()

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)


def axe() -> str:
    """Return axe-core's script: fetched once by npm into a cache, and held to the hash above each time it is used."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auditor-tests"
    archive = cache / f"{AXE.replace('@', '-')}.tgz"
    if not archive.exists():
        _fetch(archive)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert digest == _SHA512, f"{archive} is not {AXE} as its registry states it: delete it"
    with tarfile.open(archive) as packed:
        member = packed.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode("utf-8")


def _fetch(archive: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here (Debian package npm)")
    archive.parent.mkdir(parents=True, exist_ok=True)
    place = archive.parent / f".fetching-{os.getpid()}"
    place.mkdir()
    try:
        done = subprocess.run([npm, "pack", AXE], cwd=place, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            pytest.skip(f"npm cannot fetch {AXE} here: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
        (fetched,) = place.glob("*.tgz")
        fetched.replace(archive)
    finally:
        shutil.rmtree(place)
