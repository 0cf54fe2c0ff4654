"""What all configs of 4pe_resize share: network and geometry, solver, synthetic scenes, the six tasks."""

from mmengine.config import read_base

with read_base():
    from ..common.resize import *
    from ..common.synthetic import data_root, sources
    from ..common.tasks import *
