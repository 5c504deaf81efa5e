"""Dwindle makes neural networks small and proves what it cost."""
