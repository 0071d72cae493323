"""The paper's experiments, one command each: which runs each needs, how they are tuned, and what they end in."""
