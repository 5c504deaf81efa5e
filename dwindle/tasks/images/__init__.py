"""Handwritten digits: what training needs; how an image is read stands in dwindle/infer/images."""
