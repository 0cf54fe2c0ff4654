"""tools/trunk_picture.py: the numbers that a page's table is drawn from."""

PAGE = """| trunk | GMAC |
|---|---:|
| other | 1 |

| trunk | mIoU val / test | AP50 val / test | ms |
|---|---:|---:|---:|
| A | 44.1 / 32.0 | 22.8 / 11.5 | |
| the same (CPU) | 41.9 / 34.5 | 19.6 / 8.8 | 25.7 |
| B nano (CPU), two seeds | 35.1, 39.1 / 32.6, 31.5 | 21.7, 21.8 / 17.7, 14.5 | 5.7 |
| the same from ImageNet weights (CPU) | **66.5 / 57.7** | **42.7 / 46.3** | 38.2 |
| C | 1 / 2 | 3 / 4 | 5 |
"""


def test_rows_of_the_table_become_points(load_tool):
    tool = load_tool("trunk_picture")
    found = tool.charts(tool.table(PAGE), ["C"])
    assert found["mIoU, val"] == {"A": (25.7, 41.9), "B nano": (5.7, 35.1), "B nano, ImageNet": (38.2, 66.5)}
    assert found["AP50, test_seen_drive"] == {"A": (25.7, 8.8), "B nano": (5.7, 17.7), "B nano, ImageNet": (38.2, 46.3)}
