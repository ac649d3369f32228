"""The 102 strategies of Gross et al. (arXiv 2406.11779), by the names of their code, and ours for each.

Theirs are brute force, cubic, and every combination of a treatment of the direct path, of the mean of
the attention over queries, and of the error that is left of QK. Which of ours stands for a combination
follows from what it avoids computing (`docs/strategies.md` says why ours certifies at least as much).
"""

from itertools import product

# Treatment of the direct path -> what we do with the table EU.
DIRECT_PATH = {
    "mean-query+max-diff": "low-rank",
    "svd-query+max-diff": "low-rank",
    "max-diff": "low-rank",
    "max-diff-exact": "exact",
    "global-max-diff-exact": "exact",
}
# With or without a mean over queries; our bounds are of each query by itself, which needs neither.
ATTENTION_MEAN = ("mean-query+diff", "drop-average-query-per-output-logit-reasoning")
# Treatment of the attention error -> what we do with the table QK.
ATTENTION_ERROR = {
    "svd": "low-rank",
    "max-diff": "low-rank",
    "max-diff-subproduct": "low-rank",
    "max-diff-subproduct-recursive": "quadratic",
    "mean+max-diff": "low-rank",
    "mean+max-diff-subproduct": "low-rank",
    "mean+max-diff-subproduct-recursive": "quadratic",
    "mean-recursive+max-diff-subproduct-recursive": "quadratic",
    "exact-EQKE+max-diff-exact": "exact",
    "max-diff-exact": "exact",
}
OURS = {
    ("exact", "exact"): "sub-cubic",
    ("exact", "low-rank"): "low-rank-QK",
    ("exact", "quadratic"): "quadratic-QK",
    ("low-rank", "exact"): "low-rank-EU",
    ("low-rank", "low-rank"): "low-rank-QK-EU",
    ("low-rank", "quadratic"): "quadratic-QK-low-rank-EU",
}


def published_name(direct_path: str, attention_mean: str, attention_error: str) -> str:
    """The published code's name of a combination."""
    return f"EUPU-{direct_path}--attn-{attention_mean}--attn-err-{attention_error}"


# Published name -> the name of our strategy that certifies at least as much.
OUR_STRATEGY: dict[str, str] = {
    "brute-force": "exact",
    "cubic": "cubic",
    **{
        published_name(direct_path, mean, error): OURS[DIRECT_PATH[direct_path], ATTENTION_ERROR[error]]
        for direct_path, mean, error in product(DIRECT_PATH, ATTENTION_MEAN, ATTENTION_ERROR)
    },
}
