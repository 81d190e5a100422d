"""Imports every module of lvs that is named, and says which."""

import sys

for name in sys.argv[1:]:
    __import__("lvs." + name)
    print(name)
