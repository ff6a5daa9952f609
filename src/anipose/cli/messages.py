"""Warnings that are logged in this process, told once each."""

import logging

import click


class Echo(logging.Handler):
    """Prints warnings; those of a running job come with its result, from whichever process it ran in."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "in_job", False):
            self.tell(record.getMessage())

    def tell(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            click.echo(f"{click.style('warning:', fg='yellow')} {message}", err=True)


ECHO = Echo()


def show_warnings() -> None:
    """From now on, print what anipose warns of."""
    logging.getLogger("anipose").addHandler(ECHO)
