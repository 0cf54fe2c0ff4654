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


def _sgd_poly(iterations=80_000, lr=0.01, weight_decay=4e-5, batch_size=8, warmup_iterations=0, warmup_ratio=1e-3,
              warmup="linear", min_lr_ratio=0.0):
    """The four steps under SGD and poly, as segmentation networks are trained: `solver = _sgd_poly(iterations=160_000)`.

    The arguments are those of the float phase. Fake-quant then takes a twentieth of its iterations from a tenth of its rate,
    either fold a fortieth, from half of the rate before. They need no warm-up: they start from trained weights.
    """
    def phase(share, rate, **schedule):
        return dict(iterations=max(round(share * iterations), 1), batch_size=batch_size,
                    optimizer=dict(type="SGD", lr=rate * lr, momentum=0.9, weight_decay=weight_decay),
                    schedule=dict(type="poly", power=0.9, min_lr_ratio=min_lr_ratio, **schedule))

    warm = dict(warmup_iterations=warmup_iterations, warmup_ratio=warmup_ratio, warmup=warmup) if warmup_iterations else {}
    return [
        dict(prefix="with-bn", float_phase=phase(1, 1, **warm), quant_phase=phase(1 / 20, 1 / 10)),
        dict(prefix="fusion-bn-c1", quant_phase=phase(1 / 40, 1 / 20)),
        dict(prefix="fusion-bn-c2", quant_phase=phase(1 / 40, 1 / 40)),
        dict(prefix="int-inference"),
    ]


def _adamw_ema(iterations, lr=1.5e-3, batch_size=8):
    """The four steps under AdamW and cosine, the float weights averaged: what trained light networks from random weights best on CamVid.

    The arguments are those of the float phase. Fake-quant then takes a twentieth of its iterations, either fold a fortieth.
    """
    def phase(share, optimizer, **more):
        return dict(iterations=max(round(share * iterations), 1), batch_size=batch_size, optimizer=optimizer,
                    schedule=dict(type="cosine", warmup_iterations=200), **more)

    adamw, fine = dict(type="AdamW", lr=lr, weight_decay=0.05), dict(type="AdamW", weight_decay=0.02)
    return [
        dict(prefix="with-bn", float_phase=phase(1, adamw, ema=dict(decay=0.998, warmup_iterations=300)),
             quant_phase=phase(1 / 20, dict(fine, lr=2e-4))),
        dict(prefix="fusion-bn-c1", quant_phase=phase(1 / 40, dict(fine, lr=1e-4))),
        dict(prefix="fusion-bn-c2", quant_phase=phase(1 / 40, dict(fine, lr=5e-5))),
        dict(prefix="int-inference"),
    ]
