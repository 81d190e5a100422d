"""Administration over TCP for whoever holds the key: asks, updates and restarts this board.

Off unless secrets.json has ``admin_key``. One connection at a time, few a second, with time-outs
and one small buffer: a flood of them keeps others out, and nothing else. Every request carries an
HMAC-SHA256 over a nonce of this board, every answer one over the request's. What is asked for
seldom is in admin_work, which is loaded for a request. docs/security.md says what the key guards;
docs/boards/updates.md shows the bytes.
"""

import asyncio
import builtins
import hashlib
import json
import os
import select
import socket
from binascii import hexlify

from micropython import const

from app import once

KEY_MIN = const(16)  # characters: shorter ones are guessed from one recorded connection
_LINE = const(512)  # bytes of the longest line, and of the one buffer
_FIRST_S = const(5)  # for the first request, all of it; later ones may take ...
_NEXT_S = const(10)
_TURN_MS = const(200)  # between two looks for a connection
_RETRY_MS = const(1000)  # between attempts to listen
_KEPT = const(1500)  # characters of the last lines that this board said

_print = print
listening = []  # the socket that listens; Ctrl-C ends the program without a word to its tasks


class Refused(Exception):
    """A connection that is given up; the text says as what it is counted."""


def mac(key, *parts):
    """HMAC-SHA256 (RFC 2104) of some bytes in hex; MicroPython has the hash alone."""
    if len(key) > 64:
        key = hashlib.sha256(key).digest()
    key = key + bytes(64 - len(key))
    inner = hashlib.sha256(bytes([b ^ 0x36 for b in key]))
    for part in parts:
        inner.update(part)
    outer = hashlib.sha256(bytes([b ^ 0x5C for b in key]))
    outer.update(inner.digest())
    return hexlify(outer.digest())


def same(a, b):
    """Whether two MACs are equal, in a time that does not tell where they differ."""
    if len(a) != len(b):
        return False
    differ = 0
    for i in range(len(a)):
        differ |= a[i] ^ b[i]
    return not differ


class Link:
    """A connection: lines, and runs of bytes, out of one buffer. Raises Refused."""

    def __init__(self, stream):
        self._stream = stream
        self._buffer = bytearray(_LINE)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0

    async def _fill(self, end, seconds):
        """Read on behind what is there, up to ``end``; False when the other side has closed."""
        try:
            n = await asyncio.wait_for(self._stream.readinto(self._view[self._end : end]), seconds)
        except asyncio.TimeoutError:  # noqa: UP041 - MicroPython has no other
            raise Refused("late") from None
        except OSError:
            n = 0
        self._end += n or 0
        return bool(n)

    async def line(self, seconds=_NEXT_S):
        """The next line without its end; None if the other side closed instead."""
        while True:
            at = self._buffer.find(b"\n", self._start, self._end)
            if at >= 0:
                line = bytes(self._view[self._start : at])
                self._start = at + 1
                return line
            if self._start:
                left = self._end - self._start
                self._buffer[:left] = self._buffer[self._start : self._end]
                self._start, self._end = 0, left
            if self._end == _LINE:
                raise Refused("malformed")
            if not await self._fill(_LINE, seconds):
                if self._end:
                    raise Refused("broken off")
                return None

    async def some(self, most):
        """The next bytes, up to ``most``, as a view that the next call overwrites."""
        if self._start == self._end:
            self._start = self._end = 0
            if not await self._fill(min(most, _LINE), _NEXT_S):
                raise Refused("broken off")
        start = self._start
        self._start = min(self._end, start + most)
        return self._view[start : self._start]

    async def send(self, data):
        """Send; what cannot be sent in time is given up."""
        try:
            self._stream.write(data)
            await asyncio.wait_for(self._stream.drain(), _NEXT_S)
        except asyncio.TimeoutError:  # noqa: UP041
            raise Refused("late") from None
        except OSError:
            raise Refused("broken off") from None


