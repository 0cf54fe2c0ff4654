"""tools/foreign_peers.py: IoU of networks whose classes have other names."""


import cv2
import numpy as np
import pytest

from mtzoo.cli.main import main
from mtzoo.config import config_from_dict
from mtzoo.errors import UserError
from tests.checkpoints import write_checkpoint
from tests.tiny import HW, config_values, write_images

SKY, ROAD, VEHICLE, VOID = 0, 3, 8, 11


@pytest.fixture
def tool(load_tool):
    return load_tool("foreign_peers")


def write_frame(root, mask):
    for folder, values in (("images", np.zeros((*mask.shape, 3), np.uint8)), ("masks", mask)):
        (root / folder).mkdir(parents=True)
        cv2.imwrite(str(root / folder / "0.png"), values)
    return [root / "images" / "0.png"]


def test_iou_counts_the_classes_that_a_network_knows_on_labelled_pixels(tool, tmp_path):
    """Sky 2 of 3 pixels; vehicle 1 of 3; road is told as nothing that it knows; what is void counts nowhere."""
    images = write_frame(tmp_path, np.array([[SKY, SKY, SKY, VEHICLE, VEHICLE, ROAD, VOID]], np.uint8))
    table = np.full(256, tool.OTHER, np.uint8)
    table[[5, 7]] = SKY, VEHICLE
    said = np.array([[5, 5, 7, 7, 1, 1, 7]], np.uint8)
    peer = tool.Peer("theirs", lambda image: said, table, 1_230_000)
    assert tool.class_ious(peer, images) == {"sky": pytest.approx(100 * 2 / 3), "vehicle": pytest.approx(100 / 3)}
    row = tool.table([peer], images, 0).splitlines()[-1]
    assert row == "| theirs | 1.23 | - | 50.0 | 66.7 |" + " - |" * 7 + " 33.3 |" + " - |" * 2


def test_a_class_that_no_frame_has_is_left_out_of_the_mean(tool, tmp_path):
    images = write_frame(tmp_path, np.full((2, 2), SKY, np.uint8))
    peer = tool.Peer("ours", lambda image: np.full((2, 2), SKY, np.uint8), np.arange(256, dtype=np.uint8), 0)
    assert tool.class_ious(peer, images) == {"sky": 100.0}


def test_ours_is_measured_from_the_picture_to_its_labels(tool, tmp_path, monkeypatch, capsys):
    root = write_images(tmp_path / "data", 1)
    values = config_values(root, ["seg"])
    values["tasks"]["seg"]["classes"] = list(tool.NAMES)
    model = tmp_path / "tiny.onnx"
    assert main(["export", str(write_checkpoint(tmp_path / "x.pt", config_from_dict(values), 3)), "--out", str(model)]) == 0
    monkeypatch.setattr(tool, "PEERS", {})
    labels = tool.ours(model, 1).look(np.zeros((*HW, 3), np.uint8))
    assert (labels.shape, labels.dtype) == (HW, np.uint8)
    capsys.readouterr()
    assert tool.main(["--peers", str(tmp_path), "--camvid", str(root), "--model", str(model), "--runs", "1"]) == 0
    name, size, ms, mean = (cell.strip() for cell in capsys.readouterr().out.splitlines()[-1].split("|")[1:5])
    assert (name, size) == ("tiny", f"{model.stat().st_size / 1e6:.2f}")
    assert float(ms) > 0
    assert 0 <= float(mean) <= 100


def test_a_model_of_other_classes_is_told(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(tool.DeployModel, "load", lambda path, threads: type("Model", (), {"classes": {"seg": ("road",)}})())
    with pytest.raises(UserError, match="no segmentation task with CamVid's classes"):
        tool.ours(tmp_path / "x.onnx", 1)
