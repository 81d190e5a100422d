"""The dashboard: its page, what is shown on it, the past of its charts. mesh and sim fill it."""
