"""Counts pulses in a state machine of the RP2's PIO: on, whatever the processors do.

Erasing flash holds both of them up for up to 400 ms, in which no interrupt is served.
"""

# The names of the assembler exist only while asm_pio runs a program.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

import rp2  # pyright: ignore[reportMissingImports] no other port has it
from machine import Pin
from micropython import const

_HERTZ = const(1000000)
_ROUNDS = const(500)  # of the loop of two cycles in a millisecond
_MASK = const(0x3FFFFFFF)


@rp2.asm_pio()
def _active_low():
    wrap_target()
    label("again")
    mov(x, osr)
    label("idle")
    jmp(pin, "high")
    jmp("again")  # active again too soon
    label("high")
    jmp(x_dec, "idle")
    wait(0, pin, 0)  # it was idle for long enough
    jmp(y_dec, "again")
    wrap()


@rp2.asm_pio()
def _active_high():
    wrap_target()
    label("again")
    mov(x, osr)
    label("idle")
    jmp(pin, "again")
    jmp(x_dec, "idle")
    wait(1, pin, 0)
    jmp(y_dec, "again")
    wrap()


_machines = {}  # number: the pin that it counts on; they run until the board restarts
_COPY = rp2.asm_pio_encode("mov(isr, y)", 0)
_PUSH = rp2.asm_pio_encode("push()", 0)


class PioCounter:
    """Pulses on a pin. debounce_ms, pull, active: as Pulse has them. Raises OSError if every
    state machine is in use."""

    def __init__(self, pin, pull, debounce_ms, active):
        program = _active_high if active else _active_low
        listened = Pin(pin, Pin.IN, pull)
        for number in range(8):
            if _machines.get(number, pin) != pin:
                continue
            try:
                self._machine = rp2.StateMachine(
                    number, program, freq=_HERTZ, in_base=listened, jmp_pin=listened
                )
                break
            except (ValueError, OSError):
                pass  # the radio's, or no room for the program
        else:
            raise OSError("no state machine is free")
        _machines[number] = pin
        self._machine.put(debounce_ms * _ROUNDS)
        self._machine.exec("pull()")
        self._machine.active(1)
        self._last = self._read()

    def _read(self):
        # Nothing of the program is disturbed: it has no use for the input register.
        self._machine.exec(_COPY)
        self._machine.exec(_PUSH)
        return self._machine.get() & _MASK

    def new(self):
        """Pulses since the last call."""
        now = self._read()
        count = (self._last - now) & _MASK  # it counts down
        self._last = now
        return count
