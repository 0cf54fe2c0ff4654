"""From a float network to an exact integer file that takes its place."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

import mtzoo
from mtzoo.deploy.file import read_deploy_file
from mtzoo.errors import UserError
from mtzoo.foreign.latency import measure
from mtzoo.foreign.network import pixels_of
from mtzoo.runtime.verify import verify
from tests.foreign.files import model, op, saved, weights

HW = (32, 48)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pictures(count: int = 6, seed: int = 0) -> list[np.ndarray]:
    """(H, W, 3) uint8, smooth, with bright borders: a wrong border of the first convolution shows."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HW[0], :HW[1]]
    waves = [127 + 120 * np.sin(x / rng.uniform(2, 9) + y / rng.uniform(2, 9) + c) for _ in range(count) for c in range(3)]
    return list(np.stack(waves).reshape(count, 3, *HW).transpose(0, 2, 3, 1).astype(np.uint8))


class Slopes(nn.Module):
    """A small classifier and map with learnt slopes, a shuffle, and an average of the image itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.act = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.PReLU(8)
        self.shrink, self.second = nn.AvgPool2d(2, 2), nn.Conv2d(11, 4, 3, padding=1)
        self.fc = nn.Linear(4, 5)
        with torch.no_grad():
            self.act.weight.copy_(torch.linspace(-0.3, 1.2, 8))

    def forward(self, x):
        y = self.act(self.bn(self.conv(x)))
        y = self.second(torch.cat([torch.channel_shuffle(y, 2), self.shrink(x)], 1))
        return y, self.fc(y.relu().mean((2, 3)))


@pytest.fixture(scope="module")
def source():
    torch.manual_seed(0)
    return mtzoo.from_torch(Slopes(), torch.zeros(1, 3, *HW), mean=MEAN, std=STD, output_names=["map", "scores"])


@pytest.fixture(scope="module")
def exported(source, tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign") / "net-int8.onnx"
    batch = torch.from_numpy(np.concatenate([source.signature().encode(image)["input"] for image in pictures()]))
    source.quantize([(batch, "a label")]).export(path)
    return path


def test_the_file_has_the_inputs_and_outputs_of_the_network_and_is_exact(source, exported):
    file = read_deploy_file(exported)
    assert [(t.name, t.dtype, t.shape) for t in file.info.inputs] == [("input", "float32", (1, 3, *HW))]
    assert [(t.name, t.shape) for t in file.info.outputs] == [("map", (1, 4, 16, 24)), ("scores", (1, 5))]
    report = verify(exported, pictures(2, seed=1))
    assert report.mismatches == {"integer": 0, "onnxruntime": 0, "openvino": 0}
    assert report.executors["openvino"].values["scores"] == 2 * 5


def test_it_says_what_the_float_network_says(source, exported):
    session, module = onnxruntime.InferenceSession(str(exported)), source.network.module
    for image in pictures(3, seed=2):
        feeds = source.signature().encode(image)
        found = dict(zip(("map", "scores"), session.run(None, feeds)))
        with torch.no_grad():
            wanted = module(torch.from_numpy(feeds["input"]))
        for name, value in found.items():
            a, b = wanted[name].numpy().ravel(), value.ravel()
            assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.995


def test_the_folded_normalisation_gives_what_the_network_reads_at_its_border_too(source):
    """Folded into the convolution, with the mean colour around the image; normalised in float for what averages it."""
    image = pictures(1)[0]
    with torch.no_grad():
        wanted = source.network.module(torch.from_numpy(source.signature().encode(image)["input"]))["map"]
        u = (torch.from_numpy(image[:, :, ::-1].copy()).permute(2, 0, 1)[None].float() - 128) / 128
        found = source.folded(u)["net"]["map"]
    assert (wanted - found).abs().max() < 0.01 * wanted.abs().max()  # the mean colour in whole levels
    inside = (wanted - found)[:, :, 2:-2, 2:-2]
    assert inside.abs().max() < 1e-4 * wanted.abs().max()


def test_a_file_that_reads_the_pixels_themselves(source, tmp_path):
    path = tmp_path / "pixels.onnx"
    source.quantize([np.stack(pictures()).transpose(0, 3, 1, 2)]).export(path, dtype="uint8")
    assert [(t.name, t.dtype) for t in read_deploy_file(path).info.inputs] == [("input", "uint8")]
    assert verify(path, pictures(1)).passed


def test_what_is_fed_is_taken_back_to_the_pixels(source):
    image, signature = np.random.default_rng(0).integers(0, 256, (*HW, 3), dtype=np.uint8), source.signature()
    assert (signature.pixels(signature.encode(image)["input"]) == image[:, :, ::-1].transpose(2, 0, 1)).all()


def test_latency_is_measured_beside_the_original(source, exported):
    found = measure(source, read_deploy_file(exported), 1, 1)
    assert set(found) == {"onnxruntime fp32", "openvino fp32", "openvino bf16", "onnxruntime int8", "openvino int8"}
    assert all(value > 0 for value in found.values())


@pytest.mark.parametrize(("item", "message"), [
    (np.zeros((1, 3, 8, 8), np.float32), r"shape \(1, 3, 8, 8\); expected \(N, 3, 32, 48\)"),
    (np.full((3, *HW), 200.0, np.float32), "no .x / 255 - mean. / std of pixels"),
    (np.full((3, *HW), np.nan, np.float32), "no .x / 255 - mean. / std of pixels"),
    (np.zeros((3, *HW), np.int64), "int64; expected float32 as the network reads it, or uint8"),
])
def test_images_that_the_network_does_not_read(source, item, message):
    with pytest.raises(UserError, match=message):
        pixels_of(item, source.signature(), HW, 0)


def test_no_image_to_observe_ranges_on(source):
    with pytest.raises(UserError, match="no image to observe ranges on"):
        source.quantize([])


def test_a_description_that_is_not_its_graphs_is_refused(exported, tmp_path):
    """Outputs, input and leaves of the signature are checked against the graph before anything is built."""
    import onnx

    for change, message in (
            (lambda info: info["signature"].update(input_name="other"), "its inputs do not fit"),
            (lambda info: info["signature"]["outputs"][0].update(shape=[1, 4, 1, 1]), "its outputs are not those"),
            (lambda info: info["signature"].pop("tail"), None),
            (lambda info: info["tasks"]["net"].update(kind="segmentation"), "kind"),
            (lambda info: info.update(signature=None), "its inputs do not fit")):
        made = onnx.load(exported)
        info = json.loads(next(p.value for p in made.metadata_props if p.key == "mtzoo"))
        change(info)
        onnx.helper.set_model_props(made, {"mtzoo": json.dumps(info)})
        path = saved(made, tmp_path / "changed.onnx")
        if message is not None:
            with pytest.raises(UserError, match=message):
                read_deploy_file(path)


def test_a_float_onnx_file_end_to_end(tmp_path):
    """Two outputs, one behind a softmax, and a join of a map with itself moved."""
    nodes = [op("Conv", ["image", "w"], "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), op("Relu", ["x"], "r"),
             op("Conv", ["r", "v"], "logits"), op("Softmax", ["logits"], "p", axis=1), op("GlobalAveragePool", ["r"], "g"),
             op("Flatten", ["g"], "t1")]
    made = model(nodes, {"w": weights(8, 3, 3, 3), "v": weights(4, 8, 1, 1)}, ["p", "t1"], shape=(1, 3, *HW))
    path = saved(made, tmp_path / "f.onnx")
    source = mtzoo.from_onnx(path, mean=[0], std=[1], order="bgr")
    source.quantize([np.stack(pictures()).transpose(0, 3, 1, 2)]).export(tmp_path / "i.onnx")
    report = verify(tmp_path / "i.onnx", pictures(1))
    assert report.passed
    assert {"net.logits", "p", "t1"} <= set(report.executors["onnxruntime"].values)
    assert report.executors["onnxruntime"].float_error < 1e-5


@pytest.mark.parametrize(("answer", "names", "message"), [
    (lambda x: {"a": x}, ["b"], "returns a dict, whose keys are its outputs' names"),
    (lambda x: [x, "text"], None, "the module returns Tensor, str; expected tensors"),
    (lambda x: (x, x), ["one"], "expected 2 different names"),
])
def test_outputs_that_cannot_be_named(answer, names, message):
    class Module(nn.Module):
        def forward(self, x):
            return answer(x)

    with pytest.raises(UserError, match=message):
        mtzoo.from_torch(Module(), torch.zeros(1, 3, *HW), mean=[0], std=[1], output_names=names)


def test_an_example_that_is_no_image():
    with pytest.raises(UserError, match=r"expected a tensor \(1, 3, H, W\), not \(1, 1, 8, 8\)"):
        mtzoo.from_torch(nn.Identity(), torch.zeros(1, 1, 8, 8), mean=[0], std=[1])


def test_the_epsilon_of_a_norm_is_the_networks_own():
    """A channel of almost no variance: with another epsilon its factor is ten times as large."""
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, eps=1e-3))
    net[1].running_var.fill_(1e-6)
    source = mtzoo.from_torch(net, torch.zeros(1, 3, *HW), mean=[0], std=[1])
    image = pictures(1)[0][:, :, ::-1].copy()
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        assert torch.allclose(source.folded((pixels - 128) / 128)["net"]["output"], net(pixels / 255), atol=1e-3)
