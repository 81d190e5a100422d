"""Runs one node from its configuration on this machine, over real UDP.

The one entry point for MicroPython on Linux and for CPython::

    micropython node_main.py CONFIG.json [--journal FOLDER] [--loss P] [--seed N] ...
    python3     node_main.py CONFIG.json ...

With a journal a contribution is acknowledged when no power cut can lose it any more.

It reads one command a line from standard input and answers each with one line of JSON on
standard output, in order (``help`` lists them). Lines that answer nothing start with another
key: ``ready``, ``session``, ``report``, ``change``, ``stopping`` or ``left``. With ``--human`` it
prints text instead.
It ends at the end of its input, so a node never outlives whoever started it, as soon as others
hold what was contributed, within a minute (``stopping``: raw to tell); ``--no-input``
reads none and runs until it is stopped by a signal.

SIGINT and SIGTERM end it in the same way, said twice at once (on MicroPython at once the first
time: it says what is left).

Exit codes: 0 the input ended, ``quit`` or SIGTERM; 3 and contributions are lost that somebody
could have been told (``left``: raw); 2 a bad argument, configuration or address, said in
one line on standard error; 130 interrupted.
"""

import asyncio
import json
import select
import sys
import time

_POLL_S = 0.04  # how often standard input is looked at
_LINE_MAX = 512  # a longer command line is an error, so that no input grows the heap
_USAGE = (
    "usage: node_main.py CONFIG.json [--journal FOLDER] [--loss P] [--seed N] [--report-ms MS]"
    " [--human] [--no-input] [--faults]"
)
_REPORTED = (
    "state",
    "cycle",
    "peers",
    "trusted",
    "trust_mean",
    "pending_raw",
    "differ",
    "lost",
    "sent_bytes",
    "received_bytes",
    "dropped",
)
_COLUMNS = ("session", "channel", "claimed_raw", "credited_raw")  # of rows
_IN_WORDS = ("values", "differ", "lost", "waits")
HELP = {
    "contribute CHANNEL AMOUNT": "add an amount (units) to a channel",
    "value CHANNEL": "its value, as far as this node knows",
    "values": "the same for every channel",
    "status": "state, peers, traffic, warnings, who differs",
    "rows": "every session's contributions that this node knows",
    "watch": "print each change of a value; again to stop",
    "help": "this list",
    "quit": "end the node",
}


# MicroPython's own where they are: they wrap.
_ticks_ms = getattr(time, "ticks_ms", lambda: int(time.monotonic() * 1000))
_ticks_diff = getattr(time, "ticks_diff", lambda a, b: a - b)


class UsageError(ValueError):
    """The command line cannot be followed; the text says why."""


def parse_arguments(argv):
    """The options of a command line as a dict; raises UsageError (argparse is not on boards)."""
    options = {
        "config": None,
        "journal": None,
        "loss": 0.0,
        "seed": 0,
        "report_ms": 0,
        "human": False,
        "input": True,
        "faults": False,
    }
    numbers = {"--loss": float, "--seed": int, "--report-ms": int, "--journal": str}
    switches = {"--human": "human", "--no-input": "input", "--faults": "faults"}
    i = 0
    while i < len(argv):
        word = argv[i]
        i += 1
        if word in numbers:
            if i == len(argv):
                raise UsageError(f"{word} needs a value; {_USAGE}")
            try:
                options[word[2:].replace("-", "_")] = numbers[word](argv[i])
            except ValueError:
                raise UsageError(f"{word} {argv[i]} is not a number; {_USAGE}") from None
            i += 1
        elif word in switches:
            options[switches[word]] = word != "--no-input"
        elif word.startswith("-"):
            raise UsageError(f"unknown option {word}; {_USAGE}")
        elif options["config"] is None:
            options["config"] = word
        else:
            raise UsageError(f"one configuration only, not also {word}; {_USAGE}")
    if options["config"] is None:
        raise UsageError(_USAGE)
    if not 0 <= options["loss"] < 1:
        raise UsageError(f"--loss {options['loss']}: give at least 0 and below 1")
    if options["report_ms"] < 0:
        raise UsageError(f"--report-ms {options['report_ms']}: give 0 (no reports) or more")
    return options


def values(node, channels):
    """The raw value of every channel, by name."""
    return {name: node.value(name, raw=True) for name in channels}


def _of(node, channel):
    """What is shown of a channel, a dict."""
    return [v for v in node.values() if v["name"] == channel][0]


