"""Attacks: every liar against a simulated mesh, and the tables and pages of what it costs."""
