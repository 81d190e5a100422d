"""A deterministic world around unmodified nodes: virtual time, network, faults, measurements.

Everything here runs on CPython and on MicroPython alike, from one seed and with the same result:
no ``random``, no order taken from a dictionary, no floats.
"""