def report(node, channels):
    """The short account of a node that ``--report-ms`` prints."""
    status = node.status()
    short = {key: status[key] for key in _REPORTED}
    short["values"] = values(node, channels)
    short["channels"] = node.values()
    short["time"] = int(time.time())
    return short


def _contribute(node, channel, amount):
    """Contribute, durably if the node has a journal; returns a warning, or ""."""
    journal = getattr(node, "journal", None)
    if not journal or not journal.durable:
        node.contribute(channel, amount)
        return ""
    from lvs import NotDurable

    try:
        node.contribute(channel, amount, durable=True)
    except NotDurable as error:  # it counts all the same
        return str(error)
    return ""


def answer(node, channels, line):
    """Carry out one command line; returns the answer as a dict, ``{"error": ...}`` included.

    A contribution is acknowledged by what this returns, with no await in between: whoever reads
    the acknowledgement knows that the node has the contribution, and until the node's next tick
    nobody else can have heard of it.
    """
    words = line.split()
    name = words[0]
    try:
        if name == "contribute" and len(words) >= 3:
            # The channel is what stands between the command and the amount.
            channel = " ".join(words[1:-1])
            warning = _contribute(node, channel, words[-1])
            unit = _of(node, channel)["unit"]
            reply = {"answer": name, "channel": channel, "amount": words[-1], "unit": unit}
            return dict(reply, warning=warning) if warning else reply
        if name == "faults" and len(words) == 3 and hasattr(node.transport, "faults"):
            node.transport.faults(float(words[1]), int(words[2], 16))
            return {"answer": name}
        if name == "value" and len(words) >= 2:
            channel = " ".join(words[1:])
            value = node.value(channel)
            return dict(_of(node, channel), answer=name, channel=channel, value=value)
        if len(words) == 1:
            if name == "values":
                return {"answer": name, "values": node.values(), "raw": values(node, channels)}
            if name == "status":
                return {"answer": name, "status": dict(node.status(), time=int(time.time()))}
            if name == "rows":
                rows = [list(row) for row in node.rows()]
                return {"answer": name, "columns": _COLUMNS, "rows": rows}
            if name == "help":
                return {"answer": name, "help": HELP}
            if name in ("watch", "quit"):
                return {"answer": name}
    except ValueError as error:  # LvsError: the node says what is wrong, and changed nothing
        return {"answer": name, "error": str(error)}
    return {"answer": name, "error": _helpful(name, line.strip())}


_OTHERWISE = {"exit": "quit", "bye": "quit", "stop": "quit", "add": "contribute", "get": "value"}


def nearest(word, words):
    """The word that shares most with one that is not among them: a slip of the finger; or ""."""
    best, most = "", 0
    word = _OTHERWISE[word] if word in _OTHERWISE else word
    for other in words:
        pairs = [other[i : i + 2] for i in range(len(other) - 1)]
        score = 2 * sum([word[i : i + 2] in pairs for i in range(len(word) - 1)])
        score += word[:1] == other[:1]
        if score > most:
            best, most = other, score
    return best


def _helpful(name, line):
    """What to say to a line that is no command."""
    usage = {known.split(" ")[0]: known for known in HELP}
    if name in usage:
        return f"'{line}' is not how it is written: {usage[name]}"
    found = nearest(name, sorted(usage))
    meant = f"did you mean '{usage[found]}'? " if found else ""
    return f"no such command: {line}; {meant}'help' lists them"


class Announcing:
    """A transport that names the node's session before the first frame under it leaves.

    Whoever reads the node's output then knows every session that anybody can have heard of,
    even when the process is killed in the very next moment.
    """

    def __init__(self, transport, say):
        self.transport = transport
        self._say = say
        self._said = set()

    def send(self, frame, addr):
        """Send a frame; bytes 6 to 11 of every frame are its sender's session."""
        session = bytes(frame[6:12])
        if len(session) == 6 and session not in self._said:
            from lvs.status import session_name
            from lvs.wire import get16, get30

            self._said.add(session)
            self._say({"session": session_name(get16(session, 0), get30(session, 2))})
        return self.transport.send(frame, addr)

    def __getattr__(self, name):
        """Everything else is the wrapped transport's own."""
        return getattr(self.transport, name)


