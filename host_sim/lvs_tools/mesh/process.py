"""One node process of a mesh: started, spoken to, listened to, killed.

The process reads commands and answers in order (see node_main.py); it ends when its input ends,
so it cannot outlive this program, however this program ends.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections import deque
from pathlib import Path

from lvs_tools.mesh.plan import amount_text

NODE_MAIN = Path(__file__).with_name("node_main.py")
READY_S = 60.0  # thirty interpreters that start at once on two busy cores take some seconds
STOP_S = 3.0  # from the end of a node's input until it is killed
_LINE_LIMIT = 1 << 24  # bytes in an answer: `rows` of a large mesh is one long line
_LAST_WORDS = 20  # lines of a node's standard error that are kept


class NodeError(RuntimeError):
    """A node process could not start, or ended by itself; the text is its own last line."""


class Instance:
    """One life of one node, from start to end.

    ``contributed``: raw by channel, *acknowledged* contributions only; ``sessions``: every
    session that it announced (it does so before the first frame under it leaves); ``report``: its
    newest report; ``killed``: ended by this program. on_report: called with the instance and the
    values of each report.
    """

    def __init__(self, node, micropython, clock, on_report=None):
        self.node = node
        self.micropython = micropython
        self.contributed = {}
        self.sessions = set()
        self.report = None
        self.killed = False
        self.started = self.heard = 0.0
        self.last_contribution = None
        self.not_durable = []  # why contributions were acknowledged that a kill could lose
        self._clock = clock
        self._on_report = on_report
        self._process = None
        self._tasks = []
        self._waiting = deque()  # what was asked and not answered: (channel, raw, future)
        self._ready = asyncio.get_running_loop().create_future()
        # When another node has failed first, nobody waits for this one any more: no complaint.
        self._ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())
        self._idle = asyncio.Event()
        self._idle.set()
        self._errors = deque(maxlen=_LAST_WORDS)

    @property
    def alive(self):
        """True while the process runs and has not been killed."""
        return self._process is not None and self._process.returncode is None and not self.killed

    @property
    def pid(self):
        """The process id, or None before the start."""
        return self._process.pid if self._process else None

    async def start(self, interpreter, config, loss, seed, report_ms, journal=None, *more):
        """Start the process and wait until it is ready; raises NodeError with its last words.

        journal: its folder, or None for a node that forgets when it is killed; more: options.
        """
        process = await asyncio.create_subprocess_exec(
            interpreter,
            str(NODE_MAIN),
            str(config),
            *("--loss", str(loss), "--seed", str(seed), "--report-ms", str(report_ms)),
            *(("--journal", str(journal)) if journal else ()),
            *more,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
            start_new_session=True,  # Ctrl-C in the terminal is this program's to handle
        )
        self._process = process
        jobs = self._listen(process), self._complaints(process.stderr)
        self._tasks = [asyncio.create_task(job) for job in jobs]
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), READY_S)
        except asyncio.TimeoutError:
            raise NodeError(f"node {self.node} was not ready after {READY_S:g} s") from None
        self.started = self.heard = self._clock()

    async def _complaints(self, stream):
        async for line in stream:
            self._errors.append(line.decode(errors="replace").rstrip())

    async def _listen(self, process):
        async for line in process.stdout:
            try:
                said = json.loads(line)
            except ValueError:  # killed in the middle of a long answer, or a stray print
                self._errors.append(line.decode(errors="replace").rstrip())
                continue
            self._hear(said)
        await process.wait()
        gone = NodeError(self.last_words())
        if not self._ready.done():
            self._ready.set_exception(gone)
        while self._waiting:
            future = self._waiting.popleft()[2]
            if future and not future.done():
                future.set_exception(gone)
        self._idle.set()

    def _hear(self, said):
        if "session" in said:
            self.sessions.add(said["session"])
        if "ready" in said:
            self._ready.set_result(None)
        elif "report" in said:
            self.report = said["report"]
            self.heard = self._clock()
            if self._on_report:
                self._on_report(self, said["report"]["values"])
        elif "answer" in said:
            channel, raw, future = self._waiting.popleft()
            if channel and "error" not in said:
                self.contributed[channel] = self.contributed.get(channel, 0) + raw
                self.last_contribution = self._clock()
                if "warning" in said:
                    self.not_durable.append(said["warning"])
            elif "error" in said:
                self._errors.append(said["error"])
            if future and not future.done():
                future.set_result(said)
            if not self._waiting:
                self._idle.set()

    def last_words(self):
        """Why the process ended, as far as it said: its last line on standard error."""
        code = self._process.returncode if self._process else None
        words = [line for line in self._errors if line]
        return words[-1] if words else f"node {self.node} ended with exit code {code}"

    def _input(self):
        assert self._process and self._process.stdin
        return self._process.stdin

    def _write(self, line, channel="", raw=0, future=None):
        self._waiting.append((channel, raw, future))
        self._idle.clear()
        # A node that has just died is noticed by the reader; the command was told to nobody.
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._input().write(line.encode() + b"\n")

    def contribute(self, channel, raw):
        """Hand a contribution over; it counts once the node has acknowledged it."""
        if self.alive:
            self._write(f"contribute {channel} {amount_text(raw)}", channel, raw)

    def tell(self, command):
        """Give a command, whatever the answer is."""
        if self.alive:
            self._write(command)

    async def ask(self, command, timeout=10.0):
        """The node's answer to a command, as a dict; raises NodeError if there is none."""
        if not self.alive:
            raise NodeError(self.last_words())
        future = asyncio.get_running_loop().create_future()
        self._write(command, future=future)
        try:
            return await asyncio.wait_for(future, timeout)
        except asyncio.TimeoutError:
            raise NodeError(
                f"node {self.node} did not answer '{command}' in {timeout:g} s"
            ) from None

    async def acknowledged(self, timeout=5.0):
        """Wait until every command so far has been answered; False if it takes too long."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
        except asyncio.TimeoutError:
            return False
        return True

    def _signal_kill(self):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._process:
                os.killpg(self._process.pid, signal.SIGKILL)

    async def kill(self):
        """SIGKILL, then read what the process had already said."""
        self.killed = True
        self._signal_kill()
        await asyncio.gather(*self._tasks)

    async def stop(self):
        """End the process: the end of its input first, SIGKILL for one that does not listen."""
        if self._process is None:
            return
        self.killed = True
        self._input().close()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except asyncio.TimeoutError:
            pass
        finally:  # also when this coroutine is cancelled: nobody is left behind
            if self._process.returncode is None:
                self._signal_kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def interpreter_name(instance):
    """What runs an instance, for people."""
    if instance.micropython:
        return "MicroPython"
    return "CPython"
