import pytest
import torch

import mtzoo
from mtzoo.recipes.config import config_for, config_of


def test_a_shipped_config_by_name_with_options_and_tasks():
    config = mtzoo.load_config("real_resize/multitask", options={"env.workers": 0}, tasks=["seg_default"])
    assert config.env.workers == 0
    assert list(config.classes) == ["seg_default"]
    assert config_of(config) is config


@pytest.mark.parametrize(("name", "options", "said"), [
    ("real_resize/multitusk", {}, "did you mean"), ("tiny.py", {"env.wrokers": 1}, "tiny.py: env.wrokers: unknown key"),
    ("tiny.py", {"nodes.neck.inputs": ["gone"]}, "tiny.py: .*gone"),
])
def test_what_is_wrong_is_named(project, name, options, said):
    with pytest.raises(mtzoo.UserError, match=said):
        mtzoo.load_config(project / name if name.endswith(".py") else name, options=options)


def test_a_network_is_built_and_a_checkpoint_is_loaded(project):
    net = mtzoo.build_model(project / "tiny.py")
    trained, config = mtzoo.load_checkpoint(project / "float.pt")
    assert not net.training
    assert not trained.training
    assert net.state_dict().keys() == trained.state_dict().keys()
    outputs = trained(torch.zeros(1, 3, 64, 96))
    assert set(outputs) == set(config.classes) == {"det", "seg", "cls"}


def test_a_checkpoint_brings_its_config_along(project):
    assert config_for(project / "float.pt", None).classes == config_for(project / "float.pt", project / "tiny.py").classes
