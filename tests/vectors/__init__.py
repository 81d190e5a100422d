"""Cases of the wire format and the arithmetic, the same bits for every interpreter."""
