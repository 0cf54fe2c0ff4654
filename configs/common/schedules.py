"""Solver steps that configs start from."""

_adamw = dict(type="AdamW", lr=2e-3, weight_decay=0.02)
_adamw_fine = dict(type="AdamW", lr=2e-4, weight_decay=0.02)
_cosine = dict(type="cosine", warmup_iterations=100)

solver = [
    dict(prefix="with-bn",
         float_phase=dict(epochs=20, batch_size=8, optimizer=_adamw, schedule=_cosine),
         quant_phase=dict(epochs=4, batch_size=8, optimizer=_adamw_fine, schedule=_cosine)),
    dict(prefix="fusion-bn-c1",
         quant_phase=dict(epochs=3, batch_size=8, optimizer=dict(_adamw_fine, lr=1e-4), schedule=_cosine)),
    dict(prefix="fusion-bn-c2",
         quant_phase=dict(epochs=3, batch_size=8, optimizer=dict(_adamw_fine, lr=5e-5), schedule=_cosine)),
    dict(prefix="int-inference"),
]
