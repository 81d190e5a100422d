"""`lvs mesh --watch` as people have it: the command, its page's figures, its buttons, Ctrl-C."""

import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

from tests.mesh.test_processes import ENVIRONMENT, LVS, free_port, node_processes, wait_until
from tests.support import broker

_PATIENCE_S = 240


def got(url, body=None):
    """(status, JSON) that the page's server answers."""
    about = {"Content-Type": "application/json"}
    said = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, said, about)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Page:
    """What one who looks at the page sees and does."""

    def __init__(self, url):
        self.url = url

    def view(self):
        return got(f"{self.url}view.json")[1]

    def press(self, action, **about):
        status, said = got(f"{self.url}do", {"action": action, **about})
        return status, said.get("done") or said.get("error")

    def until(self, true):
        """The first view of which that is true."""
        end = time.monotonic() + _PATIENCE_S
        while not ((said := self.view()) and true(said)):
            assert time.monotonic() < end, said
            time.sleep(0.3)
        return said


def test_a_mesh_is_cut_killed_and_whole_again_on_its_page():
    port = free_port()
    words = ("mesh", "--watch", "--serve", str(broker.free_port()), "--port", str(port))
    driver = subprocess.Popen(
        [*LVS, *words, "--nodes", "4", "--micropython", "0", "--seconds", "900"],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert driver.stderr
        found = re.match(r"dashboard: (http://127\.0\.0\.1:\d+/)$", driver.stderr.readline())
        assert found
        page = Page(found[1])
        said = page.until(lambda v: v["together"]["word"] == "ONE" and v["count"] == 4)
        assert said["kind"] == "mesh" and [c["legend"] for c in said["controls"]]
        assert page.press("cut")[0] == 200
        said = page.until(lambda v: len(v["together"]["groups"]) == 2)
        assert said["together"]["word"] == "APART"
        assert page.press("drain everything") == (400, "there is no such button")
        assert any("in group 2" in node["link"] for node in said["nodes"])
        status, done = page.press("kill")
        assert status == 200 and done.startswith("127.0.0.5 was killed"), done
        page.until(lambda v: [n["name"] for n in v["nodes"] if n["trouble"]] == ["127.0.0.5"])
        assert page.press("restart") == (200, "1 started again from their journals")
        assert page.press("heal")[0] == 200
        page.until(lambda v: v["together"]["word"] == "ONE" and v["together"]["nodes"] == 4)
        driver.send_signal(signal.SIGINT)
        assert driver.wait(60) == 130
    finally:
        driver.kill()
    assert "Traceback" not in driver.stderr.read()
    wait_until(lambda: not node_processes(port), 60)
