"""Mermaid's diagrams in Sphinx: drawn in the reader's browser, by a script of this site."""

import html

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

SCRIPT = "mermaid.tiny.js"
_START = """
const chosen = document.body.dataset.theme;
const dark = chosen === "dark"
  || chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches;
mermaid.initialize({startOnLoad: true, securityLevel: "strict", theme: dark ? "dark" : "neutral"});
"""


class Mermaid(SphinxDirective):
    """A diagram; its text stays where scripts are off."""

    has_content = True

    def run(self):
        """The nodes that stand for it."""
        text = html.escape("\n".join(self.content))
        return [nodes.raw("", f'<pre class="mermaid">{text}</pre>', format="html")]


def _load(app, pagename, templatename, context, doctree):
    """Load the script in pages that have a diagram."""
    if doctree and any('class="mermaid"' in raw.astext() for raw in doctree.findall(nodes.raw)):
        app.add_js_file(SCRIPT)
        app.add_js_file(
            None, body=f"document.addEventListener('DOMContentLoaded',()=>{{{_START}}})"
        )


def setup(app):
    """Add the directive to Sphinx."""
    app.add_directive("mermaid", Mermaid)
    app.connect("html-page-context", _load)
