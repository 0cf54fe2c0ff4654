"""Whether a deploy model's own integers keep its label maps exact: what its export promised, found again in the file."""

import numpy as np
import onnx

from mtzoo.deploy.info import DeployInfo
from mtzoo.deploy.stored import stored_arrays
from mtzoo.postprocess.decoders import LabelMapDecoder, logit_exponent

LARGEST_INPUT = {np.dtype(np.uint8): 255, np.dtype(np.int8): 128}


def inexact_label_maps(model: onnx.ModelProto, info: DeployInfo) -> list[str]:
    """Segmentation tasks whose logits can be too large to be enlarged exactly, and are not rounded far enough before.

    Of logits that are the sums of one stored int8 convolution; others are not looked into.
    """
    if not info.integer:
        return []
    arrays = stored_arrays(model)
    made_by = {name: node for node in model.graph.node for name in node.output}
    found = []
    for task, told in info.tasks.items():
        if not isinstance(told.decoder, LabelMapDecoder) or f"{task}.labels" not in made_by:
            continue
        largest = _largest(made_by, arrays, f"{task}.logits")
        needed = None if largest is None else logit_exponent(*largest, told.decoder.upsample)
        if needed is not None and (told.decoder.logit_exponent is None or told.decoder.logit_exponent < needed):
            found.append(task)
    return found


def _largest(made_by: dict[str, onnx.NodeProto], arrays: dict[str, np.ndarray],
             name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """((C,) the largest |integer| of each channel, (C,) exponents of their steps); None if no stored convolution made the map."""
    node = made_by.get(name)
    while node is not None and node.op_type == "Identity":
        node = made_by.get(node.input[0])
    if node is None or node.op_type != "Conv" or len(node.input) != 3:
        return None
    parts = [made_by.get(read) for read in node.input]
    if not all(part is not None and part.op_type == "DequantizeLinear" for part in parts) or len(parts[0].input) < 3:
        return None
    weight, bias, step = (arrays.get(read) for read in (parts[1].input[0], parts[2].input[0], parts[2].input[1]))
    zero = arrays.get(parts[0].input[2])
    if weight is None or bias is None or step is None or weight.dtype != np.int8 or zero is None or zero.dtype not in LARGEST_INPUT:
        return None
    rows = weight.reshape(len(weight), -1).astype(np.int64)
    one_sided = np.maximum(np.maximum(rows, 0).sum(axis=1), np.maximum(-rows, 0).sum(axis=1))
    sums = one_sided if zero.dtype == np.uint8 else np.abs(rows).sum(axis=1)
    largest = LARGEST_INPUT[zero.dtype] * sums + np.abs(bias.astype(np.int64))
    return largest, np.log2(step)
