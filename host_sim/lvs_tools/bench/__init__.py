"""What a node costs, measured: `lvs bench` and docs/figures.md."""
