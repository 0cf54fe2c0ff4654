"""The page's CSS: light and dark after the reader's system, no fonts or files from elsewhere."""

CSS = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #667085; --paper: #f4f6f9; --card: #fff; --line: #dde2ea; --accent: #2f7ed8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #98a2b3; --paper: #12161d; --card: #1b212b; --line: #2f3846 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif }
header, main { max-width: 1180px; margin: 0 auto; padding: 0 24px }
header { padding-top: 32px }
h1 { margin: 0 0 8px; font-size: 28px; letter-spacing: -.01em }
h2 { margin: 0 0 14px; font-size: 18px }
pre { margin: 0 0 10px; padding: 8px 12px; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace }
.facts span { margin-right: 18px; color: var(--soft) }
.facts b { color: var(--ink); font-weight: 600 }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(125px, 1fr)); gap: 12px; margin: 16px 0 20px }
.card { padding: 12px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 12px }
.card b { display: block; font-size: 24px; line-height: 1.2; font-variant-numeric: tabular-nums }
.card span { color: var(--soft); font-size: 13px; overflow-wrap: anywhere }
section { margin: 0 0 20px; padding: 20px 22px; background: var(--card); border: 1px solid var(--line); border-radius: 14px }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 18px; margin-bottom: 16px }
figure { margin: 0 }
figcaption { font-weight: 600; margin-bottom: 4px }
.scroll { overflow-x: auto }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px }
th, td { padding: 6px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th { color: var(--soft); font-weight: 600 }
th:first-child, td:first-child { text-align: left }
details { margin-top: 12px }
summary { cursor: pointer; color: var(--accent) }
svg { display: block; width: 100%; height: auto; font: 11px system-ui, sans-serif }
svg .grid { stroke: var(--line) }
svg .mark { stroke: var(--soft); stroke-dasharray: 3 3 }
svg .tick { fill: var(--soft) }
svg .label { fill: var(--ink); font-size: 13px }
svg .value { fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 3px }
svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round }
.legend { margin: 6px 0 0; color: var(--soft); font-size: 13px }
.legend span { display: inline-block; margin-right: 14px }
.legend i { display: inline-block; width: 11px; height: 11px; margin-right: 5px; border-radius: 3px }
.pictures th, .pictures td { text-align: left; border: 0; padding: 3px; min-width: 240px }
.pictures .title { padding-top: 10px; color: var(--soft); font-size: 13px }
h3 { margin: 22px 0 8px; font-size: 16px }
.pictures figcaption { font-weight: 400; color: var(--soft); font-size: 13px; overflow-wrap: anywhere }
.pictures.chart { max-width: 900px }
.pictures.chart img { background: #fff }
.pictures input { position: absolute; opacity: 0 }
.pictures img { display: block; width: 100%; border-radius: 6px; cursor: zoom-in }
.pictures input:focus-visible + img { outline: 2px solid var(--accent) }
.pictures input:checked + img { position: fixed; inset: 0; z-index: 1; width: 100%; height: 100%; padding: 16px; object-fit: contain;
  background: #000d; cursor: zoom-out }
""".strip()
