"""`mtzoo.locate` under its older name; that module stands outside of this package so that `mtzoo list` loads no torch."""

from mtzoo.locate import find_config, find_model, list_configs, list_models

__all__ = ["find_config", "find_model", "list_configs", "list_models"]
