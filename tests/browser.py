"""Chromium without a window, driven by the DevTools protocol: pages are opened, clicked, read and photographed."""

import base64
import itertools
import json
import shutil
import subprocess
import time

import pytest


def find_chromium():
    """The program, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


class Browser:
    """A browser with one page. `problems`: errors of the page's script; `asked`: URLs that the page requested."""

    def __init__(self, folder):
        websocket = pytest.importorskip("websocket")
        program = find_chromium()
        if program is None:
            pytest.skip("there is no Chromium")
        self._process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={folder}",
             "--window-size=1500,950", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        port = self._port(folder / "DevToolsActivePort")
        self._socket = websocket.create_connection(f"ws://127.0.0.1:{port}", timeout=60)
        self._numbers, self._session = itertools.count(1), None
        self.problems, self.asked = [], []
        (page,) = [t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        attached = self.send("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setDeviceMetricsOverride", width=1500, height=950, deviceScaleFactor=1, mobile=False)

    def _port(self, file):
        for _ in range(600):
            if file.exists() and len(lines := file.read_text().splitlines()) == 2:
                return "".join(lines)  # the port, and the path of the socket
            if self._process.poll() is not None:
                pytest.skip("Chromium does not start here")
            time.sleep(0.1)
        pytest.skip("Chromium does not answer")

    def send(self, method, **params):
        """The result of a command; events that come before it are noted."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        self._socket.send(json.dumps(message | ({"sessionId": self._session} if self._session else {})))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer.get("method"), answer.get("params", {}))

    def _note(self, method, params):
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])

    def open(self, path):
        """Open a file; returns when it has loaded."""
        self.problems, self.asked = [], []
        self.send("Page.navigate", url=path.as_uri())
        self.wait(f"document.readyState === 'complete' && location.href === {json.dumps(path.as_uri())}")

    def value(self, expression):
        """The value of a JavaScript expression."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, expression):
        """Return when the expression is true. Fails after a minute."""
        for _ in range(1200):
            if self.value(expression):
                return
            time.sleep(0.05)
        raise AssertionError(f"never true: {expression}")

    def click(self, selector, dx=0.5, dy=0.5):
        """Press and release the mouse on the first such element, in its middle, which is scrolled into view."""
        chosen = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{chosen}.scrollIntoView({{block: 'center', inline: 'center'}})")
        box = self.value(f"(b => [b.x + b.width * {dx}, b.y + b.height * {dy}])({chosen}.getBoundingClientRect())")
        hit = self.value(f"{chosen}.contains(document.elementFromPoint({box[0]}, {box[1]}))")
        assert hit, f"{selector} is covered by another element, or out of view"
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def move(self, selector, dx=0.5, dy=0.5):
        """Put the mouse over an element."""
        chosen = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{chosen}.scrollIntoView({{block: 'center'}})")
        x, y = self.value(f"(b => [b.x + b.width * {dx}, b.y + b.height * {dy}])({chosen}.getBoundingClientRect())")
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def press(self, key, code=None):
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=code or key)

    def photograph(self, path):
        """Write what is seen to a PNG."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self._socket.close()
        self._process.terminate()
        self._process.wait(30)
