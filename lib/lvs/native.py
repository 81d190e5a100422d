"""What is called most, as machine code: the plain twins, with the same bits, are in ``fixed``.

A port without MicroPython's native emitter cannot import this, and goes on with those.
"""

import micropython


@micropython.viper
def mix(h: int, x: int) -> int:
    """As fixed.mix."""
    h ^= x
    return ((h & 0x7FFF) * 20021 + (h >> 15)) & 0x3FFFFFFF


@micropython.viper
def mix4(h: int, x: int, y: int, z: int) -> int:
    """As fixed.mix4."""
    h ^= x
    h = (((h & 0x7FFF) * 20021 + (h >> 15)) & 0x3FFFFFFF) ^ y
    h = (((h & 0x7FFF) * 20021 + (h >> 15)) & 0x3FFFFFFF) ^ z
    return ((h & 0x7FFF) * 20021 + (h >> 15)) & 0x3FFFFFFF


@micropython.viper
def crc16(data, n: int) -> int:
    """As fixed.crc16."""
    if int(len(data)) < n:
        raise IndexError(n)
    p = ptr8(data)  # pyright: ignore[reportUndefinedVariable] - viper has it
    c = 0xFFFF
    for i in range(n):
        x = (c >> 8) ^ p[i]
        x ^= x >> 4
        c = ((c << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xFFFF
    return c
