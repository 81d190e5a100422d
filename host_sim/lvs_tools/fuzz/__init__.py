"""Hostile input for one node: who is attacked, who judges, who writes the frames, fuzz targets."""
