import pytest

from mtzoo.config import load_config
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.locate import find_config, list_zoo_weights
from mtzoo.recipes.zoo_start import zoo_start
from tests.tiny import tiny_config


@pytest.mark.parametrize(("name", "start"), [
    ("4pe_resize/multitask", "zoo:scenes_resize"), ("4pe_crop/seg_lane", "zoo:scenes_resize"),
    ("dashcam_resize/multitask_mobilenetv2", "zoo:dashcam_resize_mobilenetv2"),
    ("dashcam_crop/multitask_mobilenetv2", "zoo:dashcam_crop_mobilenetv2"),
    ("4pe_resize/multitask_mobilenetv2", "zoo:dashcam_resize_mobilenetv2"), ("zoo/seg_camvid_unlabelled", "zoo:seg_camvid"),
    ("zoo/deeplabv3p_mobilenetv2", "zoo:deeplabv3p_mobilenetv2_camvid"), ("zoo/unet", None), ("4pe_fast/multitask", None),
])
def test_a_config_finds_the_weights_that_share_most_of_its_nodes(name, start, monkeypatch):
    monkeypatch.setenv("MTZOO_DATA", "data")
    assert zoo_start(load_config(find_config(name))) == start


def test_every_model_with_weights_is_found_by_the_config_that_it_records(monkeypatch):
    monkeypatch.setenv("MTZOO_DATA", "data")
    for name, path in list_zoo_weights().items():
        assert zoo_start(load_config(find_config(load_checkpoint(path).config["name"]))) == f"zoo:{name}"


def test_a_damaged_file_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("MTZOO_ZOO", str(tmp_path))
    (tmp_path / "a.safetensors").write_bytes(b"no weights")
    assert zoo_start(tiny_config(tmp_path, ["seg"])) is None
