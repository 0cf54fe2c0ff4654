"""Networks from elsewhere, from a float ONNX file or a PyTorch module to an exact integer ONNX file. See docs/foreign.md.

    net = from_onnx("model.onnx", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    net.quantize(images).export("model-int8.onnx")
"""

from mtzoo.foreign.network import Foreign, QuantizedForeign, from_onnx, from_torch

__all__ = ["Foreign", "QuantizedForeign", "from_onnx", "from_torch"]
