"""Power cuts, wear and damage: the journal on the file system that boards use."""
