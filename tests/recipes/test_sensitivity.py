import pytest
import torch

import mtzoo
from mtzoo.engine.channel_sensitivity import device_of
from mtzoo.recipes import sensitivity


@pytest.mark.parametrize(("ratios", "name", "said"), [([], "t.json", "between 0 and 1"), ([1.5], "t.json", "between 0 and 1"),
                                                      ([0.3], "t.txt", "must end in .json")])
def test_ratios_and_the_table_are_checked_first(project, tmp_path, quiet, ratios, name, said):
    with pytest.raises(mtzoo.UserError, match=said):
        mtzoo.measure_sensitivity(project / "float.pt", out=tmp_path / name, ratios=ratios, console=quiet)


def test_a_picture_of_the_user_is_not_overwritten(project, tmp_path, quiet):
    (tmp_path / "t.png").write_bytes(b"a photo")
    with pytest.raises(mtzoo.UserError, match=r"t\.json: its picture would overwrite .*t\.png; choose another --out"):
        mtzoo.measure_sensitivity(project / "float.pt", out=tmp_path / "t.json", importance="l1", console=quiet)
    assert (tmp_path / "t.png").read_bytes() == b"a photo"


class Reached(Exception):
    """Raised in place of an evaluation."""


def test_the_network_is_evaluated_on_the_device_of_ctx(project, tmp_path, quiet, monkeypatch):
    def reached(config, folded, limit):
        raise Reached(device_of(folded).type)

    monkeypatch.setattr(sensitivity, "measure_original", reached)
    monkeypatch.setattr(sensitivity, "single_device", lambda ctx: torch.device("meta" if ctx == "0" else "cpu"))
    for ctx, device in ((None, "cpu"), ("0", "meta")):
        with pytest.raises(Reached, match=device):
            mtzoo.measure_sensitivity(project / "float.pt", out=tmp_path / "t.json", importance="l1", ctx=ctx, console=quiet)


@pytest.mark.slow
def test_a_table_is_kept_and_gone_on_with(project, tmp_path, quiet):
    options = {"out": tmp_path / "t.json", "ratios": [0.5], "limit": 1, "align": 4, "console": quiet}
    first = mtzoo.measure_sensitivity(project / "float.pt", **options)
    assert first.same
    assert first.picture.is_file()
    again = mtzoo.measure_sensitivity(project / "float.pt", **options)
    assert again.table.points == first.table.points != []
