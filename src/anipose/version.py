"""The version of the package: nothing else is here, so that it can be read without importing anything."""

__version__ = "2.0.0.dev0"
