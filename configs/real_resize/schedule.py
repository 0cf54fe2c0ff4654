"""Solver of real_resize: starts from `pretrain`, float to its end, then the quantized steps."""

_adamw = dict(type="AdamW", weight_decay=0.02)
_cosine = dict(type="cosine", warmup_iterations=100)


solver = [
    dict(prefix="with-bn",
         float_phase=dict(epochs=19, batch_size=8, optimizer=dict(_adamw, lr=2e-3), schedule=_cosine),
         quant_phase=dict(epochs=2, batch_size=8, optimizer=dict(_adamw, lr=2e-4), schedule=_cosine)),
    dict(prefix="fusion-bn-c1", quant_phase=dict(epochs=1, batch_size=8, optimizer=dict(_adamw, lr=2e-5), schedule=_cosine)),
    dict(prefix="fusion-bn-c2", quant_phase=dict(epochs=1, batch_size=8, optimizer=dict(_adamw, lr=1e-5), schedule=_cosine)),
    dict(prefix="int-inference"),
]
