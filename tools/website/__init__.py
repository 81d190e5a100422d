"""The documentation site: its pages, what is generated for them, the mesh in the browser."""
