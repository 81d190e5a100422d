"""Sphinx's configuration of the site; tools/website/build.py lays the pages out and calls it."""

import lvs
from tools.website import mermaid

project = "LVS"
author = "The LVS authors"
copyright = "The LVS authors, MIT licence"  # noqa: A001
release = version = lvs.__version__

extensions = ["myst_parser"]
root_doc = "README"
source_suffix = {".md": "markdown"}
nitpicky = True
myst_heading_anchors = 4  # links to headings are the forge's, and are checked
myst_fence_as_directive = ["mermaid"]

html_theme = "furo"
html_title = f"LVS {release}"
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False


def setup(app):
    """What Sphinx calls first."""
    mermaid.setup(app)
