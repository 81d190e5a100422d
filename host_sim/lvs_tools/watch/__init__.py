"""The dashboard: a page in the browser, what it shows, and the charts' past. Who fills it: mesh, sim."""
