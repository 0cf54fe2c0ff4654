"""What `mtzoo hardware` prints."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from mtzoo.compression.hardware_profile import LEAF_KINDS, HardwareProfile
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
    convolutions = {"pointwise": "1x1", "dense": "3x3", "group": "group", "depthwise": "depthwise"}
    table = Table("layers", title="GMAC/s of convolutions, giga values/s of other layers")
    columns = [(profile, precision) for profile in profiles.values() for precision in profile.precisions]
    for name, profile in profiles.items():
        for precision in profile.precisions:
            table.add_column(f"{name} {precision}", justify="right")
    for kind, title in convolutions.items():
        table.add_row(title, *(f"{profile.throughput_gmac_s[precision][kind]:g}" for profile, precision in columns))
    for kind in LEAF_KINDS:
        rates = [profile.leaf_gvalues_s.get(precision, {}).get(kind) for profile, precision in columns]
        table.add_row(kind, *("-" if rate is None else f"{rate:g}" for rate in rates))
    return table
