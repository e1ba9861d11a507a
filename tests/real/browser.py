"""A real browser to look at pages with: headless Chromium, spoken to through a pipe (Chrome DevTools Protocol).

    python -m tests.real.browser PAGE.html PICTURE.jpg [--width 1440] [--height 0] [--play SECONDS]

writes a picture of the page; height 0 is all of it. With --play the first sound is put there and played for a moment,
so that the picture shows what follows the music.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAM = "chromium"
PATIENCE_S = 60.0


class Browser:
    """One page in headless Chromium. complaints: what it wrote to its console as an error or could not load."""

    def __init__(self, width: int = 1440, height: int = 900, reduced_motion: bool = False) -> None:
        self.complaints: list[str] = []
        self._number = 0
        self._rest = b""
        self._home = tempfile.mkdtemp(prefix="browser-")
        ours, theirs = os.pipe(), os.pipe()
        flags = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--mute-audio",
            "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--remote-debugging-pipe",
            f"--user-data-dir={self._home}", "--disable-background-networking", "--disable-component-update",
            "--proxy-server=127.0.0.1:9",  # a page that asks the network for anything fails
        ]  # fmt: skip
        self._in, self._out = theirs[0], ours[1]

        def wire() -> None:  # Chromium reads from 3 and writes to 4
            low, high = os.dup2(ours[0], 20), os.dup2(theirs[1], 21)
            os.dup2(low, 3)
            os.dup2(high, 4)

        self._process = subprocess.Popen(
            [PROGRAM, *flags, "about:blank"], preexec_fn=wire, close_fds=False, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"HOME": self._home},
        )  # fmt: skip
        os.close(ours[0])
        os.close(theirs[1])
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        if reduced_motion:
            wish = [{"name": "prefers-reduced-motion", "value": "reduce"}]
            self.call("Emulation.setEmulatedMedia", features=wish)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._home, ignore_errors=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._next()
            if heard.get("id") == self._number:
                if "error" in heard:
                    raise RuntimeError(f"{method}: {heard['error']}")
                return dict(heard["result"])

    def open(self, page: Path) -> None:
        """Load a page and wait until its pictures are there."""
        self.call("Page.navigate", url=page.resolve().as_uri())
        ready = "document.readyState === 'complete' && location.href !== 'about:blank'"
        self.wait(ready)

    def evaluate(self, script: str) -> Any:
        """The value of a piece of JavaScript."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script[:80]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, script: str) -> None:
        """Until a piece of JavaScript is true."""
        end = time.monotonic() + PATIENCE_S
        while not self.evaluate(script):
            if time.monotonic() > end:
                raise TimeoutError(f"it did not become true: {script}")
            time.sleep(0.05)

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def height(self) -> int:
        """Of the whole page, in pixels."""
        return int(self.evaluate("document.documentElement.scrollHeight"))

    def picture(self, suffix: str = ".png", whole: bool = True) -> bytes:
        """What is seen, as the bytes of a picture. whole: all of the page, not only what fits the window."""
        more: dict[str, Any] = {"format": "jpeg", "quality": 84} if suffix == ".jpg" else {"format": "png"}
        if whole:
            width = int(self.evaluate("innerWidth"))
            self.resize(width, self.height())
            more["captureBeyondViewport"] = True
        return base64.b64decode(self.call("Page.captureScreenshot", **more)["data"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], PATIENCE_S)
            data = os.read(self._in, 1 << 20) if ready else b""
            if not data:
                raise RuntimeError("the browser does not answer")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        heard = dict(json.loads(line))
        self._note(heard)
        return heard

    def _note(self, heard: dict[str, Any]) -> None:
        method, told = heard.get("method"), heard.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"].get("exception", told)))
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            self.complaints.append(str(told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(told["entry"]["text"])
        elif method == "Network.loadingFailed" and not told.get("canceled"):
            self.complaints.append(f"{told['type']}: {told['errorText']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=0)
    parser.add_argument("--play", type=float)
    wanted = parser.parse_args()
    with Browser(wanted.width, wanted.height or 900) as browser:
        browser.open(wanted.page)
        browser.evaluate("document.querySelectorAll('video').forEach(video => { video.preload = 'auto'; })")
        if wanted.play is not None:
            browser.evaluate(f"player.currentTime = {wanted.play}; player.play().catch(() => {{}})")
        time.sleep(2.0)
        wanted.picture.write_bytes(browser.picture(wanted.picture.suffix, whole=not wanted.height))
        print(f"{wanted.picture}: {wanted.picture.stat().st_size >> 10} KB; page of {browser.height()} pixels")  # noqa: T201
        for complaint in browser.complaints:
            print("complaint:", complaint)  # noqa: T201


if __name__ == "__main__":
    main()
