"""Stage 1, and every fine-tuning of stage 2: one training loop, distillation."""
