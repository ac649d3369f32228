"""Settings of property tests under mutation: the same examples each time, and none made smaller."""

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutation",
    database=None,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutation")
