"""Boards: profiles, flashing, deploying, talking to them, and stand-ins without hardware."""
