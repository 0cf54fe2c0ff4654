import pytest

from mtzoo.compression.candidates import (
    ORIGINAL,
    Candidate,
    all_candidates,
    of_strategy,
    order_of_trial,
    strategies,
    worth_training,
)
from mtzoo.errors import UserError

INT8 = Candidate(False, False, "int8")
PRUNED = Candidate(True, False, "fp32")
PRUNED_INT8 = Candidate(True, False, "int8")
SPARSE_INT8 = Candidate(False, True, "int8")


def test_each_method_and_each_pair_once():
    found = all_candidates(("fp32", "bf16", "int8"))
    assert found[0] == ORIGINAL
    assert [c.name for c in found] == ["original", "prune0.3", "sparse0.75", "prune0.3+sparse0.75", "bf16", "prune0.3+bf16",
                                       "sparse0.75+bf16", "int8", "prune0.3+int8", "sparse0.75+int8"]
    assert not any(c.precision == "bf16" for c in all_candidates(("fp32", "int8")))


def test_a_strategy_is_a_set_of_methods():
    found = all_candidates(("int8",))
    assert of_strategy(found, "int8+prune") == of_strategy(found, "prune+int8") == [PRUNED_INT8]
    assert ORIGINAL not in of_strategy(found, None)
    assert all(len(of_strategy(found, name)) == 1 for name in strategies(found))
    with pytest.raises(UserError, match="--strategy bf16: not one for this hardware.*int8"):
        of_strategy(found, "bf16")


SPEEDUPS = {ORIGINAL: 1.0, INT8: 2.0, PRUNED: 1.3, PRUNED_INT8: 2.5, SPARSE_INT8: 2.01, Candidate(False, True, "fp32"): 1.0}


def test_what_gains_nothing_is_not_trained():
    assert worth_training(PRUNED_INT8, SPEEDUPS)
    assert not worth_training(SPARSE_INT8, SPEEDUPS)  # within the noise of int8 alone
    assert not worth_training(Candidate(False, True, "fp32"), SPEEDUPS)
    slow = {**SPEEDUPS, PRUNED: 2.6}
    assert not worth_training(PRUNED_INT8, slow)  # slower than without int8


def test_the_fastest_comes_first_and_with_a_target_the_mildest_that_reaches_it():
    candidates = [c for c in SPEEDUPS if c.methods]
    assert order_of_trial(candidates, SPEEDUPS, None) == [PRUNED_INT8, INT8, PRUNED]
    assert order_of_trial(candidates, SPEEDUPS, 1.4) == [PRUNED, INT8, PRUNED_INT8]  # 1.3 is within a tenth of it
    assert order_of_trial(candidates, SPEEDUPS, 2.6) == [PRUNED_INT8]
    with pytest.raises(UserError, match=r"--target-speedup 4: cannot be met; .*prune0.3\+int8, is 2.50 times"):
        order_of_trial(candidates, SPEEDUPS, 4.0)
    assert order_of_trial([SPARSE_INT8], SPEEDUPS, 1.2) == [], "it reaches the target, and int8 alone is as fast"
