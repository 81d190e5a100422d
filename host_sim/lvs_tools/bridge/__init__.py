"""A gateway: a whole node of the mesh, and what it knows told to MQTT, Prometheus and SQLite."""
