"""The command line: one file a command in `commands/`; it parses, calls, stores and prints."""
