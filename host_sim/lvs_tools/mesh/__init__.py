"""Real meshes of real processes on this machine, watched and judged."""
