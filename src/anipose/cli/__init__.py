"""The command line: the only part of anipose that prints or exits."""
