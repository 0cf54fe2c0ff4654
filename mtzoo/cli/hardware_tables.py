"""What `mtzoo hardware` prints."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from mtzoo.compression.hardware_profile import LEAF_KINDS, STEM, HardwareProfile
from mtzoo.compression.latency import operator_seconds, read_operators
from mtzoo.engine.hardware_stems import IMAGE_HW, STEMS, stem_network
from mtzoo.engine.latency_check import Ranked


def ranking_table(name: str, ranked: Sequence[Ranked]) -> Table:
    """A row for each network, predicted beside measured."""
    table = Table("variant", "predicted ms", "measured ms", "measured / predicted", title=f"{name}, OpenVINO, the fastest first")
    for column in table.columns[1:]:
        column.justify = "right"
    for r in ranked:
        table.add_row(r.name, f"{r.predicted_ms:.1f}", f"{r.measured_ms:.1f}", f"{r.measured_ms / r.predicted_ms:.2f}")
    return table


def profile_table(profiles: Mapping[str, HardwareProfile]) -> Table:
    """A row for each kind of layer, a column for each profile and precision."""
    convolutions = {"pointwise": "1x1", "dense": "3x3", "group": "group", "depthwise": "depthwise", STEM: STEM}
    table, columns = _table_of("layers", "GMAC/s of convolutions, giga values/s of other layers", profiles)
    rates = {title: [profile.throughput_gmac_s[precision].get(kind) for profile, precision in columns]
             for kind, title in convolutions.items()}
    for kind in LEAF_KINDS:
        rates[kind] = [profile.leaf_gvalues_s.get(precision, {}).get(kind) for profile, precision in columns]
    rates["image"] = [profile.image_gvalues_s.get(precision) for profile, precision in columns]
    for title, row in rates.items():
        table.add_row(title, *("-" if rate is None else f"{rate:g}" for rate in row))
    return table


def stem_table(profiles: Mapping[str, HardwareProfile]) -> Table:
    """A row for each form of a first layer: the predicted time of the image and of it."""
    table, columns = _table_of("stem", f"ms of image and stem, {IMAGE_HW[0]}x{IMAGE_HW[1]} pixels, predicted", profiles)
    for title, stem in STEMS.items():
        operators = read_operators(stem_network(stem), IMAGE_HW)[:2]
        table.add_row(title, *(f"{1e3 * sum(operator_seconds(o, profile, precision) for o in operators):.2f}"
                               for profile, precision in columns))
    return table


def _table_of(first: str, title: str, profiles: Mapping[str, HardwareProfile]) -> tuple[Table, list[tuple[HardwareProfile, str]]]:
    """An empty table, and the profile and the precision of each of its columns behind the first."""
    table = Table(first, title=title)
    for name, profile in profiles.items():
        for precision in profile.precisions:
            table.add_column(f"{name} {precision}", justify="right")
    return table, [(profile, precision) for profile in profiles.values() for precision in profile.precisions]
