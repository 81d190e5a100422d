"""MicroPython's ``rp2`` module for a simulated board, as far as the firmware uses it.

See ``bench``.

A state machine of the PIO runs its program cycle by cycle, in steps that follow the bench's clock,
whatever the processor does meanwhile. What it knows: jmp, wait for a pin, mov between registers,
push and pull.
"""

import bench
import machine


def country(code=None):
    """The radio's country code."""
    if code is not None:
        bench.tell("country " + code)
    return code


def bootsel_button():
    """Whether the BOOTSEL button is held."""
    return 0


class _Program:
    """A program: ``steps``: tuples (operation, arguments); ``labels``: name -> step."""

    def __init__(self, function):
        self.steps = []
        self.labels = {}
        self.first = 0
        names: dict = {name: name for name in ("x", "y", "osr", "isr", "pin", "x_dec", "y_dec")}
        for name in ("jmp", "wait", "mov", "push", "pull"):
            names[name] = self._adds(name)
        names["label"] = lambda name: self.labels.update({name: len(self.steps)})
        names["wrap_target"] = self._target
        names["wrap"] = lambda: None
        type(function)(function.__code__, names)()

    def _adds(self, operation):
        return lambda *arguments: self.steps.append((operation, arguments))

    def _target(self):
        self.first = len(self.steps)


def asm_pio(**_settings):
    """Decorator: a function that names instructions becomes a program."""
    return _Program


def asm_pio_encode(text, _sideset_count, _sideset_opt=False):
    """One instruction as ``StateMachine.exec`` takes it."""
    return text


class StateMachine:
    """One of eight; the radio has the last (``bench.claimed``)."""

    def __init__(self, number, program, freq, in_base, jmp_pin):
        if number in bench.claimed:
            raise ValueError("StateMachine claimed by external resource")
        if not 0 <= number < 8:
            raise ValueError("invalid StateMachine")
        assert in_base.number == jmp_pin.number
        self._pin = in_base
        self._program = program
        (active,) = [arguments[0] for name, arguments in program.steps if name == "wait"]
        self._idle = 1 - active
        self._hertz = freq
        self._x = self._osr = self._isr = 0
        self._y = 5  # whatever was there
        self._at = program.first
        self._sent = []
        self._received = []
        self._on = False
        self._loop = None
        bench.machines[number] = self
        self._since = bench.ticks_ms()

    def active(self, on):
        """Switch it on."""
        self._since = bench.ticks_ms()
        self._on = bool(on)
        if on:
            machine.listened(self._pin.number)

    def put(self, word):
        """Give it a word."""
        self._sent.append(word)

    def get(self):
        """Take a word from it."""
        return self._received.pop(0)

    def exec(self, text):
        """Run one instruction in between."""
        self.advance()
        name, _, rest = text.partition("(")
        step = name, tuple(part.strip() for part in rest.rstrip(")").split(",") if part)
        self._run(step, self._at)

    def advance(self):
        """Run until now; the pin's level was the present one all the time."""
        now = bench.ticks_ms()
        cycles = bench.ticks_diff(now, self._since) * self._hertz // 1000
        self._since = now
        self._loop = None
        steps = self._program.steps
        while self._on and cycles > 0:
            operation, arguments = steps[self._at]
            level = self._pin.value()
            if operation == "wait" and level != arguments[0]:
                return
            if operation == "mov":
                if self._loop == self._y:  # nothing but the pin will change anything
                    return
                self._loop = self._y
            if arguments[0] == "x_dec" and level == self._idle and cycles > 2:
                rounds = min(self._x, (cycles - 1) // 2)  # the loop that waits is two cycles long
                self._x -= rounds
                cycles -= 2 * rounds
            following = self._at + 1 if self._at + 1 < len(steps) else self._program.first
            self._at = self._run(steps[self._at], following)
            cycles -= 1

    def _run(self, step, following):
        """Run an instruction; returns where it goes on."""
        operation, arguments = step
        if operation == "mov":
            setattr(self, "_" + arguments[0], getattr(self, "_" + arguments[1]))
        elif operation == "push":
            self._received.append(self._isr)
        elif operation == "pull":
            self._osr = self._sent.pop(0)
        elif operation == "jmp":
            taken = True
            if arguments[0] == "pin":
                taken = self._pin.value()
            elif arguments[0] in ("x_dec", "y_dec"):
                name = "_" + arguments[0][0]
                value = getattr(self, name)
                setattr(self, name, (value - 1) & 0xFFFFFFFF)
                taken = value
            if taken:
                return self._program.labels[arguments[-1]]
        return following
