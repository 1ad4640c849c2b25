"""What is said of runs while nobody looks: logs, metrics, alerts."""
