"""torchrun for `mtzoo` on several machines: the same options and processes, but the failed process's own line and exit status are what
the user gets. On one machine `--ctx 0,1` does it.

    python tools/torchrun_mtzoo.py --nnodes 2 --node-rank 0 --master-addr HOST --nproc-per-node 2 -m mtzoo quant-train --config CONFIG
"""

import sys

from mtzoo.cli.launch import tell, torchrun

if __name__ == "__main__":
    sys.exit(tell(torchrun(sys.argv[1:])))
