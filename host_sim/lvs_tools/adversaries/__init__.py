"""Liars for the simulator, a file for each kind; write your own in a file of its own.

    class Name:
        def __init__(self, rng, mesh): ...
        def step(self, now_ms, heard):
            return [(destination or None, frame, source or None), ...]

rng has the methods of random.Random that make integers, choices and shuffles; mesh is a
`lvs_tools.world.liars.MeshView` (config, tag, grain, channels, address, addresses, allies, shared,
nodes).  ``step`` is called five times a second with ``heard``, the (frame, source address) pairs
that reached it since; destination None is a broadcast, source None its own address, anything else
spoofed.  It may use lvs.wire and may send anything.  A liar with an attribute ``session`` (start
grain, nonce) is trusted from the beginning where a scenario's start is established.

Files must run on MicroPython, too, for scenarios with engine = "micropython".
"""
