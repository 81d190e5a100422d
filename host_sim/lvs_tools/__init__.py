"""Runs the protocol of lib/lvs on a computer: real processes, simulations, tools for boards."""
