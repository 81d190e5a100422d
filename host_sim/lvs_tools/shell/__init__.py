"""What a shell wants to know of the command line: exit codes, completion."""
