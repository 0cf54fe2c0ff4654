"""What to use instead of operators that have no exact integer form."""

NO_EXACT_FORM = "has no exact integer form here"

OUT_OF_REACH = {
    ("LayerNorm", "layer_norm", "LayerNorm2d", "GroupNorm", "group_norm", "InstanceNorm2d", "instance_norm", "LocalResponseNorm",
     "RMSNorm", "rms_norm", "normalize", "LayerNormalization", "GroupNormalization", "InstanceNormalization", "LRN"):
        "divides by values of the image; use BatchNorm2d, which is folded into the convolution",
    ("softmax", "Softmax", "Softmax2d", "log_softmax", "matmul", "bmm", "einsum", "MultiheadAttention",
     "scaled_dot_product_attention", "baddbmm"): "is attention; use convolutions, or a gate: x * torch.sigmoid(conv(x))",
    ("Conv1d", "conv1d", "Conv3d", "conv3d"): "is not a convolution over height and width; use Conv2d",
    ("AdaptiveMaxPool2d", "adaptive_max_pool2d"): "has windows of changing size; use MaxPool2d, or AdaptiveAvgPool2d",
    ("norm", "std", "var", "exp", "log", "sqrt", "rsqrt", "pow"): f"{NO_EXACT_FORM}; use an activation of the table, or BatchNorm2d",
    ("LSTM", "GRU", "Embedding"): "is not a layer of a convolutional network; use Conv2d",
    ("grid_sample", "deform_conv2d", "DeformConv2d"): "reads at places that depend on the image; use Conv2d",
}
"""Operators that no other way of writing them would mend -> what to tell."""
ADVICE = {
    **OUT_OF_REACH,
    ("view", "reshape", "flatten", "permute", "transpose", "Flatten", "rearrange", "unflatten", "roll"):
        "reshapes in a way that is not a channel shuffle; keep maps (N, C, H, W), or use chunk, cat, PixelShuffle, ChannelShuffle",
}
"""Operators -> what to tell."""


def is_out_of_reach(operator: str) -> bool:
    """Whether a network with it is to be told of this operator first: reshapes around it are not what is wrong."""
    return any(operator in operators for operators in OUT_OF_REACH)


def advice(operator: str) -> str:
    """The end of a message that begins with the operator."""
    for operators, text in ADVICE.items():
        if operator in operators:
            return text
    return f"{NO_EXACT_FORM}; use convolutions, BatchNorm2d, activations, pools, interpolate, cat, + and * (docs/backbones.md)"
