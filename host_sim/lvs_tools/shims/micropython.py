"""MicroPython's ``micropython`` module, for CPython."""

import bench


def const(value):
    """The value itself (a compile-time constant on a board)."""
    return value


def schedule(function, argument):
    """Run function(argument) soon. Here: when the bench next lets time pass."""
    if len(bench.scheduled) >= 8:
        raise RuntimeError("schedule queue full")
    bench.scheduled.append((function, argument))


def alloc_emergency_exception_buf(_size):
    """Room for an exception raised inside an interrupt; CPython needs none."""


def opt_level(_level=None):
    """The compiler's optimisation level; CPython has its own."""
    return 0


def native(function):
    """Machine code on a board, the plain function here."""
    return function


viper = native
