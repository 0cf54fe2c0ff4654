"""What is known of a target: a small YAML file, shipped or of the user's own. See docs/auto_compression.md."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import yaml

from mtzoo.errors import UserError, did_you_mean
from mtzoo.files import read_whole
from mtzoo.plain_yaml import YAML_SUFFIXES, parse_yaml
from mtzoo.settings.target import HOST

FOLDER = Path(__file__).parent / "hardware"
MAX_BYTES = 1 << 20
PRECISIONS = ("fp32", "bf16", "int8")
KINDS = ("pointwise", "dense", "group", "depthwise")
"""Kinds of convolutions: 1x1; larger kernels of one group; groups of several input channels; groups of one."""
STEM = "stem"
"""A convolution of one group that reads the image: its three channels leave most of a vector empty."""
LEAF_KINDS = ("move", "elementwise", "window", "resize", "table")
"""Kinds of all other layers, as their classes state them: values that only move (Concat, nearest, ...); sums and products; pools and
means; bilinear resizing; functions by table."""

RATES = ("throughput_gmac_s", "conv_gvalues_s", "skip_gvalues_s", "leaf_gvalues_s", "image_gvalues_s", "sparse_speedup")
"""What a profile says of each precision."""


@dataclass(frozen=True)
class HardwareProfile:
    """A target in a few numbers, from which `predict_latency` ranks networks.

    channel_alignment: channels (per group) are computed in blocks of so many. overhead_us: of each operator. bandwidth_gb_s: with
    which operators without arithmetic read and write. throughput_gmac_s, conv_gvalues_s: precision -> kind of convolution -> giga
    multiply-accumulates, and giga values read and written, per second; without STEM, which older profiles have not, the first
    convolution is of the kind that its kernel says. skip_gvalues_s: precision -> giga values per second that a skip adds to a sum.
    leaf_gvalues_s: precision -> LEAF_KINDS -> giga values read and written per second; a kind that is not there was not measured, and
    is taken to be as fast as `bandwidth_gb_s`. image_gvalues_s: precision -> giga values of an image per second that become what a
    stem reads; without it that takes no time. sparse_speedup: precision -> factor for 1x1 convolutions of which `sparse_ratio` of the
    weights is zero, 1 where the runtime has no sparse kernels.
    """

    description: str
    precisions: tuple[str, ...]
    channel_alignment: int
    overhead_us: float
    bandwidth_gb_s: float
    throughput_gmac_s: Mapping[str, Mapping[str, float]]
    conv_gvalues_s: Mapping[str, Mapping[str, float]]
    skip_gvalues_s: Mapping[str, float]
    leaf_gvalues_s: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    image_gvalues_s: Mapping[str, float] = field(default_factory=dict)
    sparse_ratio: float = 0.75
    sparse_speedup: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.precisions, tuple):
            raise UserError(f"precisions={self.precisions!r}: expected a list, e.g. [fp32, int8]")
        if not self.precisions:
            raise UserError("precisions is empty; name those that the hardware computes in, e.g. [fp32, int8]")
        for name in RATES:
            if not isinstance(rates := getattr(self, name), Mapping):
                raise UserError(f"{name}={rates!r}: expected a value for each precision, e.g. {{{self.precisions[0]}: ...}}")
        for precision in self.precisions:
            if precision not in PRECISIONS:
                raise UserError(f"precisions: '{precision}' is not one of {', '.join(PRECISIONS)}")
            self._check_convolutions(precision)
        for name in ("sparse_speedup", "leaf_gvalues_s", "image_gvalues_s"):
            if set(getattr(self, name)) - set(self.precisions):
                raise UserError(f"{name}={dict(getattr(self, name))}: only of its own precisions {', '.join(self.precisions)}")
        for precision, rates in self.leaf_gvalues_s.items():
            _check_leaf_rates(f"leaf_gvalues_s.{precision}", rates)
        for name in ("sparse_speedup", "image_gvalues_s"):
            for precision, value in getattr(self, name).items():
                _positive(f"{name}.{precision}", value)
        if not isinstance(self.channel_alignment, int):
            raise UserError(f"channel_alignment={self.channel_alignment!r}: expected a whole number")
        for name in ("channel_alignment", "overhead_us", "bandwidth_gb_s"):
            _positive(name, getattr(self, name))
        if not isinstance(self.sparse_ratio, float) or not 0 < self.sparse_ratio < 1:
            raise UserError(f"sparse_ratio={self.sparse_ratio!r}: expected a share between 0 and 1")

    def _check_convolutions(self, precision: str) -> None:
        for name in ("throughput_gmac_s", "conv_gvalues_s"):
            rates = getattr(self, name).get(precision)
            if not isinstance(rates, Mapping) or set(rates) - {STEM} != set(KINDS):
                raise UserError(f"{name}.{precision}: expected a rate for each of {', '.join(KINDS)}, got {rates!r}; "
                                "`mtzoo hardware --calibrate` measures all of them")
            for kind, rate in rates.items():
                _positive(f"{name}.{precision}.{kind}", rate)
        if (STEM in self.throughput_gmac_s[precision]) != (STEM in self.conv_gvalues_s[precision]):
            raise UserError(f"throughput_gmac_s.{precision} and conv_gvalues_s.{precision}: only one has a rate for {STEM}; "
                            "give both or none")
        _positive(f"skip_gvalues_s.{precision}", self.skip_gvalues_s.get(precision))

    def unmeasured(self) -> list[str]:
        """STEM and LEAF_KINDS, as far as one of its precisions has no rate of them."""
        stem = all(STEM in self.throughput_gmac_s[p] and p in self.image_gvalues_s for p in self.precisions)
        others = [kind for kind in LEAF_KINDS if any(kind not in self.leaf_gvalues_s.get(p, {}) for p in self.precisions)]
        return others if stem else [STEM, *others]


def known_profiles() -> list[str]:
    """Names that `load_profile` finds without a path."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_profile(name_or_path: str) -> HardwareProfile:
    """A shipped profile by its name, or a YAML file of the same keys.

    Raises UserError with the known names, or naming the file and the key that does not fit. Nothing in the file is executed.
    """
    path = Path(name_or_path)
    if path.suffix not in YAML_SUFFIXES:
        path = FOLDER / f"{name_or_path}.yaml"
        if name_or_path not in known_profiles():
            raise UserError(f"hardware '{name_or_path}': not known; there are {', '.join([HOST, *known_profiles()])}; or "
                            "give a .yaml file that `mtzoo hardware --calibrate` wrote")
    content = read_whole(path, "hardware profile", MAX_BYTES, "name one that `mtzoo hardware --calibrate` wrote")
    return _build(path, parse_yaml(content.decode(errors="replace"), path))


