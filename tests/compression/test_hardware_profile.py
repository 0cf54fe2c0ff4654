import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mtzoo.compression.hardware_profile import (
    KINDS,
    LEAF_KINDS,
    RATES,
    STEM,
    known_profiles,
    load_profile,
    profile_text,
)
from mtzoo.errors import UserError

ARM = "generic-arm-a75"


def stem_rates():
    return {precision: dict.fromkeys((*KINDS, STEM), 1.0) for precision in ("fp32", "int8")}


def write(path, **changes):
    values = yaml.safe_load(profile_text("x", load_profile(ARM)))
    Path(path).write_text(yaml.safe_dump({k: v for k, v in {**values, **changes}.items() if v is not None}))
    return str(path)


def test_a_written_profile_is_read_again(tmp_path):
    profile = replace(load_profile(ARM), overhead_us=3.0)
    path = tmp_path / "mine.yaml"
    path.write_text(profile_text(path.name, profile))
    assert load_profile(str(path)) == profile
    assert ARM in known_profiles()


def test_kinds_without_a_rate_are_known(tmp_path):
    """Older files have none at all; a kind counts as measured only where all precisions have it."""
    path = write(tmp_path / "mine.yaml", leaf_gvalues_s=None)
    assert load_profile(path).unmeasured() == ["stem", "move", "elementwise", "window", "resize", "table"]
    rates = {"fp32": {"move": 2.0, "window": 1.0}, "int8": {"window": 4.0}}
    assert load_profile(write(path, leaf_gvalues_s=rates)).unmeasured() == ["stem", "move", "elementwise", "resize", "table"]
    full = {precision: dict.fromkeys(LEAF_KINDS, 1.0) for precision in ("fp32", "int8")}
    assert load_profile(write(path, leaf_gvalues_s=full)).unmeasured() == ["stem"]
    stems = {"throughput_gmac_s": stem_rates(), "conv_gvalues_s": stem_rates()}
    assert load_profile(write(path, leaf_gvalues_s=full, **stems)).unmeasured() == ["stem"]  # the image is missing
    assert load_profile(write(path, leaf_gvalues_s=full, image_gvalues_s={"fp32": 1.0, "int8": 2.0}, **stems)).unmeasured() == []


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match="hardware 'generic-arm-a57': not known; there are host-cpu, SD710, generic-arm-a75; or give a"):
        load_profile("generic-arm-a57")


@pytest.mark.parametrize(("changes", "message"), [
    ({"overhead_us": 0}, r"mine\.yaml: overhead_us=0: expected a number above 0"),
    ({"overhead_us": None}, r"mine\.yaml: .*overhead_us"),
    ({"bandwith_gb_s": 3}, r"mine\.yaml: bandwith_gb_s: unknown key.*bandwidth_gb_s"),
    ({"precisions": ["int8", "int4"]}, r"'int4' is not one of fp32, bf16, int8"),
    ({"precisions": 3}, r"mine\.yaml: precisions=3: expected a list, e\.g\. \[fp32, int8\]"),
    ({"precisions": "fp32"}, r"precisions='fp32': expected a list"),
    ({"precisions": []}, "precisions is empty"),
    ({"throughput_gmac_s": {"fp32": {"pointwise": 1}}}, r"throughput_gmac_s\.fp32: expected a rate for each of pointwise, dense"),
    ({"throughput_gmac_s": stem_rates()}, r"throughput_gmac_s\.fp32 and conv_gvalues_s\.fp32: only one has a rate for stem"),
    ({"image_gvalues_s": {"bf16": 1.0}}, "image_gvalues_s.*only of its own precisions"),
    ({"image_gvalues_s": {"int8": 0}}, r"mine\.yaml: image_gvalues_s\.int8=0: expected a number above 0"),
    ({"channel_alignment": 2.5}, "channel_alignment=2.5: expected a whole number"),
    ({"sparse_ratio": 1.0}, "sparse_ratio=1.0: expected a share"),
    ({"sparse_speedup": {"bf16": 2.0}}, "sparse_speedup.*only of its own precisions"),
    ({"leaf_gvalues_s": {"bf16": {"move": 2.0}}}, "leaf_gvalues_s.*only of its own precisions"),
    ({"leaf_gvalues_s": {"int8": {"pool": 2.0}}}, r"mine\.yaml: leaf_gvalues_s\.int8\.pool: no such kind of layer; there are move, "),
    ({"leaf_gvalues_s": {"int8": {"window": 0}}}, r"leaf_gvalues_s\.int8\.window=0: expected a number above 0"),
    ({"leaf_gvalues_s": {"int8": 2.0}}, r"leaf_gvalues_s\.int8=2\.0: expected a rate for each kind"),
])
def test_what_does_not_fit_is_named(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        load_profile(write(tmp_path / "mine.yaml", **changes))


@pytest.mark.parametrize("name", RATES)
def test_one_number_for_all_precisions_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=rf"mine\.yaml: {name}=3: expected a value for each precision, e\.g\. {{fp32: "):
        load_profile(write(tmp_path / "mine.yaml", **{name: 3}))


@pytest.mark.parametrize("text", ["- a list", "a: [", "!!python/object/apply:os.system ['true']", "just text"])
def test_another_file_is_one_clear_line_and_executes_nothing(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"mine\.yaml: no[t ]") as error:
        load_profile(str(path))
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml: no such hardware profile"):
        load_profile(str(tmp_path / "none.yaml"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(UserError, match=r"pipe\.yaml: a folder, pipe or device, no hardware profile"):
        load_profile(str(tmp_path / "pipe.yaml"))
