"""Kernels on JAX that are measured to pay, each beside a general path."""