class Lines:
    """Complete lines of standard input, without ever waiting for one.

    A byte at a time after a poll: readline() blocks the node in the middle of a line, and on
    CPython it takes several lines at once, of which poll then knows nothing.
    """

    def __init__(self, stream):
        self._poll = select.poll()
        self._poll.register(stream, select.POLLIN)
        raw = stream.buffer
        self._raw = getattr(raw, "raw", raw)  # CPython's own buffer stands in poll's way
        self._line = bytearray()
        self.ended = False

    def next(self):
        """The next line as text; None when there is none yet, or the input has ended."""
        while not self.ended and self._poll.poll(0):
            byte = self._raw.read(1)
            if not byte:
                self.ended = True
                byte = b"\n"  # what stands before the end is a line, too
            if byte == b"\n":
                line = bytes(self._line)
                self._line = bytearray()
                try:
                    return line.decode()
                except UnicodeError:
                    return "?"  # not UTF-8: certainly no command
            if len(self._line) < _LINE_MAX:
                self._line.extend(byte)
        return None


def as_text(reply):
    """An answer, change or announcement for people: a few aligned lines."""
    if "error" in reply:
        return reply["error"]
    kind = reply.get("answer")
    if kind == "contribute":
        unit = f" {reply['unit']}" if reply["unit"] else ""
        text = f"{reply['amount']}{unit} to {reply['channel']}"
        return f"{text}; {reply['warning']}" if "warning" in reply else text
    if kind == "value":
        return f"{reply['text']} {reply['unit']} (raw {reply['raw']})"
    if kind == "values":
        return "\n".join([_shown(v) for v in reply["values"]])
    if kind == "status":
        known = sorted(reply["status"].items())
        lines = [f"{k:16} {v}" for k, v in known if k not in _IN_WORDS]
        lines += [d["text"] for d in reply["status"].get("differ", ())]
        lines += reply["status"].get("waits", ())
        lines += ["lost, or may be: " + text for text in reply["status"].get("lost", ())]
        return "\n".join(lines + [_shown(v) for v in reply["status"].get("values", ())])
    if kind == "rows":
        rows = [("session", "channel", "claimed", "credited")] + reply["rows"]
        return "\n".join([f"{s:16} {name:16} {a:>12} {b:>12}" for s, name, a, b in rows])
    if kind == "watch":
        return "every change is shown" if reply["watching"] else "changes are shown no more"
    if kind == "help":
        return "\n".join([f"{k:28} {text}" for k, text in sorted(reply["help"].items())])
    if "change" in reply:
        return f"{reply['change'][0]} is now {reply['text']}"
    if "report" in reply:
        return json.dumps(reply["report"])
    return _farewell(reply)


def _shown(value):
    retired = " (retired)" if "retired" in value else ""
    return f"{value.get('label', value['name']):16} {value['text']:>14} {value['unit']}{retired}"


def _farewell(reply):
    """What a node says that was told to stop, for people."""
    if "stopping" in reply:
        return (
            f"telling the others what nobody is known to hold yet:\n{reply['text']};"
            " a minute at most, Ctrl-C ends it"
        )
    if "left" in reply:
        fate = "the journal keeps it" if reply["kept"] else "lost with this node"
        return f"{reply['text']}: known to nobody else, {fate}"
    return ""


class Session:
    """One node with its input and output: the control task beside ``node.run()``."""

    def __init__(self, node, channels, options, say):
        self.node = node
        self.channels = channels
        self.options = options
        self.say = say
        self._watcher = None
        self._ending = None  # the task to end, once a signal asked for an end
        self.interrupted = False

    def _signals(self, running):
        """Let a signal end the node as the end of its input does, a second one at once."""
        try:
            import signal
        except ImportError:
            return  # MicroPython
        loop = asyncio.get_running_loop()

        def ask(number):
            if self._ending:
                running.cancel()
            self._ending = running
            self.interrupted = self.interrupted or number == signal.SIGINT

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ask, number)

    def prompt(self):
        """Show people that the node listens."""
        if self.options["human"]:
            sys.stdout.write("lvs> ")
            sys.stdout.flush()

    async def _watch(self):
        async for channel, value in self.node.changes():
            if self.options["human"]:
                sys.stdout.write("\r")  # in place of the prompt, which follows again
            shown = _of(self.node, channel)
            change = {"change": [channel, value], "text": shown["text"] + " " + shown["unit"]}
            self.say(dict(change, unit=shown["unit"]))
            self.prompt()

    def _obey(self, line):
        """Answer one line; returns False when it was the last."""
        if not line.split():
            self.prompt()
            return True
        reply = answer(self.node, self.channels, line)
        if reply["answer"] == "watch" and "error" not in reply:
            if self._watcher:
                self._watcher.cancel()
                self._watcher = None
            else:
                self._watcher = asyncio.create_task(self._watch())
            reply["watching"] = self._watcher is not None
        self.say(reply)
        if reply["answer"] == "quit" and "error" not in reply:
            return False
        self.prompt()
        return True

    async def run(self):
        """Run the node until its input ends; an error of the node's own tasks ends it, too.

        True when something that was contributed is lost, though there was somebody to tell.
        """
        running = asyncio.create_task(self.node.run())
        self._signals(running)
        await asyncio.sleep(0)  # the node runs now: a stop before that would be forgotten
        lines = Lines(sys.stdin) if self.options["input"] else None
        every = self.options["report_ms"]
        reported = _ticks_ms()
        self.prompt()
        while not (running.done() or self._ending):
            if lines:
                line = lines.next()
                while line is not None:
                    if not self._obey(line):
                        lines.ended = True
                    line = lines.next()
                if lines.ended:
                    break
            if every and _ticks_diff(_ticks_ms(), reported) >= every:
                reported = _ticks_ms()
                self.say({"report": report(self.node, self.channels)})
            await asyncio.sleep(_POLL_S)
        if self.options["human"]:
            sys.stdout.write("\n")
        self.node.stop()
        if self.node.running:
            self.say({"stopping": self.node.left(), "text": self.node.left_text()})
        try:
            await running
        except asyncio.CancelledError:
            pass  # what is left is said all the same
        return self.farewell()

    def farewell(self):
        """Say what nobody was told; True when it is lost, though there was somebody to tell."""
        left = self.node.left()
        journal = self.node.journal
        kept = journal.durable and not journal.error
        if left:
            self.say({"left": left, "kept": kept, "text": self.node.left_text()})
        return left and not kept and self.node.clock.heard_at is not None


