"""Helpers around models: names, seeds, data and pictures."""
