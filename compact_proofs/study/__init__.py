"""A study over many models: trained from seeds, proved, checked and compared (`docs/study.md`)."""