def build(options, say):
    """The node of a configuration, over UDP, with the loss that was asked for.

    Returns (node, channels). Raises ConfigError for a bad configuration and OSError for an
    address or a port that cannot be used.
    """
    from lvs import Node
    from lvs.config import Config
    from lvs.holders import check
    from lvs.machine import clock
    from lvs.transport_layer import UdpTransport

    config = Config(options["config"])
    check(config.data)
    transport = UdpTransport(config.address, config.broadcast, config.port, clock)
    if transport.error:
        # A board would try again until the network is there; here somebody is looking.
        raise OSError(transport.error)
    if sys.implementation.name == "cpython" and config.broadcast == "255.255.255.255":
        from lvs_tools.options import reach_all

        transport = reach_all(transport, config)
    if options["loss"] or options["faults"]:
        from lvs_tools.mesh.lossy import Lossy

        transport = Lossy(transport, options["loss"], options["seed"])
    transport = Announcing(transport, say)
    journal = None
    if options["journal"]:
        from lvs.journal import Journal

        journal = Journal(options["journal"])
    node = Node(config, transport, journal=journal)
    return node, config.channels


def _main(argv):
    try:
        options = parse_arguments(argv)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2

    def say(reply):
        # One write of one whole line, so that a reader never sees half an acknowledgement.
        text = (
            as_text(reply) if options["human"] else json.dumps(dict(reply, time=int(time.time())))
        )
        if text:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    try:
        node, channels = build(options, say)
    except (OSError, ValueError) as error:
        text = str(error)
        if not text.startswith(options["config"]):  # a file that cannot be read names itself
            text = f"{options['config']}: {text}"
        if " is in use on 0.0.0.0" in text:
            text += (
                "; nodes of one machine need an 'address' each (docs/start.md); or `lvs watch`,"
                " or another that looks, has it: `lvs doctor` names the process"
            )
        print(text, file=sys.stderr)
        return 2
    status = node.status()
    ready = {"ready": status["mesh"], "session": status["session"], "channels": channels}
    warnings = status["warnings"] + status["lost"]
    say(dict(ready, warnings=warnings))
    if options["human"]:
        names = ", ".join(channels)
        print(f"node of mesh {status['mesh']}, channels {names}; help lists the commands")
        for warning in warnings:
            print(warning)
    session = Session(node, channels, options, say)
    try:
        lost = asyncio.run(session.run())
        return 3 if lost else 130 if session.interrupted else 0
    except KeyboardInterrupt:  # MicroPython: its node can do nothing more
        return 3 if session.farewell() else 130
    except OSError as error:
        print(f"{options['config']}: {error}", file=sys.stderr)
        return 1


def main(argv):
    """Run a node as the command line says; returns the exit code."""
    try:
        return _main(argv)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    # The project's root takes the place of this folder, whose file names could hide modules.
    _here = __file__.rpartition("/")[0] or "."
    sys.path[0] = _here + "/../.."
    sys.path.insert(0, _here + "/../../../lib")
    sys.exit(main(sys.argv[1:]))
