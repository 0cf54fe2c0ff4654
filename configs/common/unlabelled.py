"""CamVid beside street scenes that nobody labelled, for a training with a teacher that goes on from a checkpoint."""


def _with_unlabelled(sources, tasks, solver):
    """Change a config's values in place: `_with_unlabelled(sources, tasks, solver)`. The frames are in $UNLABELLED."""
    # With 1,500 frames, half of all crops are of them.
    sources["unlabelled"] = dict(type="UnlabelledImages", images="$UNLABELLED", weight=0.25)
    tasks["seg"]["train"] = ["seg_train", "unlabelled"]
    # A weight of 3, as without a teacher, finds signs and persons too often.
    weights = dict(zip(tasks["seg"]["classes"], tasks["seg"]["loss"]["class_weights"]), sign=2.0, person=2.0)
    tasks["seg"]["loss"]["class_weights"] = list(weights.values())
    phase = solver[0]["float_phase"]
    del phase["epochs"]
    phase.update(iterations=2600, optimizer=dict(phase["optimizer"], lr=2e-3))
