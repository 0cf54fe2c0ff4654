"""A zoo of multi-task road-scene networks, deployed as the integer network that was validated."""

__version__ = "0.1.0"
