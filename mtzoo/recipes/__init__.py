"""What a Python user calls: a workflow in each file, from its inputs to what it leaves on disk. `mtzoo` exports the functions."""
