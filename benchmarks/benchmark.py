"""Times on one core, per shipped model: export, proof, check, and two ways to do without a proof.

.venv/bin/python benchmarks/benchmark.py [--repeats 3] [MODEL ...]
"""

import os


def use_one_core() -> None:
    """Bind this process, and those that it starts, to one core and one thread of linear algebra."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


if __name__ == "__main__":
    use_one_core()
    # NumPy starts its threads when it is loaded, so it is loaded only now.
    from measurements import main

    main()
