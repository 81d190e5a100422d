"""Scenarios run in the simulated world: one, many, over a grid; reports and pictures."""
