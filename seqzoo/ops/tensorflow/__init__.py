"""Kernels on TensorFlow that are measured to pay, each beside a general path."""
