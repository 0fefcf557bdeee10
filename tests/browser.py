"""A headless browser for tests: Chromium, spoken to in its DevTools protocol through two pipes."""

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def found():
    """The path of a browser, or `None`."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A page that is open in the browser."""

    def __init__(self, commands, answers):
        self.commands, self.answers = commands, answers
        self.sent = 0
        self.session = None
        self.requests = []

    def send(self, method, **parameters):
        """The result of a command; what happens meanwhile is only looked at for requests of the page."""
        self.sent += 1
        message = {"id": self.sent, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        self.commands.write(json.dumps(message).encode() + b"\0")
        self.commands.flush()
        while (answer := self.receive()).get("id") != self.sent:
            pass
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def receive(self):
        answer = b"".join(iter(lambda: self.answers.read(1), b"\0"))
        message = json.loads(answer)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        return message

    def open(self, address):
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.send("Network.enable")
        self.send("Page.enable")
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)
        self.send("Page.navigate", url=address)
        while self.evaluate("document.readyState") != "complete":
            pass

    def evaluate(self, expression):
        """The value of an expression in the page; a promise's result."""
        done = self.send(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, key, *, control=False, command=None):
        """A key pressed and released, with what the browser does on it."""
        modifiers = 2 if control else 0
        code = {"Tab": 9, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35}.get(
            key, ord(key[0].upper())
        )
        what = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.send("Input.dispatchKeyEvent", type="rawKeyDown", commands=[command] if command else [], **what)
        self.send("Input.dispatchKeyEvent", type="keyUp", **what)


@contextmanager
def page(address):
    """A `Page` that shows an address, in a browser of its own, which cannot reach the network."""
    (browser_reads, commands), (answers, browser_writes) = os.pipe(), os.pipe()

    def place_pipes():
        # Chromium reads commands from 3 and writes answers to 4; high numbers first, lest one overwrite another.
        high = [os.dup2(end, 200 + number) for number, end in enumerate((browser_reads, browser_writes))]
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)

    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            found(),
            "--headless",
            "--no-sandbox",  # root has none
            "--disable-gpu",
            "--no-first-run",
            "--window-size=1200,900",
            "--proxy-server=127.0.0.1:9",
            f"--user-data-dir={folder}",
            "--remote-debugging-pipe",
        ]
        browser = subprocess.Popen(
            arguments,
            preexec_fn=place_pipes,  # noqa: PLW1509 (it only places descriptors)
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(browser_reads)
        os.close(browser_writes)
        try:
            with os.fdopen(commands, "wb") as write, os.fdopen(answers, "rb") as read:
                shown = Page(write, read)
                shown.open(address)
                yield shown
        finally:
            browser.terminate()
            browser.wait(20)