def profile_text(name: str, profile: HardwareProfile) -> str:
    """The profile as YAML text of a file called `name`, with a first line that says what it is."""
    values = {f.name: getattr(profile, f.name) for f in fields(profile)}
    values["precisions"] = list(profile.precisions)
    title = f"# hardware profile of mtzoo, see docs/auto_compression.md; use it as --deploy-hardware {name}\n"
    return title + yaml.safe_dump(values, sort_keys=False)


def _build(path: Path, values: object) -> HardwareProfile:
    known = [f.name for f in fields(HardwareProfile)]
    if not isinstance(values, dict):
        raise UserError(f"{path}: no hardware profile; it must contain the keys {', '.join(known)}")
    for key in values:
        if key not in known:
            raise UserError(f"{path}: {key}: unknown key{did_you_mean(str(key), known)}")
    if isinstance(values.get("precisions"), list):
        values = {**values, "precisions": tuple(values["precisions"])}
    try:
        return HardwareProfile(**values)
    except (UserError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: {error}") from error


def _check_leaf_rates(name: str, rates: object) -> None:
    if not isinstance(rates, Mapping):
        raise UserError(f"{name}={rates!r}: expected a rate for each kind of layer, of {', '.join(LEAF_KINDS)}")
    for kind, rate in rates.items():
        if kind not in LEAF_KINDS:
            raise UserError(f"{name}.{kind}: no such kind of layer; there are {', '.join(LEAF_KINDS)}")
        _positive(f"{name}.{kind}", rate)


def _positive(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise UserError(f"{name}={value!r}: expected a number above 0")
