"""Before a mesh is built: what it needs, and whether that fits."""