class Admin:
    """The service. key: bytes; board: the settings' "board"; node; wifi: a Wifi or None.

    ``counts``: requests served, and connections refused, by reason. ``restart``: what is asked
    for was said, now restart. ``said``: the last lines that were printed, and ``printed`` the
    characters since the start.
    """

    def __init__(self, key, board, node, wifi):
        self.key = key
        self.board = board
        self.node = node
        self.wifi = wifi
        self.counts = {"served": 0}
        self.restart = False
        self.listening = False
        self.tidying = False  # after an update that is kept
        self.said = ""
        self.printed = 0
        self._print = _print

    def say(self, *words, **how):
        """In place of ``print``: print, and keep it for ``lvs logs --host``."""
        self._print(*words, **how)
        if "file" not in how:
            line = " ".join([str(word) for word in words]) + "\n"
            self.printed += len(line)
            self.said = (self.said + line)[-_KEPT:]

    def count(self, what):
        """Count a request served or a connection refused."""
        self.counts[what] = self.counts.get(what, 0) + 1

    async def _requests(self, link):
        nonce = hexlify(os.urandom(16))
        await link.send(b"LVS-ADMIN 1 " + nonce + b"\n")
        turn = 0
        while not self.restart:
            # The first is due as a whole: no byte now and then.
            line = link.line(_FIRST_S)
            try:
                line = await (line if turn else asyncio.wait_for(line, _FIRST_S))
            except asyncio.TimeoutError:  # noqa: UP041
                raise Refused("late") from None
            if line is None:
                return
            proof, text = line[:64], line[65:]
            place = b" %s %d " % (nonce, turn)
            if not same(proof, mac(self.key, b"ask", place, text)):
                raise Refused("wrong key")
            try:
                request = json.loads(text)
            except ValueError:
                raise Refused("malformed") from None
            answer = await once("admin_work").answer(self, request, link)
            text = json.dumps(answer).encode()
            self.count("served")
            await link.send(mac(self.key, b"answer", place, proof, text) + b" " + text + b"\n")
            turn += 1

    async def serve(self, stream):
        """One connection, to its end; never raises."""
        try:
            await self._requests(Link(stream))
        except Refused as e:
            self.count(str(e))
        except Exception as e:  # of a request of who has the key
            self.count("failed")
            print("LVS: admin: %s: %s" % (type(e).__name__, e))

    async def _restart(self):
        """Restart as soon as the others hold what was contributed here, at the latest in 10 s."""
        print("LVS: admin: restarting")
        await asyncio.sleep_ms(_TURN_MS)
        for _ in range(100):
            if not self.node.left():
                break
            await asyncio.sleep_ms(100)
        restarts = once("restarts")
        restarts.announce()
        restarts.restart(self.node.journal)  # nothing is between this and the restart

    def _listen(self):
        """A listening socket. Raises OSError."""
        while listening:
            listening.pop().close()
        listener = socket.socket()
        listening.append(listener)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            config = self.node.config
            listener.bind(socket.getaddrinfo(config.address, config.port)[0][-1])
            listener.listen(1)
            listener.setblocking(False)
            return listener
        except OSError:
            listener.close()
            raise

    async def _while_up(self, poll, listener):
        """Serve for as long as there is a network. Raises OSError."""
        poll.register(listener, select.POLLIN)
        self.listening = True
        while not self.wifi or self.wifi.state == "up":
            try:
                connection = listener.accept()[0] if poll.poll(0) else None
            except OSError:
                connection = None  # it is gone already
            if connection:
                try:
                    connection.setblocking(False)
                    await self.serve(asyncio.StreamReader(connection))
                finally:
                    connection.close()
            if self.restart:
                await self._restart()
            await asyncio.sleep_ms(_TURN_MS)

    async def run(self):
        """Serve for ever, in one network after another."""
        said = ""
        try:
            while True:
                if not self.wifi or self.wifi.state == "up":
                    listener = None
                    try:
                        listener = self._listen()
                        await self._while_up(select.poll(), listener)
                    except OSError as e:
                        if str(e) != said:
                            said = str(e)
                            print("LVS: admin: cannot listen on TCP (%s); trying again" % said)
                    finally:
                        self.listening = False
                        if listener:
                            listener.close()
                await asyncio.sleep_ms(_RETRY_MS)
        finally:
            builtins.print = self._print


def run(board, node, wifi):
    """The service as a task, and the watch over new files if they are on trial."""
    admin = Admin(board["admin_key"].encode(), board, node, wifi)
    if once("restarts").on_trial():
        asyncio.create_task(once("trial").watch(admin))
    builtins.print = admin.say
    return admin.run()
