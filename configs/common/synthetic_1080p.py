"""The same scenes as a camera of 1080x1920 sees them."""

from mmengine.config import read_base

with read_base():
    from .synthetic import *

for _source in sources.values():
    _source["size_hw"] = [1080, 1920]
