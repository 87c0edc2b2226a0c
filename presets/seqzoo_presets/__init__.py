"""Trained models for seqzoo, a folder each: `sz.from_preset("spelling_to_sound")`."""
