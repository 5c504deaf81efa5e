"""Text: what reviews feel, and what comes next."""
