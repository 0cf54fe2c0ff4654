import pytest

import mtzoo


def test_a_narrower_network_and_its_integers(project, tmp_path, quiet):
    made = mtzoo.prune(project / "float.pt", out=tmp_path / "out", pruning=mtzoo.Pruning(0.3, align=4), calib_images=2, limit=2,
                       threads=None, console=quiet)
    narrow, _ = mtzoo.load_checkpoint(made.checkpoint)
    whole, _ = mtzoo.load_checkpoint(project / "float.pt")
    parameters = [sum(p.numel() for p in net.parameters()) for net in (narrow, whole)]
    assert parameters[0] < parameters[1]
    heads = [net.nodes["cls_head"] for net in (narrow, whole)]
    assert [head.classify.conv.out_channels for head in heads] == [2, 2], "the classes stay"
    assert heads[0].expand.conv.out_channels < heads[1].expand.conv.out_channels
    assert made.integers.passed
    assert made.integers.result.macs <= 0.7 * made.integers.base.macs


@pytest.mark.parametrize(("ratio", "options", "said"), [
    (None, {}, "give --ratio"), (0.3, {"max_drop": 1.0}, "go together"), (None, {"sensitivity": "t.json"}, "go together"),
])
def test_options_go_together(project, tmp_path, quiet, ratio, options, said):
    with pytest.raises(mtzoo.UserError, match=said):
        mtzoo.prune(project / "float.pt", out=tmp_path / "out", pruning=mtzoo.Pruning(ratio), console=quiet, **options)
    assert not (tmp_path / "out").exists()
