"""A review plan becomes thresholds that send to people what the plan sends to people."""

from policies import HEAD, TAXONOMY, compiled, facts

from classifier.bundles.calibration import ReviewPlan, ReviewSubtree
from worker.policies.review_thresholds import review_thresholds

PLAN = ReviewPlan(
    budget_per_day=10,
    assets_per_day=100,
    threshold=0.6,
    subtrees=(ReviewSubtree(node="k", cost=5, threshold=0.9),),
    reviews_per_day=10,
    beyond_budget_per_day=0,
    coverage=0.9,
    accuracy=0.95,
    samples=100,
)


def test_a_plan_as_thresholds() -> None:
    found = review_thresholds(TAXONOMY, PLAN)
    assert found == {"Weapons": 0.6, "Landscape": 0.6, "Weapons > Knives": 0.9}
    lines = "".join(f"  {name}: {value}\n" for name, value in found.items())
    head = f"{HEAD}thresholds:\n{lines}"
    for rule in ("if: {under: [Weapons, Landscape]}", "if: {under: [Landscape, Knives, Weapons]}", "if: {level: 1}"):
        policy = compiled(rule, head=head)
        for probs, decided, number in (
            ({"w": 0.95, "g": 0.7}, "g", 0),
            ({"w": 0.95, "g": 0.5}, "g", None),
            ({"w": 0.95, "k": 0.8}, "k", None),  # by its own threshold, though Weapons is sure enough
            ({"w": 0.95, "k": 0.92}, "k", 0),
            ({"l": 0.65, "c": 0.5}, "l", 0),
        ):
            assert policy.route(facts(probs, decided)).rule == number, (rule, probs)


def test_a_plan_that_reviews_all_or_nothing_is_a_threshold_too() -> None:
    for value, expected in ((-3.0, 1e-6), (1.0, 1.0)):
        plan = PLAN.model_copy(update={"threshold": value, "subtrees": ()})
        assert set(review_thresholds(TAXONOMY, plan).values()) == {expected}
