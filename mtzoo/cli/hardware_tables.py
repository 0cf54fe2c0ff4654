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
    """A row for each profile and precision."""
    convolutions = {"pointwise": "1x1", "dense": "3x3", "group": "group", "depthwise": "depthwise"}
    table = Table("hardware", "precision", *convolutions.values(), *LEAF_KINDS, "what it is",
                  title="GMAC/s of convolutions, giga values/s of other layers")
    for name, profile in profiles.items():
        description = profile.description
        for precision in profile.precisions:
            macs, values = profile.throughput_gmac_s[precision], profile.leaf_gvalues_s.get(precision, {})
            table.add_row(name, precision, *(f"{macs[kind]:g}" for kind in convolutions),
                          *(f"{values[kind]:g}" if kind in values else "-" for kind in LEAF_KINDS), description)
            name = description = ""  # of a profile in its first row
    return table
