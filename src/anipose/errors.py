"""Errors that a user can do something about.

A message says what is wrong, where (file, camera, trial), why, and what to do now. The command
line prints it without a traceback; anything that is not an `AniposeError` is a fault of ours.
"""


class AniposeError(Exception):
    """Base of all errors with a message for the user."""


class ConfigError(AniposeError):
    """A config.toml that cannot be used; lists every fault found."""


class ProjectError(AniposeError):
    """Folders, names of files or cameras that do not fit together."""


class FileFormatError(AniposeError):
    """A file that is not what it should be: truncated, of another kind, or damaged."""


class FileAccessError(AniposeError):
    """A file or folder that cannot be read or written: permission, full disk, locked."""


class CalibrationError(AniposeError):
    """A calibration that cannot be found from these videos, or is not plausible."""


class PoseError(AniposeError):
    """Tracked points that do not fit the config, the calibration or each other."""


class DependencyError(AniposeError):
    """An optional part that is not installed; says how to install it."""
