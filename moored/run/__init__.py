"""One run's life: plan, chunks, readings, sample, estimates, record."""
