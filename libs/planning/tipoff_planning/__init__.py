"""The pure scheduling core: calendar, occurrences, decisions, plans, progress, workflows.yaml."""
