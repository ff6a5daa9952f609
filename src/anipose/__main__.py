"""`python -m anipose` is the same as `anipose`."""

from anipose.cli.main import main

main(prog_name="anipose")
