"""What a search does on tensors: beams, log-probs, buffers, noise."""
