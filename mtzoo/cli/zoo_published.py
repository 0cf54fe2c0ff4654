"""What others have published of the zoo's networks: how much quicker int8 and pruned forms are, on their hardware.

Source: PaddleSeg's model compression tutorial (`slim/README`, TensorRT on a V100, 1024x2048) and PaddleSlim's automatic compression of
segmentation networks (TensorRT 8 on a T4; PP-HumanSeg-Lite with Paddle Lite on an SD710).
"""

from typing import NamedTuple


class Published(NamedTuple):
    """Milliseconds. quantized: int8; pruned: ratio -> what is left; hardware: on which both ran."""

    base: float
    quantized: float | None
    hardware: str
    pruned: dict[str, float] = {}  # noqa: RUF012


V100, T4, SD710 = "V100", "T4", "SD710"
PUBLISHED = {
    "zoo/deeplabv3_resnet50_os8": Published(204.2, 150.1, V100),
    "zoo/deeplabv3p_resnet50_os8": Published(147.2, 89.5, V100),
    "zoo/gcnet_resnet50_os8": Published(201.8, 126.1, V100),
    "zoo/pspnet_resnet50_os8": Published(266.8, 206.8, V100),
    "zoo/fastscnn": Published(7.0, None, V100, {"0.1": 5.9, "0.2": 5.7, "0.3": 5.6}),
    "zoo/fcn_hrnetw18": Published(43.28, None, V100, {"0.1": 40.46, "0.2": 40.41, "0.3": 38.84}),
    "zoo/unet": Published(76.04, None, V100, {"0.1": 74.39, "0.2": 72.10, "0.3": 66.96}),
    "zoo/pp_liteseg_t": Published(1.425, 1.158, T4),
    "zoo/pp_humanseg_lite": Published(56.363, 49.656, SD710),
}
"""Config -> its row. Their pruning ratios are shares of the filters; ours are of the int8 latency."""
